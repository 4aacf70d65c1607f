"""What is seen while the demo runs: a live table on a terminal, else a line now and then."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

PLAIN_EVERY_S = 2.0
RATE_OVER_S = 2.0
REASONS_SHOWN = 4


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The counters at one moment; totals since the run began.

    Attributes:
        elapsed_s: seconds since the devices began.
        phase: what is going on, in a word or two.
        share: of the work, 0 to 1; None where it is not known.
        published: messages that devices sent.
        acknowledged: messages that the broker took.
        forwarded: messages that the topic rules put into the stream.
        failed: messages that went to the rules' error action.
        processed: records that the Lambda handler is done with.
        iterator_age_s: how old the oldest record is that waits in the stream.
        rows: in the lake.
        rejects: dead letters.
        reasons: of them, the most frequent first.
        points: in Timestream.
    """

    elapsed_s: float
    phase: str = ""
    share: float | None = None
    published: int = 0
    acknowledged: int = 0
    forwarded: int = 0
    failed: int = 0
    processed: int = 0
    iterator_age_s: float = 0.0
    rows: int = 0
    rejects: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    points: int = 0


class View(Protocol):
    """Takes snapshots and remarks."""

    def update(self, snapshot: Snapshot) -> None:
        """Show it."""

    def say(self, text: str) -> None:
        """Show a remark that stays."""

    def close(self) -> None:
        """Leave the last state on the screen."""


class PlainView:
    """A line every two seconds, on stderr."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._last = -PLAIN_EVERY_S

    def update(self, snapshot: Snapshot) -> None:
        """Write a line when the last one is old enough."""
        if snapshot.elapsed_s - self._last < PLAIN_EVERY_S:
            return
        self._last = snapshot.elapsed_s
        one = snapshot
        self.say(
            f"{one.elapsed_s:5.1f} s  {one.phase}: published {one.acknowledged:,}, stream {one.forwarded:,}, "
            f"handler {one.processed:,} ({one.iterator_age_s:.1f} s behind), rows {one.rows:,}, "
            f"rejects {one.rejects:,}, Timestream {one.points:,}"
        )

    def say(self, text: str) -> None:
        """Write a line."""
        self._stream.write(text + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Nothing to do."""


class LiveView:
    """A table that is drawn anew with each snapshot."""

    def __init__(self, console: Console, title: str) -> None:
        self._title = title
        self._history: deque[Snapshot] = deque()
        self._console = console
        self._live = Live(console=console, refresh_per_second=8, transient=False)
        self._live.start()

    def update(self, snapshot: Snapshot) -> None:
        """Draw it."""
        self._history.append(snapshot)
        while len(self._history) > 2 and snapshot.elapsed_s - self._history[0].elapsed_s > RATE_OVER_S:
            self._history.popleft()
        self._live.update(self.draw(snapshot))

    def draw(self, snapshot: Snapshot) -> Group:
        """The whole view."""
        head = Text.assemble((self._title, "bold"), f"   {snapshot.elapsed_s:.1f} s  {snapshot.phase}")
        bar = ProgressBar(total=1.0, completed=snapshot.share or 0.0, width=72, pulse=snapshot.share is None)
        table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
        table.add_column("stage")
        for name in ("total", "per second"):
            table.add_column(name, justify="right")
        table.add_column("")
        for name, key, note in _stages(snapshot):
            total = getattr(snapshot, key)
            table.add_row(name, f"{total:,}", f"{self._rate(key):,.0f}", note)
        return Group(head, bar, Text(), table, Text())

    def _rate(self, key: str) -> float:
        first, last = self._history[0], self._history[-1]
        seconds = last.elapsed_s - first.elapsed_s
        grown: int = getattr(last, key) - getattr(first, key)
        return max(grown, 0) / seconds if seconds > 0 else 0.0

    def say(self, text: str) -> None:
        """Print above the table."""
        self._console.print(Text(text))

    def close(self) -> None:
        """Stop drawing; the last table stays."""
        self._live.stop()


def _stages(one: Snapshot) -> Iterator[tuple[str, str, Text]]:
    waiting = one.published - one.acknowledged
    yield "Devices", "acknowledged", Text(f"{waiting:,} in flight" if waiting else "", "dim")
    failed = Text(f"{one.failed:,} to the error action", "red") if one.failed else Text()
    yield "Topic rules → stream", "forwarded", failed
    yield "Lambda handler", "processed", Text(f"{one.iterator_age_s:.1f} s behind", "dim")
    yield "Timestream", "points", Text()
    yield "Lake: rows", "rows", Text()
    top = list(one.reasons.items())
    shown = ", ".join(f"{reason} {count}" for reason, count in top[:REASONS_SHOWN])
    more = f", {len(top) - REASONS_SHOWN} more reasons" if len(top) > REASONS_SHOWN else ""
    yield "Dead letters", "rejects", Text(shown + more, "dim")
