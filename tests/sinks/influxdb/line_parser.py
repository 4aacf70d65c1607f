"""An independent reader of line protocol, strict: by the reference, and by what the servers' parsers do.

v1 and v2 (models/points.go): in tags a backslash escapes a comma, =, or space, and else is itself. v3
(influxdb_line_protocol): it escapes itself too, and an unescaped tab ends the tag. In quoted text a backslash
escapes itself and the quote, and a line break is text.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_FLOAT = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?")


class Line(NamedTuple):
    measurement: str
    tags: tuple[tuple[str, str], ...]
    fields: dict[str, object]
    time_ms: int


class _Reader:
    def __init__(self, text: str, version: str) -> None:
        self.text, self.at, self.version = text, 0, version

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self, expected: str) -> None:
        if not self.text.startswith(expected, self.at):
            raise ValueError(f"expected {expected!r} at {self.at} of {self.text[:200]!r}")
        self.at += len(expected)

    def match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        if found is None:
            raise ValueError(f"expected {pattern.pattern} at {self.at} of {self.text[:200]!r}")
        self.at = found.end()
        return found[0]

    def tag_value(self) -> str:
        value = ""
        escaped = ",= \\" if self.version == "v3" else ",= "
        while (one := self.peek()) not in {"", ",", " ", "=", "\n"} and not (
            one == "\t" and self.version == "v3"
        ):
            self.at += 1
            if one == "\\" and self.peek() and self.peek() in escaped:
                one = self.peek()
                self.at += 1
            value += one
        if not value or value.endswith("\\"):
            raise ValueError(f"tag value {value!r}")
        return value

    def quoted(self) -> str:
        value = ""
        self.take('"')
        while (one := self.peek()) != '"':
            if not one:
                raise ValueError("a quote is left open")
            self.at += 1
            if one == "\\" and self.peek() in {"\\", '"'}:
                one = self.peek()
                self.at += 1
            value += one
        self.take('"')
        return value

    def field_value(self) -> object:
        if self.peek() == '"':
            return self.quoted()
        for word, value in (("true", True), ("false", False)):
            if self.text.startswith(word, self.at):
                self.at += len(word)
                return value
        number = self.match(_FLOAT)
        if self.peek() == "i":
            self.at += 1
            return int(number)
        return float(number)

    def line(self) -> Line:
        measurement = self.match(_NAME)
        tags = []
        while self.peek() == ",":
            self.at += 1
            name = self.match(_NAME)
            self.take("=")
            tags.append((name, self.tag_value()))
        fields: dict[str, object] = {}
        mark = " "
        while self.peek() == mark:
            self.at += 1
            name = self.match(_NAME)
            self.take("=")
            assert name not in fields
            fields[name] = self.field_value()
            mark = ","
        if not fields:
            raise ValueError("no fields")
        self.take(" ")
        return Line(measurement, tuple(tags), fields, int(self.match(re.compile(r"-?\d+"))))


def parse(text: str, version: str) -> list[Line]:
    """All lines.

    Raises:
        ValueError: this is not line protocol.
    """
    reader = _Reader(text, version)
    found = [reader.line()]
    while reader.peek():
        reader.take("\n")
        found.append(reader.line())
    return found
