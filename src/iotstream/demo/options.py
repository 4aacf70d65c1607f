"""What a demonstration runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class DemoOptions:
    """See `iotstream demo --help`.

    Attributes:
        directory: gets the whole state: lake, quarantine, Timestream, logs, the report.
        devices: how many.
        rate: messages a second from each.
        bad: share of malformed messages.
        packed: share of messages that hold ten items.
        duration_s: how long they publish.
        seed: for everything random.
        input_file: recorded messages in place of simulated devices.
        schema: the schema file.
        shards: of the stream.
        backend: of the broker.
    """

    directory: Path
    devices: int = 40
    rate: float = 4.0
    bad: float = 0.03
    packed: float = 0.04
    duration_s: float = 12.0
    seed: int = 0
    input_file: Path | None = None
    schema: Path | None = None
    shards: int = 2
    backend: str = "auto"
