"""Runs Lambda's runtime interface client in this process, and ends with its parent.

It is run by its path and imports nothing of this package, so that the init phase is the handler's own.
"""

from __future__ import annotations

import os
import signal
import sys
import threading


def _end_with_parent(pipe: int) -> None:
    """The parent holds the other end of the pipe: at its end, nobody asks for answers any more."""
    while os.read(pipe, 4096):
        pass
    # With whatever the handler has started.
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    """Serve invocations until the parent goes."""
    # The pipe came as standard input; a handler finds nothing there.
    pipe = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    threading.Thread(target=_end_with_parent, args=(pipe,), daemon=True).start()
    # The task's own modules come first, as in Lambda.
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    from awslambdaric.__main__ import main as serve  # noqa: PLC0415 - it reads the environment

    serve(["awslambdaric", os.environ["_HANDLER"]])


if __name__ == "__main__":
    main()
