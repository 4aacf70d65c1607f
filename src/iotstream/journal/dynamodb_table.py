"""The journal's table in DynamoDB: how it is called, tried again, and made."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any

from iotstream.errors import ConfigurationError, JournalUnavailable, MissingDependencyError
from iotstream.journal.dynamodb_item import Attributes
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
    }
)
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html"""
_KEYS = {"group": "HASH", "shard": "RANGE"}
_ADVICE = {
    "ResourceNotFoundException": "make the table (hash key `group`, range key `shard`, both strings), or "
    "correct journal.uri or the region",
    "ValidationException": "the table must have the hash key `group` and the range key `shard`, both strings",
    "AccessDeniedException": "allow dynamodb:GetItem, dynamodb:UpdateItem and dynamodb:Query on the table",
    "UnrecognizedClientException": "the credentials are not valid, or not valid any more",
}


class ConditionFailed(Exception):  # noqa: N818 - an answer like any other
    """The item is not as a write's condition says, and nothing was written.

    Attributes:
        item: as it is; None: there is none.
    """

    def __init__(self, item: Attributes | None) -> None:
        super().__init__("the condition of a write does not hold")
        self.item = item


class Table:
    """The table. Threads may share it.

    Args:
        name: the table's. It is not looked at before it is used.
        environ: the SDK's variables: endpoint, region, credentials.
        backoff: between tries, while it is throttled or down.
        clock, sleep: seconds; for tests.

    Attributes:
        client: boto3's low-level client.

    Raises:
        ConfigurationError: no region, or the SDK's settings are wrong.
        MissingDependencyError: boto3 is not installed.
    """

    def __init__(
        self,
        name: str,
        environ: Mapping[str, str],
        backoff: Backoff,
        *,
        clock: Callable[[], float] = suspend_aware_clock,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.client = _client(environ)
        self.name = name
        self._backoff = backoff
        self._clock = clock
        self._sleep = sleep

    def call(self, operation: str, **parameters: Any) -> Mapping[str, Any]:
        """Call until it is answered.

        Args:
            operation: of the client, for example `get_item`.
            parameters: its own, without the table's name.

        Raises:
            ConditionFailed: the answer was that.
            JournalUnavailable: it was not answered within the deadline, or refused for good.
        """
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - boto3 is there by now
        from botocore.parsers import ResponseParserError  # noqa: PLC0415

        began, delays = self._clock(), self._backoff.delays()
        while True:
            try:
                answer: Mapping[str, Any] = getattr(self.client, operation)(TableName=self.name, **parameters)
            except (BotoCoreError, ClientError, ResponseParserError) as error:
                if _code(error) == _CONDITION_FAILED:
                    raise ConditionFailed(error.response.get("Item")) from error
                delay = next(delays, None) if _is_transient(error) else None
                if delay is None or self._clock() - began + delay > self._backoff.deadline_s:
                    raise JournalUnavailable(self._message(operation, error)) from error
            else:
                return answer
            self._sleep(delay)

    def _message(self, operation: str, error: Exception) -> str:
        advice = _ADVICE.get(_code(error), "")
        where = f"journal dynamodb://{self.name} ({self.client.meta.endpoint_url}): {operation}"
        return f"{where}: {error}" + (f"; {advice}" if advice else "")


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
    with contextlib.suppress(client.exceptions.ResourceInUseException):
        client.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": part, "KeyType": kind} for part, kind in _KEYS.items()],
            AttributeDefinitions=[{"AttributeName": part, "AttributeType": "S"} for part in _KEYS],
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
