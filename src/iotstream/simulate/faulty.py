"""Messages malformed on purpose, each kind with the reason for which it is to be rejected.

Each is made from a good item and keeps its number `n` where the form leaves room for it. The reasons
are those under the default schema, with the arrival time known.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from iotstream.rejects import Reason

Item = dict[str, Any]
_TOO_DEEP = 100
_TOO_LONG = 300


def text(item: object) -> bytes:
    """Compact JSON."""
    return json.dumps(item, separators=(",", ":")).encode()


def _with(**changes: Any) -> Callable[[Item], bytes]:
    return lambda item: text({**item, **changes})


def _without(name: str) -> Callable[[Item], bytes]:
    return lambda item: text({key: value for key, value in item.items() if key != name})


def _literal(name: str, value: str) -> Callable[[Item], bytes]:
    """The item with what JSON cannot express in place of a value."""
    return lambda item: text({**item, name: "@"}).replace(b'"@"', value.encode())


def _truncated(item: Item) -> bytes:
    whole = text(item)
    return whole[: len(whole) * 3 // 4]


def _broken_gzip(item: Item) -> bytes:
    whole = gzip.compress(text(item), mtime=0)
    return whole[: len(whole) - 12]


def _too_deep(item: Item) -> bytes:
    return _literal("nested", "[" * _TOO_DEEP + "]" * _TOO_DEEP)(item)


KINDS: Mapping[str, tuple[Reason, Callable[[Item], bytes]]] = MappingProxyType(
    {
        "empty": (Reason.EMPTY, lambda _: b""),
        "blank": (Reason.EMPTY, lambda _: b" \r\n"),
        "broken_gzip": (Reason.BAD_COMPRESSION, _broken_gzip),
        "not_utf8": (Reason.NOT_UTF8, lambda item: text(item).replace(b'"deviceId":"', b'"deviceId":"\xff')),
        "truncated": (Reason.NOT_JSON, _truncated),
        "nan_literal": (Reason.NOT_JSON, _literal("temperature", "NaN")),
        "infinity_literal": (Reason.NOT_JSON, _literal("humidity", "-Infinity")),
        "plain_text": (Reason.NOT_JSON, lambda item: f"ERROR n={item['n']}: sensor not ready".encode()),
        "too_deep": (Reason.TOO_DEEP, _too_deep),
        "not_object": (Reason.NOT_OBJECT, lambda item: text([item["n"]])),
        "missing_humidity": (Reason.MISSING, _without("humidity")),
        "missing_time": (Reason.MISSING, _without("timestamp")),
        "null_temperature": (Reason.NULL, _with(temperature=None)),
        "words_for_a_number": (Reason.WRONG_TYPE, _with(temperature="warm")),
        "boolean_for_a_number": (Reason.WRONG_TYPE, _with(humidity=True)),
        "number_as_device_id": (Reason.WRONG_TYPE, _with(deviceId=17)),
        "nan_in_a_string": (Reason.NOT_FINITE, _with(temperature="nan")),
        "lone_surrogate": (Reason.BAD_STRING, _with(deviceId="\ud800")),
        "device_id_too_long": (Reason.TOO_LONG, _with(deviceId="x" * _TOO_LONG)),
        "month_13": (Reason.BAD_TIME, _with(timestamp="2026-13-01T00:00:00.000Z")),
        "words_for_a_time": (Reason.BAD_TIME, _with(timestamp="yesterday")),
        "year_9999": (Reason.TIME_OUT_OF_BOUNDS, _with(timestamp="9999-01-01T00:00:00.000Z")),
        "clock_at_epoch": (Reason.TIME_OUT_OF_BOUNDS, _with(timestamp="1970-01-01T00:00:07.000Z")),
    }
)
"""Kind → (reason, item → payload)."""
