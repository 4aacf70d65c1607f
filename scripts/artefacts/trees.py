"""The Lambda's directory, as it will be below `/var/task`: distributions, handlers, bytecode."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from artefacts import contents
from artefacts.tools import ROOT, PackageError, interpreter, run, uv

GLIBC = "manylinux_2_28"
"""The oldest system that pyarrow's wheels run on. Lambda's runtimes from Python 3.12 on are Amazon Linux
2023, with glibc 2.34: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html"""
TASK_ROOT = "/var/task"


def install(directory: Path, *, architecture: str, python: str, wheels: Sequence[Path]) -> contents.Stripped:
    """Install what a Lambda needs, as locked, for a machine that needn't be this one.

    Args:
        directory: empty, or not there.
        architecture: `x86_64` or `aarch64`.
        python: its version, `3.12`.
        wheels: the project's, and the kernel's where there is one.

    Returns:
        What was left out.

    Raises:
        PackageError: the lock file is not up to date, a wheel is missing, or a library is.
    """
    target: list[str | Path] = [
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--target",
        directory,
    ]
    target += ["--python-platform", f"{architecture}-{GLIBC}", "--python-version", python]
    with tempfile.TemporaryDirectory() as scratch:
        requirements = Path(scratch) / "requirements.txt"
        extra = ["--extra", "aws", "--no-default-groups", "--no-emit-project"]
        uv("export", "--quiet", "--locked", "--project", ROOT, *extra, "--output-file", requirements)
        # Copies: what is left out here must stay in uv's cache.
        uv(*target, "--link-mode", "copy", "--require-hashes", "--requirements", requirements)
    uv(*target, "--link-mode", "copy", "--refresh-package", "iotstream", *wheels)
    for name in contents.HANDLERS:
        shutil.copy2(ROOT / "handlers" / name, directory / name)
    return contents.strip(directory, architecture)


def compile_bytecode(directory: Path, python: str) -> bool:
    """Compile all modules, so that no cold start has to: Lambda can't keep what it compiles.

    The bytecode is taken without a look at the source's time, which no zip keeps to the second
    (https://peps.python.org/pep-0552/).

    Returns:
        False where this machine has no CPython of that version.
    """
    program = interpreter(python)
    if program is None:
        return False
    options: list[str | Path] = [
        "-q",
        "-j",
        "1",
        "-s",
        directory,
        "-p",
        TASK_ROOT,
        "--invalidation-mode",
        "unchecked-hash",
    ]
    try:
        run([program, "-I", "-S", "-m", "compileall", *options, directory])
    except PackageError as error:
        raise PackageError(f"not all modules are valid for Python {python}: {error}") from None
    return True
