"""The tokens of a rule's SQL."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from iotstream.local.rules.errors import RuleError


class Kind(StrEnum):
    """What a token is."""

    WORD = "word"
    QUOTED = "quoted name"
    STRING = "string"
    NUMBER = "number"
    SYMBOL = "symbol"
    END = "end"


class Token(NamedTuple):
    """A token: its text (quotes taken off), and where it begins in the statement, from 0."""

    kind: Kind
    text: str
    at: int


_TOKEN = re.compile(
    r"""(?P<blank>\s+)
    |(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<word>[A-Za-z_][A-Za-z0-9_]*)
    |'(?P<string>(?:[^']|'')*)'
    |"(?P<quoted>[^"]+)"
    |(?P<symbol><>|<=|>=|!=|\|\||[-+*/%=<>(),.\[\]{}])""",
    re.VERBOSE,
)


def tokens(sql: str) -> list[Token]:
    """Take a statement apart; the last token is the end.

    Raises:
        RuleError: a character begins no token (an unclosed quote, a comment).
    """
    found, at = [], 0
    while at < len(sql):
        match = _TOKEN.match(sql, at)
        if match is None or match.lastgroup is None:
            raise RuleError(f"SQL: cannot read {sql[at : at + 20]!r} at character {at + 1} of {sql!r}")
        text = match[match.lastgroup]
        if match.lastgroup == "string":
            text = text.replace("''", "'")
        if match.lastgroup != "blank":
            kind = Kind.QUOTED if match.lastgroup == "quoted" else Kind(match.lastgroup)
            found.append(Token(kind, text, at))
        at = match.end()
    return [*found, Token(Kind.END, "", len(sql))]
