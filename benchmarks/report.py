"""Writes the table and its chart into a directory: README.md, between its markers, and results.svg.

    python benchmarks/report.py .benchmarks/…/0001_….json docs/benchmarks    # of several runs, the later wins

`make bench` writes them by itself with ARGS="--report docs/benchmarks".
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from figures import charts, results, sections, tables
from figures.results import Measurement

from iotstream.decode import decoder

COMMAND = "make bench"


def write(
    measurements: Sequence[Measurement], directory: Path, *, footer: Sequence[str] | None = None
) -> None:
    """Write both; made when the directory does not exist."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "results.svg").write_text(charts.bars(measurements))
    lines = [
        *tables.as_markdown(measurements),
        "",
        *tables.goals(measurements),
        "",
        "![Each row as bars](results.svg)",
        "",
        *(circumstances() if footer is None else footer),
    ]
    sections.put(directory / "README.md", "results", lines)


def circumstances(command: str = COMMAND) -> list[str]:
    """How and on what kind of machine it was measured; no names of hosts."""
    machine = f"{os.cpu_count()} {platform.machine()} cores ({_processor()}), shared with other work"
    software = f"{platform.python_implementation()} {platform.python_version()}, pyarrow {pa.__version__}"
    when = f"{dt.datetime.now(dt.UTC):%d %B %Y}"
    return [f"By `{command}`, {when}: {machine}; {software}; decoding by {decoder()}."]


def _processor() -> str:
    """The model, as the system calls it."""
    path = Path("/proc/cpuinfo")
    names = path.read_text().splitlines() if path.exists() else []
    model = next((line.partition(":")[2].strip() for line in names if line.startswith("model name")), "")
    return model or platform.processor() or "unknown model"


def merged(runs: Sequence[Sequence[Measurement]]) -> list[Measurement]:
    """The measurements of several runs; of one that is in more than one of them the last."""
    return list({(one.row, one.way): one for run in runs for one in run}.values())


def main() -> None:
    """Write the report of runs that were saved."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("saved", type=Path, nargs="+", help="what pytest-benchmark saved")
    parser.add_argument("directory", type=Path)
    arguments = parser.parse_args()
    documents = [json.loads(path.read_text()) for path in arguments.saved]
    footer = list(dict.fromkeys(map(_described, documents)))
    write(merged([results.read(one) for one in documents]), arguments.directory, footer=footer)


def _described(document: dict[str, Any]) -> str:
    """What `circumstances` says, of a saved run."""
    when, machine = dt.datetime.fromisoformat(document["datetime"]), document["machine_info"]
    cores = f"{machine['cpu'].get('count')} {machine['machine']} cores ({machine['cpu'].get('brand_raw')})"
    software = f"{machine['python_implementation']} {machine['python_version']}"
    how = f"{cores}, shared with other work; {software}; decoding by {document['decoder']}"
    return f"By `{COMMAND}`, {when:%d %B %Y}: {how}."


if __name__ == "__main__":
    main()
