from __future__ import annotations

import datetime as dt
import json

import pyarrow as pa
import pytest

import iotstream
from iotstream.demo.balance import Letter, balance, expect, parse_letters, to_rows
from iotstream.schema import Schema
from iotstream.simulate import Expectation, Fleet, Message, device_names, readings

SCHEMA = Schema.load()
START = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
ARRIVAL = int(START.timestamp() * 1000) + 20_000


@pytest.fixture(scope="module")
def messages():
    fleet = Fleet(
        devices=device_names(5), rate=2, start=START, seed=3, messages=400, bad_share=0.2, packed_share=0.1
    )
    return list(readings(fleet))


def found(messages):
    """What a pipeline that loses nothing leaves behind."""
    arrival = pa.array([ARRIVAL] * len(messages), pa.int64())
    raw = iotstream.RawBatch(
        payloads=[message.payload for message in messages],
        sequence_numbers=[str(index) for index in range(len(messages))],
        arrival_ms=arrival,
    )
    decoded = iotstream.decode(raw, SCHEMA)
    rows = to_rows(pa.Table.from_batches([decoded.data]), SCHEMA)
    return rows, [Letter(str(one.reason), one.payload) for one in decoded.rejects]


def test_what_the_simulator_expects_is_what_the_decoder_does(messages):
    expected = expect(messages, SCHEMA, ARRIVAL)
    assert expected.contradictions == []
    assert expected.items == sum(len(message.expected) for message in messages) > 600
    assert len(expected.letters) > 30


def test_a_run_without_loss_balances(messages):
    rows, letters = found(messages)
    result = balance(expect(messages, SCHEMA, ARRIVAL), rows, letters)
    assert result.ok, list(result.problems())
    assert result.published == result.rows + result.dead_letters
    assert result.duplicates == result.late == 0
    assert sum(result.by_reason.values()) == result.dead_letters


def test_lost_rows_are_named_by_number(messages):
    rows, letters = found(messages)
    expected = expect(messages, SCHEMA, ARRIVAL)
    result = balance(expected, rows[3:], letters)
    assert not result.ok
    assert sorted(result.missing_rows) == sorted(n for row in rows[:3] for n in expected.rows[row])
    assert "3 rows missing in the lake: items " in next(result.problems())


def test_a_lost_dead_letter_is_named(messages):
    rows, letters = found(messages)
    result = balance(expect(messages, SCHEMA, ARRIVAL), rows, letters[1:])
    assert not result.ok
    assert len(result.missing_letters) == 1


def test_doubles_are_counted_apart_and_still_balance(messages):
    rows, letters = found(messages)
    result = balance(expect(messages, SCHEMA, ARRIVAL), [*rows, rows[0], rows[0]], [*letters, letters[0]])
    assert result.ok
    assert (result.duplicate_rows, result.duplicate_letters) == (2, 1)
    assert result.published + result.duplicates == result.rows + result.dead_letters


def test_a_changed_value_is_both_missing_and_unexpected(messages):
    rows, letters = found(messages)
    changed = (*rows[0][:2], rows[0][2] + 0.01, rows[0][3])
    result = balance(expect(messages, SCHEMA, ARRIVAL), [changed, *rows[1:]], letters)
    assert len(result.missing_rows) == 1
    assert result.unexpected_rows == [changed]


def test_a_dead_letter_of_the_wrong_reason_or_from_nowhere_is_named(messages):
    rows, letters = found(messages)
    wrong = [Letter("too_large", letters[0].payload), *letters[1:], Letter("not_json", b"from nowhere")]
    result = balance(expect(messages, SCHEMA, ARRIVAL), rows, wrong)
    assert [found for _, _, found in result.wrong_reasons] == ["too_large"]
    assert [one.payload for one in result.unexpected_letters] == [b"from nowhere"]
    assert len(list(result.problems())) == 2


def test_what_was_never_acknowledged_may_be_there_or_not(messages):
    sure, maybe = messages[:-1], messages[-1:]
    expected, possible = expect(sure, SCHEMA, ARRIVAL), expect(maybe, SCHEMA, ARRIVAL)
    without = balance(expected, *found(sure), possible)
    assert without.ok
    assert without.late == 0
    arrived = balance(expected, *found(messages), possible)
    assert arrived.ok
    assert arrived.late == possible.items
    assert arrived.published == without.published + possible.items


def test_a_simulator_that_expects_otherwise_is_a_contradiction():
    payload = b'{"deviceId":"a","temperature":1,"humidity":2,"timestamp":"2026-03-01T12:00:00Z"}'
    expected = expect([Message("a", 0.0, payload, (Expectation(7, "missing", "odd"),))], SCHEMA, ARRIVAL)
    result = balance(expected, *found([Message("a", 0.0, payload, ())]))
    assert list(result.problems()) == ["item 7 (odd) decodes to row; the simulator made it for missing"]


def test_a_recorded_line_may_hold_several_items():
    item = {"deviceId": "a", "temperature": 1, "humidity": 2, "timestamp": "2026-03-01T12:00:00Z"}
    payload = json.dumps([item, {**item, "temperature": 2}, 3]).encode()
    recorded = [Message("a", 0.0, payload, (Expectation(0, "unknown", "recorded"),))]
    expected = expect(recorded, SCHEMA, ARRIVAL)
    assert (expected.items, expected.contradictions) == (3, [])
    assert balance(expected, *found(recorded)).ok


def test_a_sinks_refusals_do_not_count_as_dead_letters():
    lines = (
        b'{"reason":"missing","payload":"e30=","sink":"","extra":1}\n'
        b'{"reason":"sink","payload":"e30=","sink":"timestream"}\n'
    )
    letters, refused = parse_letters(lines)
    assert letters == [Letter("missing", b"{}")]
    assert refused == {"timestream": 1}
