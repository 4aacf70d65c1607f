"""What the devices send: repeatable, numbered without a gap, and truthful about what becomes of it."""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iotstream import Schema, decode
from iotstream.errors import ConfigurationError
from iotstream.records import RawBatch
from iotstream.simulate import ROW, Fleet, Message, device_names, readings
from iotstream.simulate.faulty import KINDS
from iotstream.simulate.readings import FORMS
from iotstream.simulate.sensor import Fault, Sensor, Site

START = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


def fleet(**changes) -> Fleet:
    return Fleet(**{"devices": device_names(5), "start": START, "messages": 300, **changes})


def as_batch(messages: list[Message]) -> RawBatch:
    return RawBatch(
        payloads=[message.payload for message in messages],
        sequence_numbers=[str(number) for number in range(len(messages))],
        arrival_ms=pa.array(
            [round((START.timestamp() + message.due) * 1000) for message in messages], pa.int64()
        ),
    )


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    bad_share=st.sampled_from([0.0, 0.1, 1.0]),
    packed_share=st.sampled_from([0.0, 0.2, 1.0]),
)
def test_the_decoder_finds_what_the_generator_foretells(
    seed: int, bad_share: float, packed_share: float
) -> None:
    messages = list(readings(fleet(seed=seed, bad_share=bad_share, packed_share=packed_share)))
    decoded = decode(as_batch(messages), Schema.load())
    expected = {
        (record, item): expectation.fate
        for record, message in enumerate(messages)
        for item, expectation in enumerate(message.expected)
    }
    rejects = {(reject.record, reject.item): str(reject.reason) for reject in decoded.rejects}
    assert rejects == {place: str(fate) for place, fate in expected.items() if fate != ROW}
    assert decoded.data.num_rows == sum(fate == ROW for fate in expected.values())


def test_every_kind_of_fault_is_made_and_rejected_for_its_reason() -> None:
    messages = list(readings(fleet(bad_share=1.0, packed_share=0.0, messages=2_000)))
    kinds = Counter(message.expected[0].kind for message in messages)
    assert set(kinds) == set(KINDS)
    rejects = decode(as_batch(messages), Schema.load()).rejects
    assert [str(reject.reason) for reject in rejects] == [m.expected[0].fate for m in messages]


def test_a_faulty_message_bears_its_number_where_its_form_permits() -> None:
    messages = list(readings(fleet(bad_share=1.0, packed_share=0.0, messages=2_000)))
    without = {m.expected[0].kind for m in messages if str(m.expected[0].n).encode() not in m.payload}
    assert without == {"empty", "blank", "broken_gzip"}


def test_every_form_is_used_and_items_outnumber_messages() -> None:
    messages = list(readings(fleet(packed_share=0.5, bad_share=0.0)))
    packed = [message for message in messages if len(message.expected) > 1]
    assert {message.expected[0].kind for message in packed} == set(FORMS)
    assert {len(message.expected) for message in packed} == {10}
    assert decode(as_batch(messages), Schema.load()).data.num_rows == len(messages) + 9 * len(packed)


def test_numbers_run_without_a_gap_and_times_never_go_back() -> None:
    messages = list(readings(fleet(packed_share=0.3, bad_share=0.3)))
    numbers = [expectation.n for message in messages for expectation in message.expected]
    assert numbers == list(range(len(numbers)))
    dues = [message.due for message in messages]
    assert dues == sorted(dues)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    first, again, other = (list(readings(fleet(seed=seed))) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_device_is_not_changed_by_the_others() -> None:
    def of_first(count: int) -> list[bytes]:
        few = readings(fleet(devices=device_names(count), messages=None, duration_s=60, packed_share=0))
        return [m.payload.partition(b",")[2] for m in few if m.device == "device-0001"]

    assert of_first(1) == of_first(4)


def test_the_run_ends_by_time_or_by_count() -> None:
    by_time = list(readings(fleet(rate=2.0, messages=None, duration_s=10)))
    assert len(by_time) == 5 * 2 * 10
    assert Counter(message.device for message in by_time) == dict.fromkeys(device_names(5), 20)
    assert max(message.due for message in by_time) < 10
    assert len(list(readings(fleet(messages=7)))) == 7
    assert len(list(itertools.islice(readings(fleet(messages=None)), 1_000))) == 1_000


def test_a_day_is_warmest_in_the_afternoon() -> None:
    at = Site(latitude=45, longitude=0, drift_per_day=0, noise=0.1, fault=Fault.NONE, onset=0)
    sensor = Sensor(at, __import__("random").Random(1))
    day = [sensor.read(START.replace(hour=hour), 0).temperature for hour in range(24)]
    assert 14 <= day.index(max(day)) <= 18
    assert 2 <= day.index(min(day)) <= 6
    assert 5 < max(day) - min(day) < 20


@pytest.mark.parametrize("fault", list(Fault))
def test_a_sensors_fault_shows_after_its_onset(fault: Fault) -> None:
    at = Site(latitude=20, longitude=0, drift_per_day=0, noise=0.2, fault=fault, onset=10)
    sensor = Sensor(at, __import__("random").Random(1))
    taken = [sensor.read(START + dt.timedelta(minutes=minute), 0).temperature for minute in range(400)]
    before, after = taken[:10], taken[10:]
    assert len(set(before)) > 5
    if fault is Fault.STUCK:
        assert set(after) == {before[-1]}
    elif fault is Fault.FLAT:
        assert set(after) == {0.0}
    else:
        assert any(abs(value) > 100 for value in after) is (fault is Fault.SPIKES)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bad_share": 1.5}, "bad_share = 1.5"),
        ({"packed_share": -1}, "packed_share = -1"),
        ({"rate": 0}, "rate = 0"),
        ({"devices": []}, "0 names"),
        ({"devices": ["a", "a"]}, "each once"),
        ({"start": dt.datetime(2026, 1, 1)}, "time zone"),  # noqa: DTZ001 - that is the point
    ],
)
def test_wrong_settings_are_refused_by_name(changes: dict, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        fleet(**changes)
