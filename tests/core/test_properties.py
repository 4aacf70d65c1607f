"""What must hold for any bytes: conservation, order, and one answer from all ways."""

import json
import math

import agreement
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import FLAT, SCHEMAS, item, payload

import iotstream

ARRIVAL_MS = 1_734_604_200_000


@pytest.mark.parametrize("name", SCHEMAS)
@settings(max_examples=600)
@given(data=st.data())
def test_the_fast_way_answers_as_the_reference_does(name, data):
    payloads = data.draw(st.lists(payload(name), min_size=1, max_size=6))
    arrival = data.draw(st.sampled_from([None, ARRIVAL_MS]))
    agreement.check(payloads, SCHEMAS[name], None if arrival is None else [arrival] * len(payloads))


@settings(max_examples=300)
@given(st.lists(st.binary(max_size=60), max_size=5))
def test_any_bytes(payloads):
    agreement.check(payloads, FLAT)


@settings(max_examples=150)
@given(data=st.data())
def test_neighbours_do_not_matter(data):
    payloads = data.draw(st.lists(payload("flat"), min_size=2, max_size=8))
    together = iotstream.decode(payloads, FLAT)
    alone = [iotstream.decode([one], FLAT) for one in payloads]
    assert together.data.to_pylist() == [row for one in alone for row in one.data.to_pylist()]
    assert [tuple(one)[1:] for one in together.rejects] == [
        tuple(r)[1:] for one in alone for r in one.rejects
    ]


def naive(text):
    """A judge of one plain object by the default schema that knows nothing of the project's code."""

    def refuse(_):
        raise ValueError

    value = json.loads(text, parse_constant=refuse, parse_int=float)
    if not isinstance(value, dict):
        return None
    time, device = value.get("timestamp"), value.get("deviceId")
    out = []
    for key in ("temperature", "humidity"):
        number = value.get(key)
        if isinstance(number, bool) or not isinstance(number, int | float | str):
            return None
        if isinstance(number, str):
            if not number or not set(number) <= set("0123456789+-.eE"):
                return None
            digits = number.lstrip("+-").split("e")[0].split("E")[0].split(".")[0]
            if number[:2] in {"+-", "-+", "++", "--"} or (len(digits) > 1 and digits[0] == "0"):
                return None
        try:
            number = float(number)
        except (ValueError, OverflowError):
            return None
        if not math.isfinite(number):
            return None
        out.append(number)
    if not isinstance(time, str | int | float) or isinstance(time, bool) or not isinstance(device, str):
        return None
    try:
        device.encode()
    except UnicodeEncodeError:
        return None
    return [device, *out] if len(device) <= 256 else None


@settings(max_examples=400)
@given(item("flat"))
def test_an_independent_judge_agrees(text):
    decoded = iotstream.decode([text.encode("utf-8", "surrogatepass")], FLAT)
    try:
        expected = naive(text)
    except (ValueError, RecursionError):
        expected = None
    if decoded.data.num_rows:
        row = decoded.data.to_pylist()[0]
        assert [row["device_id"], row["temperature"], row["humidity"]] == expected
    elif expected is not None:
        # What is left are the rules that the judge does not know.
        (reject,) = decoded.rejects
        assert reject.reason in {"bad_time", "wrong_type", "too_deep", "bad_string"}
        assert reject.field in {"timestamp", ""}
