"""Runs Lambda's runtime interface client in this process, and ends with its parent.

python -m iotstream.local.lambda_runtime.launcher kinesis_lambda.handler
"""

from __future__ import annotations

import os
import sys
import threading


def _end_with_parent() -> None:
    """The parent holds the other end of standard input: at its end, nobody asks for answers any more."""
    while os.read(0, 4096):
        pass
    os._exit(0)


def main() -> None:
    """Serve invocations until the parent goes."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # The task's own modules come first, as in Lambda.
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    from awslambdaric.__main__ import main as serve  # noqa: PLC0415 - it reads the environment

    serve(["awslambdaric", os.environ["_HANDLER"]])


if __name__ == "__main__":
    main()
