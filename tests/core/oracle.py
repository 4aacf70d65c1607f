"""A judge of single plain objects, written from the schema's page alone.

It knows nothing of the decoder's code: the standard library's json, datetime and fractions instead. What
it does not judge (texts that are not one object) it leaves.
"""

import datetime as dt
import json
import re
import struct
from fractions import Fraction

import iotstream

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
FIRST, LAST = -62_135_596_800_000, 253_402_300_799_999
MISSING = object()


class RefusedError(Exception):
    pass


class Number(str):
    """The text of a number, as it stood."""

    __slots__ = ()


def refuse_constant(name):
    raise ValueError(name)


def depth_of(text):
    deepest = level = 0
    for string in re.split(r'"(?:[^"\\]|\\.)*"', text):
        for char in string:
            level += (char in "{[") - (char in "}]")
            deepest = max(deepest, level)
    return deepest


def iso_ms(text):
    head, rest = text[:19], text[19:]
    shape = "".join("9" if char in "0123456789" else char for char in head)
    if shape not in {"9999-99-99T99:99:99", "9999-99-99t99:99:99", "9999-99-99 99:99:99"}:
        return None
    millis = 0
    if rest[:1] == ".":
        digits = rest[1:]
        zone = digits.lstrip("0123456789")
        digits = digits[: len(digits) - len(zone)]
        if not 1 <= len(digits) <= 9:
            return None
        millis, rest = int((digits + "00")[:3]), zone
    try:
        time = dt.datetime.strptime(head.upper().replace("T", " ") + "+0000", "%Y-%m-%d %H:%M:%S%z")
    except ValueError:
        return None
    offset = 0
    if rest not in {"", "Z", "z"}:
        digits = rest[1:].replace(":", "", 1) if rest[3:4] == ":" else rest[1:]
        if rest[0] not in "+-" or len(digits) not in {2, 4} or not set(digits) <= set("0123456789"):
            return None
        if rest[3:4] == ":" and len(digits) != 4:
            return None
        hours, minutes = int(digits[:2]), int(digits[2:] or 0)
        if hours > 23 or minutes > 59:
            return None
        offset = (hours * 60 + minutes) * (-1 if rest[0] == "-" else 1)
    if int(head[17:]) > 59:  # strptime knows leap seconds
        return None
    ms = (time - EPOCH) // dt.timedelta(milliseconds=1) + millis - offset * 60_000
    return ms if FIRST <= ms <= LAST else None


def number_of(value, lenient):
    """An exact int, or a float."""
    if isinstance(value, Number):
        text = str(value)
    elif type(value) is str and lenient:
        if (
            value.lstrip("+-").lower() in {"inf", "infinity", "nan"}
            and len(value) - len(value.lstrip("+-")) < 2
        ):
            raise RefusedError("not_finite")
        text = value[1:] if value[:1] == "+" else value
        sign, digits = ("-", text[1:]) if text[:1] == "-" else ("", text)
        if value[:2] in {"+-", "++"}:
            raise RefusedError("wrong_type")
        if digits[:1] == "." and digits[1:2].isdigit():
            digits = "0" + digits
        digits = re.sub(r"^([0-9]+)\.($|[eE])", r"\1\2", digits)
        if not re.fullmatch(r"(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", digits):
            raise RefusedError("wrong_type")
        text = sign + digits
        if value.lstrip("+-")[-1:] == "." or re.search(r"\.[eE]", value):
            return float(text)
    else:
        raise RefusedError("wrong_type")
    if re.fullmatch(r"-?[0-9]+", text):
        if len(text) > 4000:
            return (-1 if text[0] == "-" else 1) * 10**4000
        return int(text)
    return float(text)


def finite(number):
    try:
        result = float(number)
    except OverflowError:
        raise RefusedError("not_finite") from None
    if result in {float("inf"), float("-inf")}:
        raise RefusedError("not_finite")
    return result


def bounded(one, number):
    def like(bound):
        return struct.unpack("<f", struct.pack("<f", bound))[0] if one.type == "float32" else bound

    if (one.min is not None and number < like(one.min)) or (one.max is not None and number > like(one.max)):
        raise RefusedError("out_of_bounds")
    return number


def surrogate(text):
    return any(0xD800 <= ord(char) <= 0xDFFF for char in text)


def time_of(one, value):
    if type(value) is str and one.encoding in {"auto", "iso"}:
        if surrogate(value):
            raise RefusedError("bad_string")
        ms = iso_ms(value)
    elif one.encoding == "iso":
        raise RefusedError("wrong_type")
    else:
        number = number_of(value, one.lenient)
        if not isinstance(number, int):
            finite(number)
        unit = str(one.encoding)
        if unit == "auto":
            size = abs(number)
            unit = "s" if size < 10**11 else "ms" if size < 10**14 else "us" if size < 10**17 else "ns"
        if abs(number) > 10**22:
            ms = None
        elif isinstance(number, int):
            ms = round(
                Fraction(number)
                * Fraction({"s": 1000, "ms": 1}.get(unit, 1))
                / {"us": 1000, "ns": 10**6}.get(unit, 1)
            )
        else:
            # Floats are scaled as floats.
            ms = round(number * 1000 if unit == "s" else number / {"ms": 1, "us": 1000, "ns": 10**6}[unit])
    if ms is None or not FIRST <= ms <= LAST:
        raise RefusedError("bad_time")
    return ms


def value_of(one, value):
    kind = str(one.type)
    if kind == "timestamp":
        return time_of(one, value)
    if kind == "bool":
        if not isinstance(value, bool):
            raise RefusedError("wrong_type")
        return value
    if kind == "string":
        if type(value) is not str:
            raise RefusedError("wrong_type")
        if surrogate(value):
            raise RefusedError("bad_string")
        if one.max_length is not None and len(value) > one.max_length:
            raise RefusedError("too_long")
        if one.pattern is not None and not re.search(one.pattern, value):
            raise RefusedError("pattern")
        return value
    number = number_of(value, one.lenient)
    if kind.startswith("float"):
        number = finite(number)
        if kind == "float32":
            try:
                number = struct.unpack("<f", struct.pack("<f", number))[0]
            except OverflowError:
                raise RefusedError("out_of_bounds") from None
        return bounded(one, number) or 0.0
    if isinstance(number, float):
        finite(number)
        if number % 1:
            raise RefusedError("wrong_type")
        number = int(number)
    bits = int(kind[3:]) - 1
    if not -(2**bits) <= number < 2**bits:
        raise RefusedError("out_of_bounds")
    return bounded(one, number)


def look_up(one, item):
    absent = not one.required or one.default is not None
    value = item
    for key in one.source:
        if value is None:
            break
        if not isinstance(value, dict):
            raise RefusedError("wrong_type")
        value = value.get(key, MISSING)
        if value is MISSING:
            if absent:
                return one.default
            raise RefusedError("missing")
    if value is None:
        if absent:
            return one.default
        raise RefusedError("null")
    return value_of(one, value)


def judge(text, schema):
    """`row` and its values, or a reason and its field; None where it has no say."""
    try:
        item = json.loads(text, parse_constant=refuse_constant, parse_int=Number, parse_float=Number)
    except (ValueError, RecursionError):
        return None
    if depth_of(text) > schema.limits.max_depth:
        return "too_deep", ""
    if not isinstance(item, dict):
        return None
    values = []
    for one in schema.fields:
        try:
            values.append(look_up(one, item))
        except RefusedError as refused:
            return str(refused), one.name
    return "row", values


def check(text, schema):
    """The decoder says the same of the text, if the judge says anything."""
    raw = text.encode("utf-8", "surrogatepass")
    if len(raw) > schema.limits.max_record_bytes:
        return
    expected = judge(text, schema)
    if expected is None:
        return
    decoded = iotstream.decode([raw], schema)
    if decoded.data.num_rows:
        found = [
            (column.cast("int64") if str(column.type).startswith("timestamp") else column)[0].as_py()
            for column in decoded.data.columns
        ]
        values = [
            struct.unpack("<f", struct.pack("<f", value))[0]
            if one.type == "float32" and value is not None
            else value
            for one, value in zip(schema.fields, expected[1], strict=True)
        ]
        assert ("row", repr(found)) == (expected[0], repr(values)), text
    else:
        (reject,) = decoded.rejects
        assert (str(reject.reason), reject.field) == expected, text
