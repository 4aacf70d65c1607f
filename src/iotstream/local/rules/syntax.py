"""What a rule's SQL is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias
from zoneinfo import ZoneInfo

from iotstream.local.rules.times import TimePattern

Scalar: TypeAlias = bool | int | float | str | None


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant."""

    value: Scalar


@dataclass(frozen=True, slots=True)
class Path:
    """A way into the payload: `a.b.c`."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A function of the message (`topic`, `clientid`, `timestamp`, `newuuid`)."""

    name: str
    argument: int | None = None


@dataclass(frozen=True, slots=True)
class ParseTime:
    """`parse_time(pattern, at, zone)`: the moment `at`, ms since the epoch, as a text."""

    pattern: TimePattern
    at: Expression
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Unary:
    """`NOT x` or `-x`."""

    operator: str
    operand: Expression


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands with an operator between them."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Star:
    """`*`: the payload as it came."""


Expression: TypeAlias = Literal | Path | Call | ParseTime | Unary | Binary


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a select list, and the name that it gets in the result ("" for `*`)."""

    value: Expression | Star
    name: str


@dataclass(frozen=True, slots=True)
class Statement:
    """`SELECT items FROM 'topic_filter' WHERE where`."""

    items: tuple[Item, ...]
    topic_filter: str
    where: Expression | None

    @property
    def passes_through(self) -> bool:
        """Whether the payload goes on as it came: `SELECT *` alone."""
        return len(self.items) == 1 and isinstance(self.items[0].value, Star)
