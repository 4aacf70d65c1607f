"""Errors as the service answers them."""

from __future__ import annotations

from typing import Any


class ServiceError(Exception):
    """An error with its code and HTTP status.

    Attributes:
        code: for example `ValidationException`.
        status: of HTTP.
        extra: further members of the answer.
    """

    def __init__(self, code: str, message: str, *, status: int = 400, **extra: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.extra = extra


def invalid(message: str) -> ServiceError:
    """A request that the service would not take."""
    return ServiceError("ValidationException", message)


def missing(what: str, name: str) -> ServiceError:
    """A database or a table that is not there."""
    return ServiceError("ResourceNotFoundException", f"The {what} {name} does not exist.")


def conflict(what: str, name: str) -> ServiceError:
    """A database or a table that is there already."""
    return ServiceError("ConflictException", f"The {what} {name} already exists.", status=409)
