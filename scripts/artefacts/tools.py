"""Programs that are called, and how they fail."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The project."""
BUILD = ROOT / "build"
"""What may be thrown away, and makes the next run quicker."""
ERROR_LINES = 25


class PackageError(Exception):
    """An artefact can't be made; the message says why, and what to do."""


def say(line: str) -> None:
    """Tell how far it is."""
    print(line, flush=True)


def run(
    command: Sequence[str | Path], *, cwd: Path = ROOT, environment: Mapping[str, str] | None = None
) -> str:
    """Run a program to its end.

    Args:
        command: and its arguments.
        cwd: where it runs.
        environment: variables added to this process's own.

    Returns:
        What it wrote to stdout.

    Raises:
        PackageError: it failed; with the end of what it wrote to stderr.
    """
    words = [str(word) for word in command]
    done = subprocess.run(
        words,
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = "\n".join(done.stderr.strip().splitlines()[-ERROR_LINES:])
        raise PackageError(f"{shlex.join(words)}: exit status {done.returncode}\n{last}")
    return done.stdout


def uv(*arguments: str | Path, environment: Mapping[str, str] | None = None) -> str:
    """Run the uv of the project's environment, or the one in PATH.

    Raises:
        PackageError: there is none, or it failed.
    """
    beside = Path(sys.executable).with_name("uv")
    program = str(beside) if beside.exists() else shutil.which("uv")
    if program is None:
        raise PackageError("uv is neither beside this Python nor in PATH: make setup")
    # The environment that happens to be active is not the place for anything.
    return run(
        [program, *arguments], environment={"VIRTUAL_ENV": "", "UV_NO_PROGRESS": "1", **(environment or {})}
    )


def interpreter(python: str) -> Path | None:
    """This machine's CPython of version `python` (`3.12`), if there is one: in PATH, pyenv's or uv's."""
    found = [sys.executable, shutil.which(f"python{python}")]
    pyenv = os.environ.get("PYENV_ROOT")
    if pyenv is not None:
        found += map(str, sorted(Path(pyenv).glob(f"versions/{python}.*/bin/python{python}")))
    with contextlib.suppress(PackageError):
        found.append(uv("python", "find", "--no-project", "--managed-python", f"cpython@{python}").strip())
    code = "import sys; print(sys.implementation.name, '%d.%d' % sys.version_info[:2])"
    for program in filter(None, found):
        # A shim of pyenv is there for versions, too, that are not switched on.
        with contextlib.suppress(PackageError):
            if run([program, "-I", "-c", code]).split() == ["cpython", python]:
                return Path(program)
    return None
