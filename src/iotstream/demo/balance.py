"""The balance: is every item that was published a row of the lake or a dead letter? Pure.

What is expected is worked out from the published messages themselves: the simulator says of each item
what shall become of it, and decoding the payload here says what its row holds. Each row of the lake and
each dead letter is then laid beside the item it must come from, and what is left over on either side is
a fault. MQTT (QoS 1) and PutRecords may deliver twice; such doubles are counted apart.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa

from iotstream.decode import decode
from iotstream.records import RawBatch
from iotstream.schema import Schema
from iotstream.simulate.message import ROW, UNKNOWN, Message

SHOWN_NUMBERS = 10
"""So many numbers of a kind are named in a problem."""

Row = tuple[Any, ...]
"""The values of the schema's columns; the time as ms since the epoch."""


class Letter(NamedTuple):
    """A dead letter as far as the balance looks at it."""

    reason: str
    payload: bytes


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What shall be found.

    Attributes:
        items: how many.
        rows: row → the numbers of the items that become it (mostly one).
        letters: a reject's payload → its items' numbers and reasons (mostly one).
        contradictions: where the simulator and the decoder disagree, a line each.
    """

    items: int = 0
    rows: Mapping[Row, list[int]] = field(default_factory=dict)
    letters: Mapping[bytes, list[tuple[int, str]]] = field(default_factory=dict)
    contradictions: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Balance:
    """How expectation and what was found compare; counts of items.

    Attributes:
        published: items whose message was acknowledged, and those that arrived without (see `late`).
        rows: rows in the lake, doubles included.
        dead_letters: the decoder's rejects in the quarantine, doubles included.
        late: items that were never acknowledged to the device and arrived all the same.
        duplicate_rows, duplicate_letters: doubles.
        missing_rows, missing_letters: numbers of items that are not there.
        unexpected_rows, unexpected_letters: what comes from no published item.
        wrong_reasons: number, the expected reason, the found one.
        by_reason: dead letters.
        contradictions: see `Expected`.
    """

    published: int
    rows: int
    dead_letters: int
    late: int = 0
    duplicate_rows: int = 0
    duplicate_letters: int = 0
    missing_rows: Sequence[int] = ()
    missing_letters: Sequence[int] = ()
    unexpected_rows: Sequence[Row] = ()
    unexpected_letters: Sequence[Letter] = ()
    wrong_reasons: Sequence[tuple[int, str, str]] = ()
    by_reason: Mapping[str, int] = field(default_factory=dict)
    contradictions: Sequence[str] = ()

    @property
    def duplicates(self) -> int:
        """Items that are there more than once, each time beyond the first."""
        return self.duplicate_rows + self.duplicate_letters

    @property
    def ok(self) -> bool:
        """Whether it balances."""
        return not any(True for _ in self.problems())

    def problems(self) -> Iterator[str]:
        """What does not hold, a line each."""
        if self.missing_rows:
            yield f"{_count(self.missing_rows, 'row')} missing in the lake: {_numbers(self.missing_rows)}"
        if self.missing_letters:
            yield f"{_count(self.missing_letters, 'dead letter')} missing: {_numbers(self.missing_letters)}"
        if self.unexpected_rows:
            first = self.unexpected_rows[0]
            yield f"{_count(self.unexpected_rows, 'row')} in the lake from no message, such as {first}"
        if self.unexpected_letters:
            one = self.unexpected_letters[0]
            found = f"{one.reason}: {one.payload[:80]!r}"
            yield f"{_count(self.unexpected_letters, 'dead letter')} from no message, such as {found}"
        for number, wanted, found in self.wrong_reasons[:SHOWN_NUMBERS]:
            yield f"item {number} was rejected as {found}, not as {wanted}"
        yield from self.contradictions[:SHOWN_NUMBERS]
        if self.published + self.duplicates != self.rows + self.dead_letters and not self._already_named:
            yield (
                f"published {self.published} and doubles {self.duplicates} are not "
                f"rows {self.rows} and dead letters {self.dead_letters}"
            )

    @property
    def _already_named(self) -> bool:
        gone = self.missing_rows or self.missing_letters
        return bool(gone or self.unexpected_rows or self.unexpected_letters)


def _count(things: Sequence[Any], what: str) -> str:
    return f"{len(things):,} {what}{'s' if len(things) != 1 else ''}"


def _numbers(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, sorted(numbers)[:SHOWN_NUMBERS]))
    return f"item{'s' if len(numbers) != 1 else ''} {shown}{' …' if len(numbers) > SHOWN_NUMBERS else ''}"


def expect(messages: Sequence[Message], schema: Schema, arrival_ms: int) -> Expected:
    """What shall become of these messages.

    Args:
        messages: that were published.
        schema: of the pipeline.
        arrival_ms: about when they arrived, ms since the epoch: it bounds the event times.
    """
    raw = RawBatch(
        payloads=[message.payload for message in messages],
        sequence_numbers=[str(index) for index in range(len(messages))],
        arrival_ms=pa.array([arrival_ms] * len(messages), pa.int64()),
        deaggregated=True,
    )
    decoded = decode(raw, schema)
    rows: defaultdict[Row, list[int]] = defaultdict(list)
    letters: defaultdict[bytes, list[tuple[int, str]]] = defaultdict(list)
    fates: list[tuple[int, int, str]] = []
    records, items = decoded.record.to_pylist(), decoded.item.to_pylist()
    found = to_rows(pa.Table.from_batches([decoded.data]), schema)
    for row, record, item in zip(found, records, items, strict=True):
        rows[row].append(_number(messages[record], item))
        fates.append((record, item, ROW))
    for reject in decoded.rejects:
        number = _number(messages[reject.record], reject.item)
        letters[reject.payload].append((number, str(reject.reason)))
        fates.append((reject.record, reject.item, str(reject.reason)))
    return Expected(
        items=len(fates),
        rows=dict(rows),
        letters=dict(letters),
        contradictions=list(_contradictions(messages, fates)),
    )


def _number(message: Message, item: int) -> int:
    # A recorded line has one number, however many items it holds.
    return message.expected[min(item, len(message.expected) - 1)].n


def _contradictions(messages: Sequence[Message], fates: Iterable[tuple[int, int, str]]) -> Iterator[str]:
    seen: Counter[int] = Counter()
    for record, item, fate in fates:
        seen[record] += 1
        wanted = messages[record].expected
        if item < len(wanted) and wanted[item].fate not in {fate, UNKNOWN}:
            one = wanted[item]
            yield f"item {one.n} ({one.kind}) decodes to {fate}; the simulator made it for {one.fate}"
    for record, message in enumerate(messages):
        if message.expected[0].fate != UNKNOWN and len(message.expected) != seen[record]:
            number, wanted_items = message.expected[0].n, len(message.expected)
            yield f"the message of item {number} decodes to {seen[record]} items, not {wanted_items}"


def balance(
    expected: Expected, rows: Iterable[Row], letters: Iterable[Letter], maybe: Expected | None = None
) -> Balance:
    """Lay what was found beside what was expected.

    Args:
        expected: of the messages that were acknowledged.
        rows: of the lake.
        letters: the decoder's dead letters.
        maybe: of the messages that were sent but never acknowledged: they may be there or not.
    """
    maybe = maybe or Expected()
    found_rows, found_letters = Counter(rows), list(letters)
    missing_rows, double_rows, odd_rows, late_rows = _compare(expected.rows, found_rows, maybe.rows)
    payloads = Counter(letter.payload for letter in found_letters)
    missing, double, odd, late = _compare(expected.letters, payloads, maybe.letters)
    odd_payloads = set(odd)
    return Balance(
        published=expected.items + late_rows + late,
        rows=found_rows.total(),
        dead_letters=len(found_letters),
        late=late_rows + late,
        duplicate_rows=double_rows,
        duplicate_letters=double,
        missing_rows=missing_rows,
        missing_letters=[number for number, _ in missing],
        unexpected_rows=odd_rows,
        unexpected_letters=[one for one in found_letters if one.payload in odd_payloads],
        wrong_reasons=_wrong_reasons(expected, found_letters),
        by_reason=dict(Counter(letter.reason for letter in found_letters).most_common()),
        contradictions=expected.contradictions,
    )


def _compare(
    wanted: Mapping[Any, list[Any]], found: Counter[Any], maybe: Mapping[Any, list[Any]]
) -> tuple[list[Any], int, list[Any], int]:
    """What is missing, how many doubles, what is unexpected, how many came late."""
    missing = [one for key, ones in wanted.items() for one in ones[found[key] :]]
    doubles = late = 0
    unexpected = []
    for key, count in found.items():
        sure, possible = len(wanted.get(key, ())), len(maybe.get(key, ()))
        if not sure and not possible:
            unexpected.append(key)
            continue
        extra = max(count - sure, 0)
        late += min(extra, possible)
        doubles += max(extra - possible, 0)
    return missing, doubles, unexpected, late


def _wrong_reasons(expected: Expected, letters: Iterable[Letter]) -> list[tuple[int, str, str]]:
    wrong = []
    for letter in letters:
        wanted = expected.letters.get(letter.payload)
        if wanted and all(reason != letter.reason for _, reason in wanted):
            wrong.append((wanted[0][0], wanted[0][1], letter.reason))
    return wrong


def to_rows(table: pa.Table, schema: Schema) -> list[Row]:
    """The rows as tuples of the schema's columns, the time as ms since the epoch."""
    columns = []
    for one in schema.fields:
        column = table[one.name]
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("ms", "UTC")).cast(pa.int64())
        columns.append(column.to_pylist())
    return list(zip(*columns, strict=True))


class _Line(msgspec.Struct):
    reason: str
    payload: bytes  # base64
    sink: str = ""


_lines = msgspec.json.Decoder(_Line)


def parse_letters(lines: bytes) -> tuple[list[Letter], Counter[str]]:
    """One object of dead letters, unzipped.

    Returns:
        the decoder's, which count in the balance; and how many each sink refused, which are rows of
        the lake all the same.
    """
    found = [_lines.decode(line) for line in lines.splitlines() if line]
    mine = [Letter(one.reason, one.payload) for one in found if not one.sink]
    return mine, Counter(one.sink for one in found if one.sink)
