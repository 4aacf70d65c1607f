"""Measurements, and what they say of the goals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from figures.rows import BY_KEY, LIBRARIES, ROWS, Limit, Row


class Kind(StrEnum):
    """Whose way it is."""

    OURS = "ours"
    LIBRARY = "library"
    """Does the whole work of the row but for rejects."""
    OTHER = "other"
    """Does other work: less, or more, as its name says; or is a variant of ours."""


@dataclass(frozen=True)
class Measurement:
    """One number.

    Attributes:
        row: the key of its row.
        way: how the work is done.
        kind: whose way that is.
        value: in the row's unit.
        system: the part of it that the system's kernel took; None where that is not known.
        note: what else is to be said of it.
    """

    row: str
    way: str
    kind: str
    value: float
    system: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Line:
    """A line of the table.

    Attributes:
        measured: the number.
        row: its row.
        ratio: how many times ours; None for ours.
        limits: each with whether it is met.
    """

    measured: Measurement
    row: Row
    ratio: float | None
    limits: tuple[tuple[Limit, bool], ...]

    @property
    def verdict(self) -> str:
        """`met`, `missed`, or nothing where there is no goal."""
        return " and ".join("met" if met else "missed" for _, met in self.limits)


def read(document: dict[str, Any]) -> list[Measurement]:
    """The measurements of a run that was saved."""
    return [Measurement(**one) for one in document["measurements"]]


def written(measurements: Iterable[Measurement]) -> list[dict[str, Any]]:
    """What `read` reads."""
    return [asdict(one) for one in measurements]


def lines(measurements: Sequence[Measurement]) -> Iterator[Line]:
    """In the order of the rows; of each ours first, then by the value."""
    for row in ROWS:
        yield from _lines_of(row, [one for one in measurements if one.row == row.key])


def _lines_of(row: Row, ways: Sequence[Measurement]) -> Iterator[Line]:
    ours = min((one for one in ways if one.kind == Kind.OURS), key=lambda one: one.value, default=None)
    limits = {} if ours is None else _judged(row, ours, ways)
    for one in sorted(ways, key=lambda one: (one.kind != Kind.OURS, one.value)):
        compared = ours is not None and one.kind != Kind.OURS and ours.value > 0
        ratio = one.value / ours.value if compared and ours is not None else None
        yield Line(one, row, ratio, tuple(limits.get(one.way, ())))


def _judged(row: Row, ours: Measurement, ways: Sequence[Measurement]) -> dict[str, list[tuple[Limit, bool]]]:
    """Which limits concern which way, and whether each is met."""
    judged: dict[str, list[tuple[Limit, bool]]] = {}
    for limit in row.limits:
        if limit.at_most is not None:
            judged.setdefault(ours.way, []).append((limit, ours.value <= limit.at_most))
        elif limit.times is not None and (other := _named(limit.way, ways)) is not None:
            met = other.value >= limit.times * ours.value
            judged.setdefault(other.way, []).append((limit, met))
    return judged


def _named(way: str, ways: Sequence[Measurement]) -> Measurement | None:
    found = [one for one in ways if (one.kind == Kind.LIBRARY if way == LIBRARIES else one.way == way)]
    return min(found, key=lambda one: one.value, default=None)


def check(measurement: Measurement) -> Measurement:
    """The measurement, if it belongs in the table.

    Raises:
        KeyError: there is no such row.
    """
    BY_KEY[measurement.row]
    return measurement
