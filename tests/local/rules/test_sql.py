"""The rules' SQL: what is read, what is refused and how, and what a statement makes of a message."""

from __future__ import annotations

import contextlib
import json
import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotstream.local.rules.errors import EvaluationError, RuleError
from iotstream.local.rules.evaluate import UNDEFINED, Context, evaluate, run
from iotstream.local.rules.parser import parse, parse_expression
from iotstream.local.rules.template import Template


def context(payload: bytes | dict = b"{}", **changes) -> Context:
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    settings = {"topic": "topic/mqtt/device-0001", "client_id": "device-0001", "now_ms": 1_700_000_000_123}
    return Context(**{"payload": data, "new_id": lambda: "an-id", **settings, **changes})


def value(expression: str, payload: bytes | dict = b"{}"):
    return evaluate(parse_expression(expression), context(payload))


@pytest.mark.parametrize(
    "payload",
    [
        b'{"a": 1.0, "b" : "\\u00e4"}',
        b"not JSON",
        b"",
        b"\xff\x00",
        b"[1, 2]",
        b'{"temperature": NaN}',
        b"80",
    ],
)
def test_select_star_hands_on_the_bytes_as_they_came(payload: bytes) -> None:
    assert run(parse("SELECT * FROM 'topic/#'"), context(payload)) == payload
    assert run(parse("select * from 'a' where timestamp() % 2 = 1"), context(payload)) == payload


@pytest.mark.parametrize(
    ("select", "payload", "result"),
    [
        ("temperature", {"temperature": 23.5}, {"temperature": 23.5}),
        ("temperature AS t, clientid() AS who", {"temperature": 1}, {"t": 1, "who": "device-0001"}),
        (
            "a.b.c AS c, a AS a",
            {"a": {"b": {"c": [1, None]}}},
            {"c": [1, None], "a": {"b": {"c": [1, None]}}},
        ),
        ("missing AS m, here", {"here": None}, {"here": None}),
        ("a.b AS b", {"a": 3}, {}),
        ('"odd name" AS "n n"', {"odd name": 1}, {"n n": 1}),
        ("*, topic() AS topic", {"x": 1}, {"x": 1, "topic": "topic/mqtt/device-0001"}),
        ("topic(3) AS x, *", {"x": 1, "y": 2}, {"x": "device-0001", "y": 2}),
        ("*, timestamp() AS ts", b"", {"ts": 1_700_000_000_123}),
        ("newuuid() AS id, topic(9) AS nine", b"not JSON", {"id": "an-id"}),
        (
            "NULL AS nothing, 'it''s' AS text, TRUE AS yes, -1.5 AS n",
            b"",
            {"nothing": None, "text": "it's", "yes": True, "n": -1.5},
        ),
        ("whole, deep", {"whole": 10.0, "deep": [{"x": 2.0}]}, {"whole": 10, "deep": [{"x": 2}]}),
    ],
)
def test_select_lists(select: str, payload, result: dict) -> None:
    out = run(parse(f"SELECT {select} FROM 'a'"), context(payload))
    assert out is not None
    assert json.loads(out) == result


def test_whole_numbers_are_written_as_integers() -> None:
    assert run(parse("SELECT a FROM 'a'"), context(b'{"a": 10.0}')) == b'{"a":10}'
    assert run(parse("SELECT a*a*a AS a FROM 'a'"), context(b'{"a": 9223372036854775807}')) is not None


@pytest.mark.parametrize(
    ("sql", "payload"),
    [
        ("SELECT temperature FROM 'a'", b"not JSON"),
        ("SELECT -(1 + x) AS y FROM 'a'", b"\xff"),
        ("SELECT *, 1 AS one FROM 'a'", b"not JSON"),
        ("SELECT *, 1 AS one FROM 'a'", b"[1]"),
        ("SELECT a FROM 'a'", b'{"a":' + b"[" * 900 + b"]" * 900 + b"}"),
    ],
)
def test_what_has_no_result_is_said(sql: str, payload: bytes) -> None:
    with pytest.raises(EvaluationError):
        run(parse(sql), context(payload))


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("temperature > 20", True),
        ("temperature > 20 AND humidity < 10", False),
        ("temperature > 20 OR humidity < 10", True),
        ("NOT temperature > 20", False),
        ("NOT (temperature > 20 AND missing > 1)", False),
        ("temperature >= 23.5 AND temperature <= 23.5", True),
        ("temperature <> 23.5", False),
        ("device.type = 'thermostat'", True),
        ("device.type <> 'thermostat'", False),
        ("device.kind = 'thermostat'", False),
        ("device.kind <> 'thermostat'", False),
        ("device = 'thermostat'", False),
        ("device <> 'thermostat'", True),
        ("flag", True),
        ("NOT flag", False),
        ("text_flag", True),
        ("temperature", False),
        ("number_text > 9", True),
        ("number_text = 12", True),
        ("'abc' < 'abd'", True),
        ("'abc' < 1", False),
        ("nothing = NULL", True),
        ("temperature = NULL", False),
        ("flag = 1", False),
        ("1 + 2 * 3 = 7 AND (1 + 2) * 3 = 9", True),
        ("7 % 4 = 3 AND 10 / 4 = 2.5 AND 1 - 2 - 3 = -4", True),
        ("1 / 0 = 1", False),
        ("topic(2) = 'mqtt' AND clientid() = topic(3)", True),
        ("true OR false AND false", True),
        ("temperature + 1 > 24 AND NOT humidity > 70", True),
    ],
)
def test_conditions(condition: str, holds: bool) -> None:
    payload = {
        "temperature": 23.5,
        "humidity": 65,
        "device": {"type": "thermostat"},
        "flag": True,
        "text_flag": "TRUE",
        "number_text": "12",
        "nothing": None,
    }
    out = run(parse(f"SELECT * FROM 'a' WHERE {condition}"), context(payload))
    assert (out is not None) is holds


def test_a_condition_on_what_is_not_json_does_not_hold() -> None:
    assert run(parse("SELECT * FROM 'a' WHERE temperature > 1"), context(b"not JSON")) is None


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("'a' + 1", "a1"),
        ("1.0 + 'a'", "1a"),
        ("'2' * 3", 6),
        ("'2' + 3", "23"),
        ("'x' * 3", UNDEFINED),
        ("true + 1", UNDEFINED),
        ("-'4'", -4),
        ("-7 % 4", -3),
        ("missing + 1", UNDEFINED),
        ("1e400 * 1", UNDEFINED),
        ("1 AND true", UNDEFINED),
        ("'TRUE' AND true", True),
    ],
)
def test_operators(expression: str, expected) -> None:
    result = value(expression)
    assert (result is UNDEFINED) if expected is UNDEFINED else result == expected


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("", "expected SELECT"),
        ("SELECT", "expected a value, found the end"),
        ("SELECT * FROM topic", "single quotes"),
        ("SELECT * FROM 'a#'", "no topic filter"),
        ("SELECT * FROM 'a' WHERE", "expected a value"),
        ("SELECT * FROM 'a' WHERE a = ", "expected a value"),
        ("SELECT * FROM 'a' extra", "expected the end, found 'extra'"),
        ("SELECT * FROM 'a' LIMIT 1", "LIMIT is not supported"),
        ("SET @x = 1 SELECT * FROM 'a'", "cannot read '@x"),
        ("SELECT * FROM 'a' WHERE a != 1", "write <>"),
        ("SELECT * FROM 'a' WHERE a IN (1)", "IN is not supported"),
        ("SELECT * FROM 'a' WHERE a IS NULL", "IS is not supported"),
        ("SELECT CASE a WHEN 1 THEN 2 END AS x FROM 'a'", "CASE is not supported"),
        ("SELECT encode(*, 'base64') AS x FROM 'a'", r"function encode\(\) is not supported; supported are"),
        ("SELECT (SELECT a FROM b) AS x FROM 'a'", "nested SELECT is not supported"),
        ("SELECT [1, 2] AS x FROM 'a'", "arrays and objects"),
        ("SELECT a[0] AS x FROM 'a'", "index into an array"),
        ("SELECT a.b FROM 'a'", "needs a name"),
        ("SELECT clientid() FROM 'a'", "needs a name"),
        ("SELECT a, b AS a FROM 'a'", "'a' is selected twice"),
        ("SELECT *, * FROM 'a'", "selected twice"),
        ("SELECT topic(0) AS t FROM 'a'", "counts levels from 1"),
        ("SELECT topic('x') AS t FROM 'a'", r"the \) of topic"),
        ("SELECT clientid(1) AS t FROM 'a'", r"the \) of clientid"),
        ("SELECT (1 + 2 AS t FROM 'a'", r"expected \)"),
        ("SELECT 'open FROM a", "cannot read"),
        ("SELECT a AS select.b FROM 'a'", "expected FROM"),
        ("SELECT where AS b FROM 'a'", "expected a value, found 'where'"),
    ],
)
def test_what_is_outside_the_subset_is_refused_by_its_name(sql: str, words: str) -> None:
    with pytest.raises(RuleError, match=words):
        parse(sql)


WORDS = [*"SELECT * FROM WHERE ( ) a . b , 1 + - AS NOT AND = <".split(), "'a'"]  # noqa: SIM905 - shorter


@given(st.text(max_size=60) | st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join))
def test_any_text_is_read_or_refused(sql: str) -> None:
    try:
        statement = parse(sql)
    except RuleError:
        return
    with contextlib.suppress(EvaluationError):
        run(statement, context(b'{"a": {"b": 1}}'))


# 2016-02-25 23:22:17.089 UTC; Belize is six hours behind, without summer time.
_MOMENT = 1_456_442_537_089


@pytest.mark.parametrize(
    ("pattern", "zone", "text"),
    [
        ("yyyy/MM/dd", "", "2016/02/25"),
        ("yyyy.MM.dd G 'at' HH:mm:ss z", "America/Belize", "2016.02.25 AD at 17:22:17 CST"),
        ("yyyy-MM-dd'T'HH:mm:ss.SSSZ", "", "2016-02-25T23:22:17.089+0000"),
        ("yyyy-MM-dd'T'HH:mm:ssZZ", "America/Belize", "2016-02-25T17:22:17-06:00"),
        ("HH:mm ZZZ", "Asia/Kolkata", "04:52 Asia/Kolkata"),
        ("E, d MMM yy", "", "Thu, 25 Feb 16"),
        ("EEEE d MMMM y", "", "Thursday 25 February 2016"),
        ("h:mm a, K, k", "", "11:22 PM, 11, 23"),
        ("D DDDD S SS SSSSS", "", "56 0056 0 08 08900"),
        ("h 'o''clock' ''a''", "", "11 o'clock 'PM'"),
    ],
)
def test_parse_time_writes_a_moment_by_joda_times_patterns(pattern: str, zone: str, text: str) -> None:
    arguments = ", ".join([str(_MOMENT), *([f'"{zone}"'] if zone else [])])
    assert value(f'parse_time("{pattern}", {arguments})') == text
    single = pattern.replace("'", "''")
    assert value(f"parse_time('{single}', {arguments})") == text


@given(
    st.integers(-30_000_000_000_000, 250_000_000_000_000),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Auckland"]),
)
def test_parse_time_agrees_with_the_standard_library(ms: int, zone: str) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    written = value(f"parse_time('yyyy-MM-dd''T''HH:mm:ss.SSS', {ms}, '{zone}')")
    there = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert written == there.isoformat(timespec="milliseconds")


def test_parse_time_takes_any_number_and_nothing_else() -> None:
    at = {"at": _MOMENT, "text": str(_MOMENT), "no": "yesterday", "far": 1e18, "never": 1e300}
    for expression in ("at", "text", f"{_MOMENT} + 0.9", "at - 1 + 1"):
        assert value(f"parse_time('ss.SSS', {expression})", at) == "17.089", expression
    for expression in ("no", "gone", "far", "never", "-far", "true", "null"):
        assert value(f"parse_time('ss', {expression})", at) is UNDEFINED, expression
    assert value("parse_time('yyyy', timestamp())") == "2023"
    assert run(parse("SELECT parse_time('yyyy', at) AS year FROM 'x'"), context(at)) == b'{"year":"2016"}'
    with pytest.raises(EvaluationError):
        run(parse("SELECT parse_time('yyyy', at) AS year FROM 'x'"), context(b"not JSON"))


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("parse_time('yyyy')", "the time that parse_time"),
        ("parse_time(at, 1)", "a time pattern in quotes"),
        ("parse_time('yyyy', 1, zone)", "a time zone in quotes"),
        ("parse_time('yyyy', 1, 'UTC', 2)", r"the \) of parse_time"),
        ("parse_time('xx', 1)", "'xx' is not supported"),
        ('parse_time("yyyy \'at", 1)', "quote at character 6"),
        ("parse_time('yyyy', 1, 'Moon/Tranquility')", "time zone 'Moon/Tranquility'"),
        ("parse_time('yyyy', 1, '../etc/passwd')", "time zone"),
    ],
)
def test_parse_time_is_refused_where_it_is_wrong(expression: str, words: str) -> None:
    with pytest.raises(RuleError, match=words):
        parse_expression(expression)


def test_an_error_key_as_terraform_writes_it() -> None:
    template = Template.parse('errors/${parse_time("yyyy/MM/dd", timestamp())}/${newuuid()}.json')
    assert template.render(context()) == "errors/2023/11/14/an-id.json"


_NUMBERS = st.integers(-50, 50)
_ARITHMETIC = st.recursive(
    _NUMBERS.map(lambda n: f"({n})" if n < 0 else str(n)),
    lambda inner: (
        st.tuples(inner, st.sampled_from("+-*"), inner).map(" ".join) | inner.map(lambda e: f"({e})")
    ),
    max_leaves=8,
)


@given(_ARITHMETIC, _ARITHMETIC, st.sampled_from(["<", "<=", ">", ">=", "=", "<>"]))
def test_arithmetic_and_precedence_agree_with_another_language(left: str, right: str, operator: str) -> None:
    python = f"{left} { {'=': '==', '<>': '!='}.get(operator, operator) } {right}"
    assert value(f"{left} {operator} {right}") is eval(python)
    assert math.isclose(value(left), eval(left))


@given(
    st.recursive(
        st.sampled_from(["true", "false"]),
        lambda inner: (
            st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join)
            | inner.map(lambda e: f"not {e}")
            | inner.map(lambda e: f"({e})")
        ),
        max_leaves=10,
    )
)
def test_logic_agrees_with_another_language(expression: str) -> None:
    python = expression.replace("true", "True").replace("false", "False")
    assert value(expression) is eval(python)


def test_templates() -> None:
    template = Template.parse("${topic(3)}/${timestamp() % 1000}-${newuuid()}.json")
    assert template.render(context()) == "device-0001/123-an-id.json"
    assert Template.parse("plain").render(context()) == "plain"
    assert Template.parse("${missing}").render(context()) == ""
    assert Template.parse("${deviceId}${x.y}").render(context({"deviceId": "d", "x": {"y": 2.0}})) == "d2"
    for source, words in (("${topic(", "no }"), ("${}", "expected a value"), ("${a b}", "expected the end")):
        with pytest.raises(RuleError, match=words):
            Template.parse(source)
