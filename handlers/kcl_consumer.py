"""The consumer by KCL as a program, for a container: `python kcl_consumer.py`.

Configured by `IOTSTREAM_…` variables (docs/settings.md); it needs `IOTSTREAM_LAKE_URI` and
`IOTSTREAM_JOURNAL_URI`, Java 17 and `iotstream[kcl]`. `iotstream consume` does the same.
"""

from __future__ import annotations

import os
import sys

from iotstream.errors import IotstreamError
from iotstream.logs import configure
from iotstream.settings import Settings
from iotstream.sources.kcl.consumer import run


def main() -> int:
    """Consume until told to stop; the exit status."""
    try:
        settings = Settings.load(os.environ)
        configure(settings.log.level)
        return run(settings)
    except IotstreamError as error:
        sys.stderr.write(f"kcl_consumer: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
