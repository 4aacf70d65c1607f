"""What a statement makes of a message: pure, with the time and the id as arguments.

Facts and their sources, all in the AWS IoT Core developer guide:

- `SELECT *` alone hands on the payload as raw bytes, whether it is JSON or not ("Working with binary
  payloads"). So malformed messages reach the stream, where the decoder rejects and keeps them.
- `SELECT *, x AS y` adds fields to a JSON object or to an empty payload (the same page).
- A path that leads nowhere is Undefined; an Undefined field is left out of the result, and a condition
  that is not true (Undefined, too) does not run the actions ("Data types", "WHERE clause").
- AND, OR, NOT take booleans and the texts "true" and "false"; arithmetic takes numeric texts; what has no
  meaning is Undefined ("Operators"). In version 2016-03-23 a whole number such as 10.0 is the Int 10
  ("Data types").

Chosen here: a select list with a path, and `*` with more fields, has no result for a payload that is not
JSON (not an object, for `*`): the message goes to the rule's error action, so that it is not lost. (AWS
only logs it.)
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import orjson

from iotstream.local.rules.errors import EvaluationError
from iotstream.local.rules.syntax import (
    Binary,
    Call,
    Expression,
    Literal,
    ParseTime,
    Path,
    Star,
    Statement,
    Unary,
)

_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
# What clientid() gives when no MQTT client sent the message.
NO_CLIENT = "n/a"


class Undefined:
    """No value: not even null."""

    def __repr__(self) -> str:
        return "Undefined"


UNDEFINED: Final = Undefined()


@dataclass(frozen=True, kw_only=True)
class Context:
    """A message, and when it came.

    Attributes:
        payload: as it was published.
        topic: where.
        client_id: by whom; None if that is unknown.
        now_ms: the time that `timestamp()` gives, ms since the epoch.
        new_id: gives what `newuuid()` returns.
    """

    payload: bytes
    topic: str
    client_id: str | None
    now_ms: int
    new_id: Callable[[], str] = field(repr=False)

    @cached_property
    def document(self) -> Any:
        """The payload as JSON; UNDEFINED if it is none."""
        try:
            return orjson.loads(self.payload)
        except orjson.JSONDecodeError:
            return UNDEFINED


def run(statement: Statement, context: Context) -> bytes | None:
    """The payload that goes to the actions; None if the condition does not hold.

    Raises:
        EvaluationError: the select list has no result for this payload.
    """
    if statement.where is not None and _boolean(evaluate(statement.where, context)) is not True:
        return None
    if statement.passes_through:
        return context.payload
    result: dict[str, Any] = {}
    for item in statement.items:
        if isinstance(item.value, Star):
            result = {**_object(context), **result}
            continue
        _check_json(item.value, context)
        value = evaluate(item.value, context)
        if value is not UNDEFINED:
            result[item.name] = value
    try:
        return orjson.dumps(_whole_numbers(result))
    except (RecursionError, orjson.JSONEncodeError) as error:
        raise EvaluationError(f"the result cannot be written as JSON: {error}") from None


def evaluate(expression: Expression, context: Context) -> Any:
    """The value of an expression: JSON's types, or UNDEFINED."""
    if isinstance(expression, Literal):
        return expression.value
    if isinstance(expression, Path):
        return _walk(context.document, expression.names)
    if isinstance(expression, Call):
        return _call(expression, context)
    if isinstance(expression, ParseTime):
        return _time(expression, context)
    if isinstance(expression, Unary):
        return _unary(expression.operator, evaluate(expression.operand, context))
    left, right = evaluate(expression.left, context), evaluate(expression.right, context)
    return _binary(expression.operator, left, right)


def _object(context: Context) -> dict[str, Any]:
    if not context.payload:
        return {}
    document = context.document
    if not isinstance(document, dict):
        raise EvaluationError("SELECT * with further fields needs a JSON object or an empty payload")
    return document


def _check_json(expression: Expression, context: Context) -> None:
    if context.document is UNDEFINED and _has_path(expression):
        raise EvaluationError("the select list refers to the payload's fields, and the payload is not JSON")


def _has_path(expression: Expression) -> bool:
    if isinstance(expression, Binary):
        return _has_path(expression.left) or _has_path(expression.right)
    if isinstance(expression, Unary):
        return _has_path(expression.operand)
    if isinstance(expression, ParseTime):
        return _has_path(expression.at)
    return isinstance(expression, Path)


def _walk(value: Any, names: tuple[str, ...]) -> Any:
    for name in names:
        if not isinstance(value, dict) or name not in value:
            return UNDEFINED
        value = value[name]
    return value


def _call(call: Call, context: Context) -> Any:
    if call.name == "topic":
        levels = context.topic.split("/")
        if call.argument is None:
            return context.topic
        return levels[call.argument - 1] if call.argument <= len(levels) else UNDEFINED
    if call.name == "clientid":
        return context.client_id or NO_CLIENT
    return context.now_ms if call.name == "timestamp" else context.new_id()


def _time(expression: ParseTime, context: Context) -> Any:
    ms = _number(evaluate(expression.at, context))
    if ms is None or not math.isfinite(ms):
        return UNDEFINED
    text = expression.pattern.format(math.floor(ms), expression.zone)
    return UNDEFINED if text is None else text


def _unary(operator: str, value: Any) -> Any:
    if operator == "-":
        number = _number(value)
        return UNDEFINED if number is None else -number
    boolean = _boolean(value)
    return UNDEFINED if boolean is None else not boolean


def _binary(operator: str, left: Any, right: Any) -> Any:
    if operator in {"AND", "OR"}:
        one, other = _boolean(left), _boolean(right)
        if one is None or other is None:
            return UNDEFINED
        return (one and other) if operator == "AND" else (one or other)
    if operator in {"=", "<>"}:
        equal = _equal(left, right)
        return equal if operator == "=" or equal is UNDEFINED else not equal
    if operator in _ORDERED:
        return _ordered(operator, left, right)
    if operator == "+" and (isinstance(left, str) or isinstance(right, str)):
        return _joined(left, right)
    return _calculated(operator, _number(left), _number(right))


_ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


def _equal(left: Any, right: Any) -> Any:
    if left is UNDEFINED or right is UNDEFINED:
        return UNDEFINED
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, str) and isinstance(right, str):
        return left == right
    one, other = _number(left), _number(right)
    if one is not None and other is not None:
        return one == other
    return type(left) is type(right) and left == right


def _ordered(operator: str, left: Any, right: Any) -> Any:
    compare = _ORDERED[operator]
    if isinstance(left, str) and isinstance(right, str):
        return compare(left, right)
    one, other = _number(left), _number(right)
    return UNDEFINED if one is None or other is None else compare(one, other)


def _joined(left: Any, right: Any) -> Any:
    texts = [as_text(value) for value in (left, right) if isinstance(value, str | int | float)]
    return "".join(texts) if len(texts) == 2 and not {type(left), type(right)} & {bool} else UNDEFINED


def _calculated(operator: str, left: float | None, right: float | None) -> Any:
    if left is None or right is None or (operator in {"/", "%"} and right == 0):
        return UNDEFINED
    try:
        if operator == "+":
            result = left + right
        elif operator == "-":
            result = left - right
        elif operator == "*":
            result = left * right
        else:
            result = left / right if operator == "/" else math.fmod(left, right)
        return _whole(result) if math.isfinite(result) else UNDEFINED
    except OverflowError:
        return UNDEFINED


def _boolean(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value.lower()) if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value) else None
    return value if isinstance(value, int | float) else None


def _whole(value: float) -> float:
    # What does not fit 64 bits is a float: the JSON writer's integers end there.
    if abs(value) >= 2**63:
        return float(value)
    return int(value) if value == int(value) else value


def _whole_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole_numbers(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_whole_numbers(inner) for inner in value]
    return _whole(value) if isinstance(value, float) else value


def as_text(value: Any) -> str:
    """A value as a text, as in a substitution template: Undefined is the empty text."""
    if value is UNDEFINED:
        return ""
    if isinstance(value, str):
        return value
    return orjson.dumps(_whole_numbers(value)).decode()
