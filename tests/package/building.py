"""The script `scripts/package.py`, for tests."""

import contextlib
import io
import re
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "scripts"))

import needs
import package

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
NAMES = {machine: name for name, machine in package.MACHINES.items()}
UNREACHABLE = re.compile(r"failed to lookup|error sending request|timed out|onnection")
"""In what uv prints: the package index is not there."""


def build(*arguments):
    """Run the script; what it printed."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = package.main([str(argument) for argument in arguments])
    if status and UNREACHABLE.search(err.getvalue()):
        needs.missing(f"PyPI can't be reached: {err.getvalue().strip().splitlines()[-1]}")
    assert status == 0, err.getvalue()
    return out.getvalue()
