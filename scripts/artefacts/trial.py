"""The handler started from what was built: how long a cold start takes, and whether another machine can."""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from artefacts import archive, probe
from artefacts.tools import BUILD, ROOT, PackageError, run

EXPECTED = {"answer": {"batchItemFailures": []}, "rows": 2, "dead_letters": 1}
_ISOLATED = ("-I", "-S")
"""No environment's packages, no variables."""


class ColdStart(NamedTuple):
    """Medians over several processes.

    Attributes:
        runs: how many.
        import_ms: until the handler's module is there.
        first_record_ms: until the first event's rows are written to a local lake.
        cpu_ms: of the CPU, in the same time.
        decoder: which one it was.
    """

    runs: int
    import_ms: float
    first_record_ms: float
    cpu_ms: float
    decoder: str


def cold_start(zipped: Path, python: Path, runs: int) -> ColdStart:
    """Measure processes that start with the artefact, its files in the system's cache.

    Args:
        zipped: for this machine.
        python: the interpreter, of the artefact's version.
        runs: how many are measured, after one that is not.

    Raises:
        PackageError: the handler doesn't start, or loses records.
    """
    with tempfile.TemporaryDirectory() as directory:
        task_root = Path(directory) / "task"
        archive.extract(zipped, task_root)
        found = [start([python], task_root) for _ in range(runs + 1)][1:]

    def median(name: str) -> float:
        middle: float = statistics.median(one[name] for one in found)
        return middle

    return ColdStart(
        runs, median("import_ms"), median("first_record_ms"), median("cpu_ms"), found[0]["decoder"]
    )


def start(python: Sequence[str | Path], task_root: Path) -> dict[str, Any]:
    """Give the handler one event in a process of its own.

    Args:
        python: the command that starts the interpreter.
        task_root: the unzipped artefact.

    Returns:
        What `probe.py` tells.

    Raises:
        PackageError: it failed, or the records are not where they belong.
    """
    with tempfile.TemporaryDirectory() as lake:
        command = [*python, *_ISOLATED, "-B", probe.__file__, task_root, lake]
        facts: dict[str, Any] = json.loads(run(command, environment={"AWS_REGION": "us-east-1"}))
    if wrong := {name: facts[name] for name in EXPECTED if facts[name] != EXPECTED[name]}:
        raise PackageError(f"the handler in {task_root} answers {wrong}; expected is {EXPECTED}")
    return facts


class Emulator(NamedTuple):
    """A CPython of another machine.

    Attributes:
        command: starts it.
        python: its version, `3.11`.
    """

    command: tuple[str, ...]
    python: str


def arm64_emulator() -> Emulator:
    """Debian's CPython for arm64 under qemu, in a directory of ours.

    Raises:
        PackageError: it can't be had; the message says why.
    """
    found = run([ROOT / "scripts/install-arm64-emulator", BUILD / "emulator"]).split()
    return Emulator(tuple(found), Path(found[-1]).name.removeprefix("python"))
