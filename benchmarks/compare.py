"""Two saved runs side by side: what each way took, before and after.

    python benchmarks/compare.py                    # the last two runs that were saved
    python benchmarks/compare.py 0001 0004          # by their numbers, or names, or files

`make bench-save` saves a run. What is compared is CPU time, or whatever the row's unit is.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from figures import results, tables
from figures.results import Measurement

STORAGE = Path(".benchmarks")


def saved(storage: Path) -> list[Path]:
    """The runs, the oldest first."""
    return sorted(storage.glob("**/*.json"), key=lambda path: (path.stat().st_mtime, path.name))


def find(name: str, storage: Path) -> Path:
    """A run by its file, or by the number or the name that it was saved under.

    Raises:
        SystemExit: there is none, or more than one.
    """
    if Path(name).is_file():
        return Path(name)
    found = [path for path in saved(storage) if name in path.stem.split("_", 1)]
    if len(found) != 1:
        known = ", ".join(path.stem for path in saved(storage)) or "none"
        raise SystemExit(f"{len(found)} runs in {storage} are called {name!r}; saved are: {known}")
    return found[0]


def load(path: Path) -> list[Measurement]:
    """The run's measurements.

    Raises:
        SystemExit: it is no run of these benchmarks.
    """
    document = json.loads(path.read_text())
    if "measurements" not in document:
        raise SystemExit(f"{path} holds no measurements: save a run by make bench-save")
    return results.read(document)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="*", help="two runs; the last two by default")
    parser.add_argument("--storage", type=Path, default=STORAGE)
    arguments = parser.parse_args()
    if len(arguments.runs) not in {0, 2}:
        parser.error("name two runs, or none: then the last two are compared")
    paths = [find(name, arguments.storage) for name in arguments.runs] or saved(arguments.storage)[-2:]
    if len(paths) < 2:
        parser.error(f"{arguments.storage} holds {len(paths)} runs: make bench-save saves one")
    before, after = paths
    sys.stdout.write(f"before: {before.stem}\nafter:  {after.stem}\n\n")
    sys.stdout.write("\n".join(tables.compared(load(before), load(after))) + "\n")


if __name__ == "__main__":
    main()
