"""Requests from plain values or JSON, and the service's sentence for what is wrong with them."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from iotstream.local.kinesis.errors import KinesisError, validation
from iotstream.local.kinesis.registry import operations

_PATH: Final = re.compile(r" - at `(?:key` in `)?\$?(.*?)`$")
_SHOWN_CHARACTERS: Final = 300
_CONSTRAINTS: Final = (
    (re.compile(r"Object missing required field `(\w+)`"), "Member must not be null"),
    (re.compile(r"Expected `(?:str|bytes|array|object)` of length >= (\d+)"), "greater than"),
    (re.compile(r"Expected `(?:str|bytes|array|object)` of length <= (\d+)"), "less than"),
    (re.compile(r"Expected `int` >= (\d+)"), "Member must have value greater than or equal to "),
    (re.compile(r"Expected `int` <= (\d+)"), "Member must have value less than or equal to "),
    (re.compile(r"Expected `str` matching regex '(.*)'"), "Member must satisfy regular expression pattern: "),
    (re.compile(r"Invalid enum value (.*)"), "Member must satisfy enum value set"),
)


def parse(operation: str, values: dict[str, Any]) -> msgspec.Struct:
    """The request of an operation from plain values (bytes for data).

    Raises:
        KinesisError: UnknownOperationException, ValidationException or SerializationException.
    """
    request_type = _request_type(operation)
    try:
        return msgspec.convert(values, request_type, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        raise _as_service_error(str(error), values) from None


def parse_json(operation: str, body: bytes) -> msgspec.Struct:
    """The request of an operation from JSON (base64 for data).

    Raises:
        KinesisError: UnknownOperationException, ValidationException or SerializationException.
    """
    request_type, body = _request_type(operation), body or b"{}"
    try:
        return msgspec.json.decode(body, type=request_type)
    except msgspec.ValidationError as error:
        raise _as_service_error(str(error), msgspec.json.decode(body)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise KinesisError("SerializationException", str(error)) from None


def _request_type(operation: str) -> type[msgspec.Struct]:
    try:
        return operations()[operation][0]
    except KeyError:
        raise KinesisError("UnknownOperationException", f"Unknown operation {operation!r}.") from None


def _as_service_error(problem: str, values: Any) -> KinesisError:
    found = _PATH.search(problem)
    path = found.group(1).lstrip(".") if found else ""
    problem = _PATH.sub("", problem)
    for pattern, words in _CONSTRAINTS:
        match = pattern.fullmatch(problem)
        if match:
            return _constraint(match, words, path, values)
    return KinesisError("SerializationException", f"{problem}{' at ' + path if path else ''}")


def _constraint(match: re.Match[str], words: str, path: str, values: Any) -> KinesisError:
    missing = words == "Member must not be null"
    if missing:
        path = f"{path}.{match.group(1)}".lstrip(".")
    elif words in ("greater than", "less than"):
        words = f"Member must have length {words} or equal to {match.group(1)}"
    elif words.endswith(" "):
        words += match.group(1)
    value = "null" if missing else _shown(path, values)
    return validation(
        f"1 validation error detected: Value {value} at '{_service_path(path)}' failed to satisfy "
        f"constraint: {words}"
    )


def _shown(path: str, values: Any) -> str:
    for name, index in re.findall(r"(\w+)|\[(\d+)\]", path.replace("[...]", "")):
        try:
            values = values[name] if name else values[int(index)]
        except (KeyError, IndexError, TypeError):
            break
    return f"'{str(values)[:_SHOWN_CHARACTERS]}'" if isinstance(values, str | int | float) else "'...'"


def _service_path(path: str) -> str:
    """`Records[0].PartitionKey` as the service writes it: `records.1.member.partitionKey`."""
    counted = re.sub(r"\[(\d+)\]", lambda found: f".{int(found.group(1)) + 1}.member", path)
    return ".".join(part[:1].lower() + part[1:] for part in counted.split("."))
