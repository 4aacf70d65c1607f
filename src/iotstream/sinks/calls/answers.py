"""`Answer`: what a service says to a call, and what is to be done then."""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

HTTP_OK = 200
HTTP_NO_CONTENT = 204
HTTP_BAD_REQUEST = 400
HTTP_UNAUTHORIZED = 401
HTTP_FORBIDDEN = 403
HTTP_NOT_FOUND = 404
HTTP_REQUEST_TIMEOUT = 408
HTTP_TOO_LARGE = 413
HTTP_UNPROCESSABLE = 422
HTTP_TOO_MANY = 429
HTTP_SERVER_ERROR = 500
MAX_TEXT_CHARS = 500
"""Of a service's text: an error can echo the whole call."""


class Kind(Enum):
    """What is to be done with the call."""

    DONE = auto()
    """All records are written."""
    REJECTED = auto()
    """All are written but those in `rejected`."""
    AGAIN = auto()
    """Nothing is sure to be written: try again."""
    ELSEWHERE = auto()
    """Nothing is written: ask for the endpoint and try again there."""
    EXPIRED = auto()
    """Nothing is written: take new credentials and try again."""
    FAULTY = auto()
    """Some record of the call is refused, and it is not known which. The others may be written."""
    FATAL = auto()
    """Trying again would not help."""


class Rejected(NamedTuple):
    """A record that was not written.

    Attributes:
        place: its index within the call.
        reason: the service's words.
        existing_version: of the record that is there already; None if that is not the reason.
    """

    place: int
    reason: str
    existing_version: int | None = None


class Answer(NamedTuple):
    """An answer to a call.

    Attributes:
        kind: what is to be done.
        text: what was said.
        rejected: the records that were not written.
        retry_after_s: how long the service asks to wait before the next try, seconds.
    """

    kind: Kind
    text: str = ""
    rejected: tuple[Rejected, ...] = ()
    retry_after_s: float = 0.0


class Refusal(NamedTuple):
    """A point that the service did not write.

    Attributes:
        point: its index among all points.
        reason: the service's words.
        existing_version: of the record that is there already; None if that is not the reason.
    """

    point: int
    reason: str
    existing_version: int | None = None


DONE = Answer(Kind.DONE)
