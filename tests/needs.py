"""Parts that pip does not bring: a test that needs one says so."""

import os

import pytest

from iotstream.local.broker.mosquitto import find


def missing(what: str) -> None:
    """Skip where a part is absent; fail where CI must have it."""
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(f"CI must have it: {what}")
    pytest.skip(what)


def mosquitto() -> None:
    """Skip or fail without Mosquitto."""
    if find() is None:
        missing("mosquitto is not installed (apt-get install mosquitto)")
