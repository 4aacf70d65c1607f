"""Tables as values: computed here, shown by the command as text, as Markdown or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        title: what it says.
        columns: their names; the first is of words, the others of numbers.
        rows: cells as text.
        notes: sentences below it.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def markdown(self) -> str:
        """For a page."""
        lines = [f"**{self.title}**", "", _row(self.columns), "|---" * len(self.columns) + "|"]
        lines += [_row(row) for row in self.rows]
        for note in self.notes:
            lines += ["", note]
        return "\n".join(lines) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """For a script: a dict for each row."""
        rows = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        return {"title": self.title, "rows": rows, "notes": list(self.notes)}


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def dollars(value: float) -> str:
    """Cents while they matter."""
    return f"{value:,.2f}" if abs(value) < 1000 else f"{value:,.0f}"


def number(value: float) -> str:
    """At most three digits that count, or whole."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:,.3g}" if abs(value) >= 0.001 else f"{value:.1e}"


def bar(share: float, width: int = 20) -> str:
    """A share as a bar of text."""
    return "█" * round(share * width) or ("▏" if share > 0 else "")
