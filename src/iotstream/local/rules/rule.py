"""A topic rule: a statement, the action that takes its result, and the action for errors.

A file of rules is a JSON list, with the names that AWS IoT uses:

    [{"ruleName": "telemetry",
      "sql": "SELECT * FROM 'topic/mqtt/#'",
      "awsIotSqlVersion": "2016-03-23",
      "actions": [{"kinesis": {"streamName": "kinesis-stream", "partitionKey": "${clientid()}"}}],
      "errorAction": {"s3": {"key": "${topic()}/${timestamp()}-${newuuid()}"}}}]

`roleArn` and the bucket's name of the error action are read over: errors go to the engine's directory.
A rule whose `ruleDisabled` is true is left out. Other keys, and other actions, are refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from iotstream.local.rules.errors import RuleError
from iotstream.local.rules.parser import parse
from iotstream.local.rules.syntax import Statement
from iotstream.local.rules.template import Template

SQL_VERSION = "2016-03-23"
PARTITION_KEY = "${clientid()}"
ERROR_KEY = "${topic()}/${timestamp()}-${newuuid()}"
_RULE_KEYS = {
    "ruleName",
    "sql",
    "awsIotSqlVersion",
    "actions",
    "errorAction",
    "ruleDisabled",
    "description",
}


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule.

    Attributes:
        name: for messages and figures.
        statement: what is made of a message.
        stream: the Kinesis stream that takes the result.
        partition_key: of its record.
        error_key: below the error directory, where the original bytes go if the result can't be had or
            the stream doesn't take it.
    """

    name: str
    statement: Statement
    stream: str
    partition_key: Template
    error_key: Template

    @classmethod
    def of(
        cls,
        name: str,
        sql: str,
        *,
        stream: str,
        partition_key: str = PARTITION_KEY,
        error_key: str = ERROR_KEY,
    ) -> Rule:
        """A rule from its texts.

        Raises:
            RuleError: one is malformed, or outside what this engine does.
        """
        try:
            return cls(
                name=name,
                statement=parse(sql),
                stream=stream,
                partition_key=Template.parse(partition_key),
                error_key=Template.parse(error_key),
            )
        except RuleError as error:
            raise RuleError(f"rule {name!r}: {error}") from error


def default_rules(stream: str, topic: str) -> list[Rule]:
    """The pipeline's two rules: devices on `<topic>/<name>`, and the test client on `<topic>`.

    In AWS IoT Core `<topic>/#` does not take what is published on `<topic>` itself, so that no message
    is in both.
    """
    return [
        Rule.of("devices", f"SELECT * FROM '{topic}/#'", stream=stream),  # noqa: S608 - a topic
        Rule.of("test_client", f"SELECT * FROM '{topic}'", stream=stream),  # noqa: S608 - a topic
    ]


def load_rules(path: Path) -> list[Rule]:
    """The rules of a file.

    Raises:
        RuleError: something in it is wrong; the message names the rule and the key.
    """
    try:
        rows = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise RuleError(f"rules file {str(path)!r}: {error}") from error
    if not isinstance(rows, list) or not rows:
        raise RuleError(f"rules file {str(path)!r}: a list of rules is expected")
    rules = [rule for number, row in enumerate(rows) if (rule := _rule(row, number)) is not None]
    names = [rule.name for rule in rules]
    twice = {name for name in names if names.count(name) > 1}
    if twice or not rules:
        what = f"ruleName {', '.join(sorted(twice))} is used twice" if twice else "every rule is disabled"
        raise RuleError(f"rules file {str(path)!r}: {what}")
    return rules


def _rule(row: Any, number: int) -> Rule | None:
    """A rule; None if it is disabled."""
    place = f"rule {number}"
    _check(row, place, _RULE_KEYS)
    name = _text(row, "ruleName", place)
    place = f"rule {name!r}"
    version = row.get("awsIotSqlVersion", SQL_VERSION)
    if version != SQL_VERSION:
        raise RuleError(f"{place}: awsIotSqlVersion = {version!r}: only {SQL_VERSION} is there")
    actions = row.get("actions")
    if not isinstance(actions, list) or len(actions) != 1:
        raise RuleError(f"{place}: actions: a list of one kinesis action is expected")
    kinesis = _only(actions[0], f"{place}: actions[0]", "kinesis", {"streamName", "partitionKey", "roleArn"})
    error_key = ERROR_KEY
    if "errorAction" in row:
        keys = {"key", "bucketName", "roleArn"}
        error = _only(row["errorAction"], f"{place}: errorAction", "s3", keys)
        error_key = _text(error, "key", f"{place}: errorAction.s3", ERROR_KEY)
    if row.get("ruleDisabled", False):
        return None
    return Rule.of(
        name,
        _text(row, "sql", place),
        stream=_text(kinesis, "streamName", f"{place}: actions[0].kinesis"),
        partition_key=_text(kinesis, "partitionKey", f"{place}: actions[0].kinesis", PARTITION_KEY),
        error_key=error_key,
    )


def _only(value: Any, place: str, action: str, keys: set[str]) -> dict[str, Any]:
    """The one action in `value`, which must be of the kind `action`."""
    inner = _check(value, place, {action}).get(action)
    return _check(inner, f"{place}.{action}", keys)


def _check(value: Any, place: str, keys: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise RuleError(f"{place}: an object with {', '.join(sorted(keys))} is expected, found {value!r}")
    unknown = value.keys() - keys
    if unknown:
        raise RuleError(
            f"{place}: {', '.join(sorted(unknown))}: only {', '.join(sorted(keys))} are supported"
        )
    return value


def _text(row: dict[str, Any], key: str, place: str, default: str = "") -> str:
    value = row.get(key, default)
    if not isinstance(value, str) or not value:
        raise RuleError(f"{place}: {key} = {value!r}: a text is expected")
    return value
