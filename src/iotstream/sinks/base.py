"""The contract of a sink."""

from __future__ import annotations

from typing import Protocol

from iotstream.batch import Batch
from iotstream.rejects import Rejects


class Sink(Protocol):
    """Where batches go.

    `write` has three outcomes, and no fourth:

    - empty `Rejects`: all of it is durable.
    - rows in `Rejects`: those were refused for good (trying again would not help); all others are
      durable. `record` and `item` are those of the batch's `origin`.
    - `SinkUnavailable`: the sink stayed down past its deadline. Nothing may be checkpointed; the same
      batch will come again, so that a write must be harmless when repeated.

    Retrying what is worth retrying, with backoff, up to a deadline, is the sink's own work. A hot sink is
    shared by the shards of a process, which write from threads of their own; threads may live inside it.
    """

    name: str

    def write(self, batch: Batch) -> Rejects:
        """Write the batch; return when it is durable."""
        ...

    def close(self) -> None:
        """Let go of connections. Nothing is written after it."""
        ...
