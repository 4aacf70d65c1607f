"""The container's health check: exit status 0 if the consumer beside it says that it is well."""  # noqa: INP001

from __future__ import annotations

import http.client
import os
import sys
from contextlib import closing

from iotstream.settings import Settings

TIMEOUT_S = 5.0


def main() -> int:
    """Ask `/health`, and print what it says; the exit status."""
    port = Settings.load(os.environ).consumer.port
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)) as connection:
        try:
            connection.request("GET", "/health")
            answer = connection.getresponse()
            healthy, said = answer.status == http.HTTPStatus.OK, answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            healthy, said = False, f"no answer from port {port}: {error!r}"
    sys.stdout.write(said + "\n")
    return 0 if healthy else 1


if __name__ == "__main__":
    sys.exit(main())
