"""What Timestream answers, and what is to be done then. Pure.

https://docs.aws.amazon.com/timestream/latest/developerguide/API_WriteRecords.html#API_WriteRecords_Errors
https://docs.aws.amazon.com/timestream/latest/developerguide/CommonErrors.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from iotstream.sinks.calls.answers import (
    DONE,
    HTTP_OK,
    HTTP_REQUEST_TIMEOUT,
    HTTP_SERVER_ERROR,
    HTTP_TOO_LARGE,
    HTTP_TOO_MANY,
    MAX_TEXT_CHARS,
    Answer,
    Kind,
    Rejected,
)

_AGAIN = frozenset(
    {
        "InternalFailure",
        "InternalServerException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_FAULTY_RECORD = frozenset({"SerializationException", "ValidationException"})
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException"})
_IDENTITY = "check the AWS credentials, the region and this machine's clock"
_HINTS = {
    "AccessDeniedException": (
        "allow timestream:WriteRecords on the table and timestream:DescribeEndpoints on * to these "
        "credentials; the service takes no new customers since 2025-06-20"
    ),
    "ResourceNotFoundException": (
        "create the database and the table, or correct their names (IOTSTREAM_TIMESTREAM_DATABASE, "
        "IOTSTREAM_TIMESTREAM_TABLE) or the region (AWS_REGION)"
    ),
    "IncompleteSignatureException": _IDENTITY,
    "InvalidClientTokenId": _IDENTITY,
    "InvalidSignatureException": _IDENTITY,
    "MissingAuthenticationTokenException": _IDENTITY,
    "UnrecognizedClientException": _IDENTITY,
}


def read_answer(status: int, headers: Mapping[str, str], body: bytes, *, records: int) -> Answer:
    """What an HTTP response to WriteRecords says.

    Args:
        status: HTTP's.
        headers: of the response; looked up by their lower-case names.
        body: of the response.
        records: how many there were in the call.
    """
    if status == HTTP_OK:
        return DONE
    document = _document(body)
    code = _code(document.get("__type") or headers.get("x-amzn-errortype") or "")
    message = str(document.get("message") or document.get("Message") or "")[:MAX_TEXT_CHARS]
    text = f"{code or f'HTTP status {status}'}: {message}" if message else code or f"HTTP status {status}"
    if code == "RejectedRecordsException":
        rejected = _rejected(document.get("RejectedRecords"), records)
        # Without a list there is nobody to blame: it is found by halving the call.
        return Answer(Kind.REJECTED, text, rejected) if rejected else Answer(Kind.FAULTY, text)
    return Answer(_kind(status, code), text + hint(code))


def hint(code: str) -> str:
    """What to do about an error of that code, as the end of a sentence; "" where there is nothing to say."""
    return f" ({_HINTS[code]})" if code in _HINTS else ""


def _kind(status: int, code: str) -> Kind:
    if code in _EXPIRED:
        return Kind.EXPIRED
    if code == "InvalidEndpointException":
        return Kind.ELSEWHERE
    if code in _FAULTY_RECORD or status == HTTP_TOO_LARGE:
        return Kind.FAULTY
    again = status in (HTTP_REQUEST_TIMEOUT, HTTP_TOO_MANY) or status >= HTTP_SERVER_ERROR
    return Kind.AGAIN if again or code in _AGAIN else Kind.FATAL


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:  # a proxy's page
        return {}
    return document if isinstance(document, dict) else {}


def _code(text: object) -> str:
    """`prefix#Code:suffix` → `Code`."""
    return str(text).rpartition("#")[2].partition(":")[0]


def _rejected(entries: object, records: int) -> tuple[Rejected, ...]:
    if not isinstance(entries, list) or not entries:
        return ()
    found = tuple(_entry(entry) for entry in entries if isinstance(entry, dict))
    return found if all(0 <= one.place < records for one in found) else ()


def _entry(entry: dict[str, Any]) -> Rejected:
    index, version = entry.get("RecordIndex"), entry.get("ExistingVersion")
    return Rejected(
        place=index if isinstance(index, int) else -1,
        reason=str(entry.get("Reason") or "")[:MAX_TEXT_CHARS],
        existing_version=version if isinstance(version, int) else None,
    )
