"""Becomes another program, which the system then ends (SIGTERM) when this one's parent ends, however it does.

    python -I -S tether.py PARENT-PID COMMAND ARGUMENT…

On Linux only; elsewhere the program outlives a parent that is killed. It imports nothing of iotstream, so
that it costs no start-up.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h; it survives exec


def main() -> None:
    """Replace this process."""
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != int(parent):
            sys.exit("the parent is gone")
    os.execvp(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
