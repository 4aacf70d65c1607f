"""`DynamoJournal`: the journal of production, a DynamoDB table with an item for each shard.

A write is one UpdateItem, conditional on the version that it was made from. So a request that was thought
lost, and reaches the table late, finds another version and changes nothing; and when an answer is lost the
item shows whether the write is done. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from iotstream.errors import ClaimLost, ConfigurationError, JournalUnavailable, MissingDependencyError
from iotstream.journal.base import ShardKey, ShardState
from iotstream.journal.dynamodb_item import (
    Attribute,
    Attributes,
    Item,
    changed_attributes,
    key_attributes,
    parse,
)
from iotstream.journal.stored import Change, StoredJournal, wall_clock_ms
from iotstream.journal.transitions import claimed
from iotstream.retry import Backoff, suspend_aware_clock

CONNECT_TIMEOUT_S = 3
READ_TIMEOUT_S = 5
"""DynamoDB answers in milliseconds: what takes longer is asked again."""
_CONDITION_FAILED = "ConditionalCheckFailedException"
_TRANSIENT_CODES = frozenset(
    {
        "InternalServerError",
        "ProvisionedThroughputExceededException",
        "ReplicatedWriteConflictException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html"""
_ADVICE = {
    "ResourceNotFoundException": "make the table (hash key `group`, range key `shard`, both strings), or correct "
    "journal.uri or the region",
    "AccessDeniedException": "allow dynamodb:GetItem, dynamodb:UpdateItem and dynamodb:Query on the table",
    "UnrecognizedClientException": "the credentials are not this account's, or no longer valid",
    "ValidationException": "the table must have the hash key `group` and the range key `shard`, both strings",
}


class DynamoJournal(StoredJournal):
    """See `Journal`. Threads, processes and machines may share the table.

    Args:
        table: the table's name. It is not looked at before it is used.
        environ: the SDK's variables: endpoint, region, credentials.
        backoff: between tries, while the table is throttled or down.
        now_ms: ms since the epoch; for tests.
        clock, sleep: seconds; for tests.

    Attributes:
        client: boto3's low-level client.

    Raises:
        ConfigurationError: no region, or the SDK's settings are wrong.
        MissingDependencyError: boto3 is not installed.
    """

    def __init__(
        self,
        table: str,
        *,
        environ: Mapping[str, str],
        backoff: Backoff | None = None,
        now_ms: Callable[[], int] = wall_clock_ms,
        clock: Callable[[], float] = suspend_aware_clock,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(now_ms)
        self.client = _client(environ)
        self._table = table
        self._backoff = backoff or Backoff()
        self._clock = clock
        self._sleep = sleep
        self._seen: dict[ShardKey, Item] = {}
        """What the items were after this journal's last write; another process may have changed them."""

    def claim(self, key: ShardKey, owner: str) -> ShardState:
        """See `Journal`."""
        claim = uuid.uuid4().hex
        item = self._fetch(key)
        while item is None or item.claim != claim:
            before = item.state if item else None
            changes = changed_attributes(before, claimed(before, owner, self._now_ms()))
            # Whatever the worker that holds the shard writes meanwhile leaves the epoch as it is.
            condition = ("epoch", before.epoch) if before else None
            item = self._update(key, condition, {**changes, "claim": {"S": claim}})
        self._seen[key] = item
        return item.state

    def read(self, key: ShardKey) -> ShardState | None:
        """See `Journal`."""
        item = self._fetch(key)
        return item and item.state

    def shards(self, group: str) -> Mapping[str, ShardState]:
        """See `Journal`."""
        found: dict[str, ShardState] = {}
        more: Mapping[str, Any] = {}
        while True:
            page = self._call(
                "query",
                KeyConditionExpression="#group = :group",
                ExpressionAttributeNames={"#group": "group"},
                ExpressionAttributeValues={":group": {"S": group}},
                ConsistentRead=True,
                **more,
            )
            for attributes in page["Items"]:
                found[attributes["shard"]["S"]] = self._parse(attributes).state
            if "LastEvaluatedKey" not in page:
                return found
            more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def close(self) -> None:
        """See `Journal`."""
        self.client.close()

    def _change(self, key: ShardKey, change: Change) -> ShardState:
        """Write until nothing is left to be changed: that the change is done is read from the item itself."""
        item, fresh = self._seen.get(key), False
        while True:
            if item is None and not fresh:
                item, fresh = self._fetch(key), True
            before = item.state if item else None
            try:
                after = change(before)
            except ClaimLost:
                self._seen.pop(key, None)
                if fresh:
                    raise
                item = None  # by what was seen last: look again
                continue
            if after != before:
                condition = ("version", item.version) if item else None
                item, fresh = self._update(key, condition, changed_attributes(before, after)), True
            elif fresh and item is not None:
                self._seen[key] = item
                return after
            else:
                item = None

    def _update(
        self, key: ShardKey, condition: tuple[str, int] | None, changes: Mapping[str, Attribute | None]
    ) -> Item | None:
        """Change attributes, if a number still is what it was; without a condition, if there is no item.

        Returns:
            The item as it is afterwards, changed or not; None: there is none.
        """
        sets = [f"#{name} = :{name}" for name, value in changes.items() if value is not None]
        removes = [f"#{name}" for name, value in changes.items() if value is None]
        number, expected = condition or ("version", 0)
        values = {f":{name}": value for name, value in changes.items() if value is not None}
        values[":one"] = {"N": "1"}
        if condition is not None:
            values[":expected"] = {"N": str(expected)}
        try:
            answer = self._call(
                "update_item",
                Key=key_attributes(key),
                UpdateExpression=" ".join(
                    ["ADD #version :one", "SET " + ", ".join(sets) if sets else ""]
                    + (["REMOVE " + ", ".join(removes)] if removes else [])
                ),
                ConditionExpression=f"#{number} = :expected"
                if condition
                else f"attribute_not_exists(#{number})",
                ExpressionAttributeNames={f"#{name}": name for name in {*changes, number, "version"}},
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except _ConditionFailed as error:
            return self._parse(error.item) if error.item else None
        return self._parse(answer["Attributes"])

    def _fetch(self, key: ShardKey) -> Item | None:
        answer = self._call("get_item", Key=key_attributes(key), ConsistentRead=True)
        return self._parse(answer["Item"]) if "Item" in answer else None

    def _parse(self, attributes: Attributes) -> Item:
        try:
            return parse(attributes)
        except ValueError as error:
            name = {part: attributes.get(part, {}).get("S") for part in ("group", "shard")}
            raise JournalUnavailable(
                f"journal dynamodb://{self._table}: the item {name} is none of a journal: {error}"
            ) from error

    def _call(self, operation: str, **parameters: Any) -> Mapping[str, Any]:
        """Call until it is answered.

        Raises:
            _ConditionFailed: the answer was that.
            JournalUnavailable: it was not answered within the deadline, or refused for good.
        """
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - boto3 is there by now
        from botocore.parsers import ResponseParserError  # noqa: PLC0415

        began, delays = self._clock(), self._backoff.delays()
        while True:
            try:
                answer: Mapping[str, Any] = getattr(self.client, operation)(
                    TableName=self._table, **parameters
                )
            except (BotoCoreError, ClientError, ResponseParserError) as error:
                if _code(error) == _CONDITION_FAILED:
                    raise _ConditionFailed(error.response.get("Item")) from error
                delay = next(delays, None) if _is_transient(error) else None
                if delay is None or self._clock() - began + delay > self._backoff.deadline_s:
                    raise JournalUnavailable(self._message(operation, error)) from error
            else:
                return answer
            self._sleep(delay)

    def _message(self, operation: str, error: Exception) -> str:
        advice = _ADVICE.get(_code(error), "")
        where = f"journal dynamodb://{self._table} ({self.client.meta.endpoint_url}): {operation}"
        return f"{where}: {error}" + (f"; {advice}" if advice else "")


class _ConditionFailed(Exception):  # noqa: N818 - an answer like any other
    """The item, if there is one, is not as the condition says."""

    def __init__(self, item: Attributes | None) -> None:
        super().__init__()
        self.item = item


def create_table(environ: Mapping[str, str], name: str) -> None:
    """Make the journal's table, paid by request, and wait until it can be used; one that is there is left.

    For the local stack and for trials: in production it is Terraform's, with backups and a key.

    Args:
        environ: the SDK's variables: endpoint, region, credentials.
        name: the table's.

    Raises:
        ConfigurationError: no region, or the SDK's settings are wrong.
        MissingDependencyError: boto3 is not installed.
    """
    client = _client(environ)
    parts = {"group": "HASH", "shard": "RANGE"}
    with contextlib.suppress(client.exceptions.ResourceInUseException):
        client.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": part, "KeyType": kind} for part, kind in parts.items()],
            AttributeDefinitions=[{"AttributeName": part, "AttributeType": "S"} for part in parts],
            BillingMode="PAY_PER_REQUEST",
        )
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    client.close()


def _client(environ: Mapping[str, str]) -> Any:
    try:
        from boto3.session import Session  # noqa: PLC0415 - it costs a quarter of a second
        from botocore.config import Config  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415
    except ImportError as error:
        raise MissingDependencyError(
            "a journal in DynamoDB needs boto3: pip install 'iotstream[aws]'"
        ) from error
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        # Tries are counted here, where the deadline is known.
        retries={"total_max_attempts": 1},
    )
    try:
        return Session().client(
            "dynamodb",
            config=config,
            endpoint_url=environ.get("AWS_ENDPOINT_URL_DYNAMODB") or environ.get("AWS_ENDPOINT_URL") or None,
            region_name=environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or None,
            aws_access_key_id=environ.get("AWS_ACCESS_KEY_ID") or None,
            aws_secret_access_key=environ.get("AWS_SECRET_ACCESS_KEY") or None,
            aws_session_token=environ.get("AWS_SESSION_TOKEN") or None,
        )
    except BotoCoreError as error:
        advice = " Set AWS_REGION." if type(error).__name__ == "NoRegionError" else ""
        raise ConfigurationError(f"journal in DynamoDB: {error}{advice}") from error


def _code(error: Exception) -> str:
    """The service's code; empty if there was no answer."""
    response = getattr(error, "response", None)
    return str(response["Error"]["Code"]) if response else ""


def _is_transient(error: Exception) -> bool:
    from botocore.exceptions import ClientError, CredentialRetrievalError, HTTPClientError  # noqa: PLC0415
    from botocore.parsers import ResponseParserError  # noqa: PLC0415

    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 or _code(error) in _TRANSIENT_CODES
    return isinstance(error, (HTTPClientError, CredentialRetrievalError, ResponseParserError))
