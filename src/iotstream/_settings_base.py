"""What a setting is: a dataclass field with a rule, and how a wrong value is refused."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import Field, dataclass, field, fields
from typing import Any, ClassVar

from iotstream.errors import ConfigurationError

PREFIX = "IOTSTREAM_"

STREAM_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,128}")
TIMESTREAM_NAME = re.compile(r"[a-zA-Z0-9_.-]{3,256}")
APPLICATION = re.compile(r"[a-zA-Z0-9_.-]{1,100}")
JOURNAL_URI = re.compile(r"dynamodb://[a-zA-Z0-9_.-]{3,255}|sqlite:///.+|memory:")
INITIAL_POSITION = re.compile(r"TRIM_HORIZON|LATEST|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_URI = re.compile(r"s3://[^/\s]+(/\S*)?|file:///.*")
_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What a value must be, in words and as a test."""

    words: str
    holds: Callable[[Any], bool]


def whole(least: int, most: int | None = None) -> Rule:
    words = f"a whole number from {least:,}" + (f" to {most:,}" if most is not None else "")
    return Rule(words=words, holds=lambda value: value >= least and (most is None or value <= most))


def choice(*names: str) -> Rule:
    return Rule(words="one of " + ", ".join(names), holds=lambda value: value in names)


def matching(pattern: re.Pattern[str], words: str, *, empty: bool = False) -> Rule:
    return Rule(words=words, holds=lambda value: bool(pattern.fullmatch(value)) or (empty and not value))


ANY = Rule(words="text", holds=lambda _: True)
PATH = Rule(words="a path, or empty", holds=lambda _: True)
SECONDS = Rule(words="seconds, a number above 0", holds=lambda value: 0 < value < math.inf)
FLAG = Rule(words="true or false", holds=lambda _: True)
HTTP_URL = matching(re.compile(r"https?://\S+"), "https://host:port, http://host:port, or empty", empty=True)
LOCATION = matching(_URI, "s3://bucket/prefix or file:///directory", empty=True)


def setting(default: Any, about: str, rule: Rule, *, path: bool = False, secret: bool = False) -> Any:
    metadata = {"about": about, "rule": rule, "path": path, "secret": secret}
    return field(default=default, metadata=metadata, repr=not secret)


class Section:
    """A table of the file. Its dataclass fields are the keys, each with its rule in the metadata."""

    section: ClassVar[str]

    def __post_init__(self) -> None:
        for key in fields(self):  # type: ignore[arg-type]  # every subclass is a dataclass
            value, rule = getattr(self, key.name), key.metadata["rule"]
            if value is not None and not rule.holds(value):
                raise refusal(self.section, key.name, shown(key, value), rule.words)


def variable(section: str, key: str) -> str:
    """The variable that overrides that key."""
    return f"{PREFIX}{section}_{key}".upper()


def shown(key: Field[Any], value: object) -> object:
    """The value, for a message; not if it is a secret."""
    return _HIDDEN if key.metadata["secret"] else value


class _Hidden:
    def __repr__(self) -> str:
        return "…"


_HIDDEN = _Hidden()


def refusal(section: str, key: str, value: object, allowed: str) -> ConfigurationError:
    name = variable(section, key)
    return ConfigurationError(f"{section}.{key} (variable {name}) = {value!r}: allowed is {allowed}")


def typed(section: str, key: Field[Any], value: Any, wanted: type) -> Any:
    """A value of the file; TOML's own types must fit."""
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    # TOML's booleans are Python ints too.
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise refusal(section, key.name, shown(key, value), key.metadata["rule"].words)
    return value


def parsed(section: str, key: Field[Any], text: str, wanted: type) -> Any:
    """A value of a variable, which is text."""
    rule = key.metadata["rule"]
    if wanted is bool:
        if text.lower() not in _TRUE + _FALSE:
            raise refusal(section, key.name, text, rule.words)
        return text.lower() in _TRUE
    try:
        return wanted(text)
    except ValueError:
        raise refusal(section, key.name, text, rule.words) from None
