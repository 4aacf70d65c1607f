"""The patterns of `parse_time()`: a moment as a text.

Sources: https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html (parse_time, which takes
Joda-Time's patterns) and https://www.joda.org/joda-time/apidocs/org/joda/time/format/DateTimeFormat.html.

Done here, in English: G (AD), y (year), M (month, its name from three letters on), d, D (day of the year),
E (day of the week), a (AM or PM), H (0-23), k (1-24), K (0-11), h (1-12), m, s, S (fraction of a second),
z (the zone's short name), Z (its offset: +0100, ZZ: +01:00, ZZZ: its id), text in single quotes, and
everything that is no letter. Other letters are refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from iotstream.local.rules.errors import RuleError

DEFAULT_ZONE = "UTC"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# A run of one letter; a text in single quotes, in which '' is a quote, as it is outside; anything else.
_PARTS = re.compile(r"(?P<letters>([A-Za-z])\2*)|'(?P<quoted>(?:[^']|'')*)'|(?P<other>[^A-Za-z']+)")
_TEXT_FROM = 3
"""Letters from which on a month is its name."""
_LONG_FROM = 4
"""Letters from which on a name is not cut to three."""
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class TimePattern:
    """A pattern, read once.

    Attributes:
        source: as it was written.
        parts: texts, and fields as their letter and how often it stands there.
    """

    source: str
    parts: tuple[str | tuple[str, int], ...]

    @classmethod
    def parse(cls, source: str) -> TimePattern:
        """Read a pattern.

        Raises:
            RuleError: a quote is not closed, or a letter is not done here.
        """
        parts: list[str | tuple[str, int]] = []
        at = 0
        while at < len(source):
            match = _PARTS.match(source, at)
            if match is None:
                raise RuleError(f"time pattern {source!r}: the quote at character {at + 1} is not closed")
            if letters := match["letters"]:
                if letters[0] not in _FIELDS:
                    known = ", ".join(_FIELDS)
                    raise RuleError(f"time pattern {source!r}: {letters!r} is not supported; {known} are")
                parts.append((letters[0], len(letters)))
            elif match["quoted"] is not None:
                parts.append(match["quoted"].replace("''", "'") or "'")
            else:
                parts.append(match["other"])
            at = match.end()
        return cls(source, tuple(parts))

    def format(self, ms: int, zone: ZoneInfo) -> str | None:
        """The moment `ms` (milliseconds since the epoch) in that zone; None outside the years 1 to 9999."""
        try:
            moment = (_EPOCH + timedelta(milliseconds=ms)).astimezone(zone)
        except OverflowError:
            return None
        return "".join(
            part if isinstance(part, str) else _FIELDS[part[0]](moment, part[1]) for part in self.parts
        )


def zone_of(name: str) -> ZoneInfo:
    """A time zone by its name.

    Raises:
        RuleError: there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise RuleError(f"time zone {name!r} is not known: {error}") from None


def _year(moment: datetime, count: int) -> str:
    return f"{moment.year % 100:02d}" if count == 2 else f"{moment.year:0{count}d}"


def _month(moment: datetime, count: int) -> str:
    return f"{moment.month:0{count}d}" if count < _TEXT_FROM else _name(_MONTHS[moment.month - 1], count)


def _name(name: str, count: int) -> str:
    return name if count >= _LONG_FROM else name[:3]


def _fraction(moment: datetime, count: int) -> str:
    return f"{moment.microsecond // 1000:03d}"[:count].ljust(count, "0")


def _offset(moment: datetime, count: int) -> str:
    if count > 2:
        return str(moment.tzinfo)
    text = moment.strftime("%z")[:5]
    return text if count == 1 else f"{text[:3]}:{text[3:]}"


def _always(text: Callable[[datetime], str]) -> Callable[[datetime, int], str]:
    return lambda moment, _count: text(moment)


def _padded(number: Callable[[datetime], int]) -> Callable[[datetime, int], str]:
    return lambda moment, count: f"{number(moment):0{count}d}"


_FIELDS: Final[dict[str, Callable[[datetime, int], str]]] = {
    "G": _always(lambda _moment: "AD"),
    "y": _year,
    "M": _month,
    "d": _padded(lambda moment: moment.day),
    "D": _padded(lambda moment: moment.timetuple().tm_yday),
    "E": lambda moment, count: _name(_DAYS[moment.weekday()], count),
    "a": _always(lambda moment: "AM" if moment.hour < 12 else "PM"),
    "H": _padded(lambda moment: moment.hour),
    "k": _padded(lambda moment: moment.hour or 24),
    "K": _padded(lambda moment: moment.hour % 12),
    "h": _padded(lambda moment: moment.hour % 12 or 12),
    "m": _padded(lambda moment: moment.minute),
    "s": _padded(lambda moment: moment.second),
    "S": _fraction,
    "z": _always(lambda moment: moment.tzname() or ""),
    "Z": _offset,
}
