"""What a simulated device sends, and what is expected to become of it."""

from __future__ import annotations

from typing import NamedTuple

ROW = "row"
"""The fate of an item that becomes a row."""

UNKNOWN = "unknown"
"""The fate of an item that was recorded elsewhere: the schema will tell."""


class Expectation(NamedTuple):
    """What is expected to become of one item.

    Attributes:
        n: the item's running number over the whole run, from 0.
        fate: `ROW`, `UNKNOWN`, or the reason (a `Reason` code) for which it is rejected.
        kind: which kind of reading, or of fault, it is; for reports.
    """

    n: int
    fate: str
    kind: str


class Message(NamedTuple):
    """One MQTT message.

    Attributes:
        device: the name of the device that sends it.
        due: when, in seconds after the start of the run.
        payload: its bytes.
        expected: an expectation for each item in the payload, in the payload's order.
    """

    device: str
    due: float
    payload: bytes
    expected: tuple[Expectation, ...]
