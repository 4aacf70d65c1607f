"""What is seen from outside while the pipeline works: counters, and when rows came to the lake."""

from __future__ import annotations

import gzip
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from iotstream.demo.balance import Letter, parse_letters
from iotstream.demo.view import Snapshot
from iotstream.local import programs
from iotstream.local.provision import client
from iotstream.local.stack import Stack
from iotstream.report import Sample
from iotstream.timestream_query import ask

TIMESTREAM_EVERY_S = 1.0


@dataclass
class Watch:
    """Follows a run.

    Attributes:
        stack: that runs.
        published, acknowledged: messages; set by whoever publishes.
        rows: rows seen in the lake.
        letters: the decoder's dead letters seen in the quarantine.
        refused: rows that a hot sink refused, by sink.
        files: each Parquet file and when it was seen (`time.monotonic`).
        samples: the counters over time, for the report.
    """

    stack: Stack
    published: int = 0
    acknowledged: int = 0
    rows: int = 0
    letters: list[Letter] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    files: dict[Path, float] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    _points: int = 0
    _points_at: float = 0.0

    def __post_init__(self) -> None:
        self._timestream: Any = client(self.stack.environment(), "timestream-query")

    def look(self, phase: str, share: float | None = None) -> Snapshot:
        """Look at everything once.

        Raises:
            LocalStackError: a program has ended by itself.
        """
        self.stack.check()
        self.see_objects()
        work = programs.progress(self.stack)
        now = time.monotonic()
        if now - self._points_at > TIMESTREAM_EVERY_S:
            self._points, self._points_at = self.points(), now
        reasons = Counter(letter.reason for letter in self.letters)
        snapshot = Snapshot(
            elapsed_s=now - self.began,
            phase=phase,
            share=share,
            published=self.published,
            acknowledged=self.acknowledged,
            forwarded=work.forwarded,
            failed=work.failed,
            processed=work.processed,
            iterator_age_s=work.iterator_age_ms / 1000,
            rows=self.rows,
            rejects=len(self.letters),
            reasons=dict(reasons.most_common()),
            points=self._points,
        )
        self.samples.append(_sample(snapshot))
        return snapshot

    def see_objects(self) -> None:
        """Take in the objects that are new in the lake and the quarantine."""
        now = time.monotonic()
        for path in self.stack.mirrors["lake"].poll():
            if path.suffix == ".parquet":
                self.files[path] = now
                self.rows += pq.read_metadata(path).num_rows
        for path in self.stack.mirrors["quarantine"].poll():
            letters, refused = parse_letters(gzip.decompress(path.read_bytes()))
            self.letters += letters
            self.refused += refused

    def points(self) -> int:
        """How many points Timestream holds."""
        names = self.stack.names
        sql = f'SELECT count(*) AS n FROM "{names.timestream_database}"."{names.timestream_table}"'  # noqa: S608 - our names
        count: int = ask(self._timestream, sql)["n"][0].as_py()
        return count

    def query_timestream(self, sql: str) -> pa.Table:
        """Ask Timestream."""
        return ask(self._timestream, sql)


def _sample(one: Snapshot) -> Sample:
    counts = {
        "acknowledged": one.acknowledged,
        "forwarded": one.forwarded,
        "processed": one.processed,
        "rows": one.rows,
        "rejects": one.rejects,
    }
    return Sample(at=one.elapsed_s, counts=counts, lag_s=one.iterator_age_s)
