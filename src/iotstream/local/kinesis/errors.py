"""The one exception of the Kinesis state machine: an error as the service answers it."""

from __future__ import annotations

from typing import Final

_STATUS: Final = {"InternalFailureException": 500, "InternalFailure": 500, "ServiceUnavailable": 503}


class KinesisError(Exception):
    """An error answer.

    Attributes:
        code: the service's name for it, such as `ResourceNotFoundException`.
        message: the service's sentence.
        status: the HTTP status that goes with it.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message

    @property
    def status(self) -> int:
        """400, or 500 and 503 for the service's own failures."""
        return _STATUS.get(self.code, 400)


def not_found(message: str) -> KinesisError:
    """What was named does not exist."""
    return KinesisError("ResourceNotFoundException", message)


def in_use(message: str) -> KinesisError:
    """It exists already, or is in a state that forbids the operation."""
    return KinesisError("ResourceInUseException", message)


def invalid(message: str) -> KinesisError:
    """An argument is wrong in itself or for the state of the stream."""
    return KinesisError("InvalidArgumentException", message)


def validation(message: str) -> KinesisError:
    """A member breaks a constraint of the API's model."""
    return KinesisError("ValidationException", message)


def limit_exceeded(message: str) -> KinesisError:
    """A quota is used up, or a control-plane operation was called too often."""
    return KinesisError("LimitExceededException", message)


def throttled(message: str) -> KinesisError:
    """A shard's throughput is used up."""
    return KinesisError("ProvisionedThroughputExceededException", message)
