"""How answers are shown: tables by rich, plain text where there is no terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = "") -> None:
    """A table on stdout. Cells are text, never markup: they may come from devices."""
    # Away from a terminal nobody scrolls: no line may be cut at 80 columns.
    console = Console() if Console().is_terminal else Console(width=10_000)
    console.print(make_table(columns, rows, title=title))


def make_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = "") -> Table:
    """The table, for printing or for a live view."""
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(Text(column), overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    return table
