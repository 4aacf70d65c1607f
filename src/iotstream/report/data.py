"""What the report shows, as plain values: whoever runs a pipeline fills them in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from iotstream.schema import Schema


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One row of the balance.

    Attributes:
        name: of the stage.
        count: items that came through it.
        note: in words, what the number says.
        rejected: whether these are items that went out of the flow; they are drawn in another colour.
    """

    name: str
    count: int
    note: str = ""
    rejected: bool = False


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The counters at one moment.

    Attributes:
        at: seconds since the run began.
        counts: running totals by stage.
        lag_s: age of the oldest record that is not processed yet, seconds.
    """

    at: float
    counts: Mapping[str, int]
    lag_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A question of the README with what SQL answered.

    Attributes:
        question: in words.
        sql: the statement.
        where: what answered it.
        columns, rows: the first rows of the answer, as text.
        total: how many rows the answer has.
    """

    question: str
    sql: str
    where: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    total: int


@dataclass(frozen=True, kw_only=True)
class ReportData:
    """Everything that the page shows.

    Attributes:
        title: the page's.
        started: when the run began.
        duration_s: how long it took.
        ok: whether the balance holds.
        problems: what does not hold, a line each.
        facts: what was run, name and value.
        stages: the balance, from the devices on.
        reasons: rejects by reason.
        samples: the counters over time; `series` says which are drawn as rates.
        series: counter → its name in the chart.
        latencies_s: for each row, seconds from publishing until it was seen in the lake.
        rows: the telemetry, the schema's columns.
        schema: of the rows.
        answers: the questions of the README.
    """

    title: str
    started: dt.datetime
    duration_s: float
    ok: bool
    problems: Sequence[str] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    stages: Sequence[Stage] = ()
    reasons: Mapping[str, int] = field(default_factory=dict)
    samples: Sequence[Sample] = ()
    series: Mapping[str, str] = field(default_factory=dict)
    latencies_s: Sequence[float] = ()
    rows: pa.Table
    schema: Schema
    answers: Sequence[Answer] = ()


def quantile(values: Sequence[Any], share: float) -> float:
    """The value below which that share of the sorted values lies (nearest rank)."""
    return float(values[min(int(share * len(values)), len(values) - 1)])
