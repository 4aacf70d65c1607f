"""A table: its points, last version wins, and what retention allows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from iotstream.local.timestream import limits
from iotstream.local.timestream.points import Point, Refused, Value

HOUR_NS = 3_600 * 10**9
DAY_NS = 24 * HOUR_NS

ARROW_TYPES = {
    "DOUBLE": pa.float64(),
    "BIGINT": pa.int64(),
    "VARCHAR": pa.string(),
    "BOOLEAN": pa.bool_(),
    "TIMESTAMP": pa.timestamp("ns"),
}
VERSION_COLUMN = "__version"
"""Kept with the points in the state's file; no query sees it."""

Key = tuple[tuple[tuple[str, str], ...], str, int]


@dataclass
class Table:
    """One table.

    Attributes:
        memory_hours, magnetic_days: retention.
        magnetic_writes: whether points older than the memory store's retention are taken.
        dimensions: names, in the order of their first coming.
        measures: type of each column.
        points: version and values by key.
        changed: whether points have come since the last look.
    """

    memory_hours: int = limits.DEFAULT_MEMORY_HOURS
    magnetic_days: int = limits.DEFAULT_MAGNETIC_DAYS
    magnetic_writes: bool = False
    dimensions: dict[str, None] = field(default_factory=dict)
    measures: dict[str, str] = field(default_factory=dict)
    measure_names: set[str] = field(default_factory=set)
    points: dict[Key, tuple[int, dict[str, Value]]] = field(default_factory=dict)
    changed: bool = True

    def write(self, point: Point, now: float) -> bool:
        """Take a point; whether it went to the memory store.

        Raises:
            Refused: it lies outside retention, its columns do not fit the table, or there is a point of
                the same dimensions, measure name and time with the same or a higher version. The
                exception's second argument is then that version.
        """
        in_memory = self._check_time(point.time_ns, now)
        self._check_columns(point)
        values = {name: value for name, (_, value) in point.measures.items()}
        there = self.points.get(point.key)
        if there is not None:
            version, old = there
            if point.version < version or (point.version == version and old != values):
                raise Refused(
                    "A record version equal to or higher than this one exists with other measure values. "
                    "Write with a higher version to replace it.",
                    version,
                )
        for name, (kind, _) in point.measures.items():
            self.measures.setdefault(name, kind)
        for name, _ in point.dimensions:
            self.dimensions.setdefault(name)
        self.measure_names.add(point.measure_name)
        self.points[point.key] = point.version, values
        self.changed = True
        return in_memory

    def _check_time(self, time_ns: int, now: float) -> bool:
        now_ns = round(now * 10**9)
        if time_ns > now_ns + limits.FUTURE_MINUTES * 60 * 10**9:
            raise Refused(f"The time lies more than {limits.FUTURE_MINUTES} minutes in the future.")
        if time_ns >= now_ns - self.memory_hours * HOUR_NS:
            return True
        if not self.magnetic_writes:
            raise Refused(
                f"The time is older than the memory store's retention of {self.memory_hours} hours."
            )
        if time_ns < now_ns - self.magnetic_days * DAY_NS:
            raise Refused(
                f"The time is older than the magnetic store's retention of {self.magnetic_days} days."
            )
        return False

    def _check_columns(self, point: Point) -> None:
        for name, (kind, _) in point.measures.items():
            if self.measures.get(name, kind) != kind:
                raise Refused(f"The measure {name} is {self.measures[name]} in this table, not {kind}.")
            if name in self.dimensions:
                raise Refused(f"{name} is a dimension in this table.")
        if any(name in self.measures for name, _ in point.dimensions):
            raise Refused("A dimension has the name of a measure in this table.")
        if len(self.dimensions | dict.fromkeys(name for name, _ in point.dimensions)) > limits.MAX_DIMENSIONS:
            raise Refused(f"A table has at most {limits.MAX_DIMENSIONS} dimensions.")
        if len(self.measures.keys() | point.measures.keys()) > limits.MAX_TABLE_MEASURES:
            raise Refused(f"A table has at most {limits.MAX_TABLE_MEASURES} measures.")
        if len(self.measure_names | {point.measure_name}) > limits.MAX_MEASURE_NAMES:
            raise Refused(f"A table has at most {limits.MAX_MEASURE_NAMES} measure names.")

    def expire(self, now: float) -> None:
        """Let go of what is older than the magnetic store's retention."""
        oldest = round(now * 10**9) - self.magnetic_days * DAY_NS
        old = [key for key in self.points if key[2] < oldest]
        for key in old:
            del self.points[key]
        self.changed |= bool(old)

    def to_arrow(self, *, versions: bool = False) -> pa.Table:
        """The points as columns: dimensions, `measure_name`, `time`, measures; versions if asked."""
        keys, values = list(self.points), list(self.points.values())
        by_name = [dict(dimensions) for dimensions, _, _ in keys]
        columns: dict[str, Any] = {
            name: pa.array([one.get(name) for one in by_name], pa.string()) for name in self.dimensions
        }
        columns["measure_name"] = pa.array([key[1] for key in keys], pa.string())
        columns["time"] = pa.array([key[2] for key in keys], pa.timestamp("ns"))
        for name, kind in self.measures.items():
            columns[name] = pa.array([measures.get(name) for _, measures in values], ARROW_TYPES[kind])
        if versions:
            columns[VERSION_COLUMN] = pa.array([version for version, _ in values], pa.int64())
        return pa.table(columns)

    def take_back(self, data: pa.Table) -> None:
        """The points of `to_arrow(versions=True)`."""
        rows = data.set_column(
            data.schema.get_field_index("time"), "time", data["time"].cast(pa.int64())
        ).to_pylist()
        for row in rows:
            dimensions = tuple(sorted((name, row[name]) for name in self.dimensions if row[name] is not None))
            measures = {name: row[name] for name in self.measures if row[name] is not None}
            self.measure_names.add(row["measure_name"])
            self.points[dimensions, row["measure_name"], row["time"]] = row[VERSION_COLUMN], measures
