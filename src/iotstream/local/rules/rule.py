"""A topic rule: a statement, the action that takes its result, and the action for errors.

A file of rules is a JSON list, with the names that AWS IoT uses:

    [{"ruleName": "telemetry",
      "sql": "SELECT * FROM 'topic/mqtt/#'",
      "awsIotSqlVersion": "2016-03-23",
      "actions": [{"kinesis": {"streamName": "kinesis-stream", "partitionKey": "${clientid()}"}}],
      "errorAction": {"s3": {"key": "${topic()}/${timestamp()}-${newuuid()}"}}}]
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
    return [_rule(row, number) for number, row in enumerate(rows)]


def _rule(row: Any, number: int) -> Rule:
    name = row.get("ruleName") if isinstance(row, dict) else None
    if not isinstance(name, str) or not name:
        raise RuleError(f"rule {number}: ruleName is missing")
    version = row.get("awsIotSqlVersion", SQL_VERSION)
    if version != SQL_VERSION:
        raise RuleError(f"rule {name!r}: awsIotSqlVersion = {version!r}: only {SQL_VERSION} is there")
    actions = row.get("actions")
    kinesis = actions[0].get("kinesis") if isinstance(actions, list) and len(actions) == 1 else None
    if not isinstance(kinesis, dict) or not kinesis.get("streamName"):
        raise RuleError(f"rule {name!r}: actions: one kinesis action with a streamName is expected")
    error = row.get("errorAction") or {}
    key = error.get("s3", {}).get("key", ERROR_KEY)
    return Rule.of(
        name,
        row.get("sql", ""),
        stream=kinesis["streamName"],
        partition_key=kinesis.get("partitionKey", PARTITION_KEY),
        error_key=key,
    )
