"""A table: its points, last version wins, and what retention allows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from iotstream.local.timestream import limits
from iotstream.local.timestream.points import Dimensions, Point, Refused, Value

HOUR_NS = 3_600 * 10**9
DAY_NS = 24 * HOUR_NS

ARROW_TYPES = {
    "DOUBLE": pa.float64(),
    "BIGINT": pa.int64(),
    "VARCHAR": pa.string(),
    "BOOLEAN": pa.bool_(),
    "TIMESTAMP": pa.timestamp("ns"),
}
SERIES_COLUMN, VERSION_COLUMN = "ts_series", "ts_version"
"""Stored with the points; no query sees them. Columns of a user's can't be called so."""
_TIME_BITS = 63
_TIME_MASK = 2**_TIME_BITS - 1

Columns = tuple[tuple[str, str], ...]


@dataclass
class Settings:
    """What CreateTable and UpdateTable say.

    Attributes:
        memory_hours: retention of the memory store.
        magnetic_days: retention of the magnetic store.
        magnetic_writes: whether points older than the memory store's retention are taken.
        rejected_location: where the service would report those that fail later.
        partition_key: as it was given.
        created: seconds since the epoch.
        updated: seconds since the epoch.
    """

    memory_hours: int = limits.DEFAULT_MEMORY_HOURS
    magnetic_days: int = limits.DEFAULT_MAGNETIC_DAYS
    magnetic_writes: bool = False
    rejected_location: dict[str, Any] | None = None
    partition_key: list[dict[str, str]] = field(default_factory=lambda: [{"Type": "MEASURE"}])
    created: float = 0.0
    updated: float = 0.0

    def required_dimensions(self) -> set[str]:
        """Dimensions without which a record is refused."""
        return {
            key["Name"]
            for key in self.partition_key
            if key["Type"] == "DIMENSION" and key.get("EnforcementInRecord") == "REQUIRED"
        }


class Table:
    """One table. A point is found by its series (dimensions and measure name) and its time.

    Attributes:
        identity: its name in the store.
        settings: retention and the like.
        dimensions: names, in the order of their first coming.
        measures: type of each column, in that order too.
        measure_names: the types under which each has come; `MULTI` for multi-measure records.
    """

    def __init__(self, identity: str, settings: Settings) -> None:
        self.identity = identity
        self.settings = settings
        self.dimensions: dict[str, None] = {}
        self.measures: dict[str, str] = {}
        self.measure_names: dict[str, dict[str, None]] = {}
        self._series_of: dict[tuple[Dimensions, str], int] = {}
        self._series: list[tuple[Dimensions, str]] = []
        # One whole number for series and time, and one flat tuple: a million points are a few 100 MB.
        self._points: dict[int, tuple[int, Columns, tuple[Value, ...]]] = {}
        self._layouts: dict[tuple[bool, Columns], Columns] = {}
        self._new: dict[int, None] = {}
        self._replaced: set[int] = set()
        self._oldest = limits.TIMES_NS[-1]

    def write(self, point: Point, now: float) -> bool:
        """Take a point; whether it went to the memory store.

        Raises:
            Refused: it lies outside retention, its columns do not fit the table, or there is a point of
                the same dimensions, measure name and time with the same or a higher version. The
                exception's second argument is then that version.
        """
        in_memory = self._check_time(point.time_ns, now)
        series = self._series_of.get((point.dimensions, point.measure_name))
        layout = self._layouts.get((point.multi, point.columns))
        if series is None or layout is None:
            self._check_names(point)
        self._check_required(point)
        if series is not None:
            self._check_version(point, series << _TIME_BITS | point.time_ns)
        if series is None or layout is None:
            series, layout = self._take_names(point)
        key = series << _TIME_BITS | point.time_ns
        if key in self._points and key not in self._new:
            self._replaced.add(key)
        self._points[key] = point.version, layout, point.values
        self._new[key] = None
        self._oldest = min(self._oldest, point.time_ns)
        return in_memory

    def _check_time(self, time_ns: int, now: float) -> bool:
        now_ns = round(now * 10**9)
        if time_ns > now_ns + limits.FUTURE_MINUTES * 60 * 10**9:
            raise Refused(f"The time lies more than {limits.FUTURE_MINUTES} minutes in the future.")
        if time_ns >= now_ns - self.settings.memory_hours * HOUR_NS:
            return True
        if not self.settings.magnetic_writes:
            hours = self.settings.memory_hours
            raise Refused(f"The time is older than the memory store's retention of {hours} hours.")
        if time_ns < now_ns - self.settings.magnetic_days * DAY_NS:
            days = self.settings.magnetic_days
            raise Refused(f"The time is older than the magnetic store's retention of {days} days.")
        return False

    def _check_required(self, point: Point) -> None:
        absent = self.settings.required_dimensions() - {name for name, _ in point.dimensions}
        if absent:
            raise Refused(f"The partition key requires the dimension {min(absent)}.")

    def _check_version(self, point: Point, key: int) -> None:
        there = self._points.get(key)
        if there is None or point.version > there[0]:
            return
        version, columns, values = there
        same = dict(zip(columns, values, strict=True)) == dict(zip(point.columns, point.values, strict=True))
        if point.version < version or not same:
            raise Refused(
                f"A point with these dimensions, measure name and time has version {version} already, and "
                f"this one has version {point.version}: replace it with a higher version.",
                version,
            )

    def _check_names(self, point: Point) -> None:
        dimensions = dict.fromkeys(name for name, _ in point.dimensions)
        for name, kind in point.columns:
            if self.measures.get(name, kind) != kind:
                raise Refused(f"The measure {name} is {self.measures[name]} in this table, not {kind}.")
            if name in self.dimensions:
                raise Refused(f"{name} is a dimension in this table.")
        both = self.measures.keys() & dimensions
        if both:
            raise Refused(f"{min(both)} is a measure in this table.")
        _check_letters([*self.dimensions, *self.measures], [*dimensions, *dict(point.columns)])
        if len(self.dimensions | dimensions) > limits.MAX_DIMENSIONS:
            raise Refused(f"A table has at most {limits.MAX_DIMENSIONS} dimensions.")
        measures = self.measures.keys() | dict(point.columns)
        if sum(not name.startswith("measure_value::") for name in measures) > limits.MAX_TABLE_MEASURES:
            raise Refused(f"A table has at most {limits.MAX_TABLE_MEASURES} measures.")
        if len(self.measure_names.keys() | {point.measure_name}) > limits.MAX_MEASURE_NAMES:
            raise Refused(f"A table has at most {limits.MAX_MEASURE_NAMES} measure names.")

    def _take_names(self, point: Point) -> tuple[int, Columns]:
        self.dimensions |= dict.fromkeys(name for name, _ in point.dimensions)
        self.measures |= dict(point.columns)
        kind = "MULTI" if point.multi else point.columns[0][1]
        self.measure_names.setdefault(point.measure_name, {})[kind] = None
        layout = self._layouts.setdefault((point.multi, point.columns), point.columns)
        return self._series_number(point.dimensions, point.measure_name), layout

    def _series_number(self, dimensions: Dimensions, measure_name: str) -> int:
        series = dimensions, measure_name
        number = self._series_of.setdefault(series, len(self._series))
        if number == len(self._series):
            self._series.append(series)
        return number

    def dimensions_of(self, measure_name: str) -> list[str]:
        """Names of the dimensions with which a measure name has come."""
        names = {name for dimensions, its in self._series if its == measure_name for name, _ in dimensions}
        return [name for name in self.dimensions if name in names]

    def expire(self, now: float) -> int | None:
        """Let go of what is older than the magnetic store's retention.

        Returns:
            Before what time, ns since the epoch; None if there was nothing so old.
        """
        cut = round(now * 10**9) - self.settings.magnetic_days * DAY_NS
        if self._oldest >= cut:
            return None
        for key in [key for key in self._points if key & _TIME_MASK < cut]:
            del self._points[key]
            self._new.pop(key, None)
            self._replaced.discard(key)
        self._oldest = min((key & _TIME_MASK for key in self._points), default=limits.TIMES_NS[-1])
        return cut

    @property
    def changes_wait(self) -> bool:
        """Whether points have come since the last `stored`."""
        return bool(self._new)

    def changes(self) -> tuple[pa.Table, pa.Table] | None:
        """What has come since the last `stored`: new points, and series and time of those they replace."""
        if not self._new:
            return None
        return self._to_arrow(self._new), pa.table(_keys(self._replaced))

    def stored(self) -> None:
        """What `changes` said has been stored."""
        self._new.clear()
        self._replaced.clear()

    def _to_arrow(self, keys: Iterable[int]) -> pa.Table:
        keys = list(keys)
        series = [self._series[key >> _TIME_BITS] for key in keys]
        points = [self._points[key] for key in keys]
        columns = _keys(keys)
        columns[VERSION_COLUMN] = pa.array([version for version, _, _ in points], pa.int64())
        columns["measure_name"] = pa.array([name for _, name in series], pa.string())
        by_name = [dict(dimensions) for dimensions, _ in series]
        for name in self.dimensions:
            columns[name] = pa.array([one.get(name) for one in by_name], pa.string())
        by_column = [dict(zip(layout, values, strict=True)) for _, layout, values in points]
        for column in self.measures.items():
            columns[column[0]] = pa.array([one.get(column) for one in by_column], ARROW_TYPES[column[1]])
        return pa.table(columns)

    def take_back(self, data: pa.Table) -> None:
        """The stored points, with the columns of `changes`; nothing is new afterwards."""
        for point in _points(data, list(self.dimensions), self.measures):
            series, layout = self._take_names(point)
            self._points[series << _TIME_BITS | point.time_ns] = point.version, layout, point.values
            self._oldest = min(self._oldest, point.time_ns)


def _check_letters(there: list[str], coming: list[str]) -> None:
    """DuckDB takes `Site` and `site` for the same column; the service does not. Better a clear word."""
    folded = {name.lower(): name for name in there}
    for name in coming:
        other = folded.setdefault(name.lower(), name)
        if other != name:
            raise Refused(f"{name} and {other} differ only in upper and lower case: not on this machine.")


def _keys(keys: Iterable[int]) -> dict[str, pa.Array]:
    keys = list(keys)
    return {
        SERIES_COLUMN: pa.array([key >> _TIME_BITS for key in keys], pa.int64()),
        "time": pa.array([key & _TIME_MASK for key in keys], pa.timestamp("ns")),
    }


def _points(data: pa.Table, dimensions: list[str], measures: dict[str, str]) -> Iterator[Point]:
    for index, one in enumerate(data.schema):
        if pa.types.is_timestamp(one.type):
            data = data.set_column(
                index, one.name, data.column(index).cast(pa.timestamp("ns")).cast(pa.int64())
            )
    for row in data.to_pylist():
        named = tuple(sorted((name, row[name]) for name in dimensions if row[name] is not None))
        columns = tuple((name, kind) for name, kind in measures.items() if row[name] is not None)
        multi = not columns[0][0].startswith("measure_value::")
        values = tuple(row[name] for name, _ in columns)
        yield Point(named, row["measure_name"], multi, row["time"], row[VERSION_COLUMN], columns, values)
