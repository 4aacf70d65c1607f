"""A page that is partly written by hand: generated parts stand between markers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def put(path: Path, name: str, lines: Sequence[str]) -> None:
    """Write the lines between the markers of that name; at the end of the page where it has none yet."""
    begin, end = f"<!-- {name}: generated -->", f"<!-- {name}: end -->"
    page = path.read_text() if path.exists() else ""
    part = "\n".join([begin, "", *lines, "", end])
    head, found, rest = page.partition(begin)
    if found:
        _, closed, tail = rest.partition(end)
        if not closed:
            raise ValueError(f"{path}: {begin!r} without {end!r}: put the second where the part ends")
        page = head + part + tail
    else:
        page = f"{page.rstrip()}\n\n{part}\n".lstrip()
    path.write_text(page)
