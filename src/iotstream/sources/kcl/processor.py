"""`Processor`: one shard's messages in, its pipeline driven, checkpoints out."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable

from iotstream.batch import BatchLimits
from iotstream.errors import ClaimLost, StreamUnavailable
from iotstream.pipeline import Pipeline
from iotstream.position import Position
from iotstream.retry import Backoff
from iotstream.sources.kcl.outcome import Outcome
from iotstream.sources.kcl.protocol import (
    Action,
    Channel,
    Checkpoint,
    DaemonGone,
    Initialize,
    LeaseLost,
    ProcessColumns,
    ProcessRecords,
    ShardEnded,
    ShutdownRequested,
    to_raw_batch,
)
from iotstream.sources.status import ShardStatus, status_of

RETRYABLE = frozenset({"ThrottlingException", "KinesisClientLibDependencyException"})
"""Names of exceptions for which a checkpoint is tried again."""
LEASE_LOST = "ShutdownException"
"""… for which it never can be: another worker holds the lease."""
LEASE_LOST_WITHIN_S = 60.0
"""A process that has lost its claim waits so long to be told that its lease is lost too. KCL tells within
`failoverTimeMillis` (10 s); see `Processor._stand_down`."""

log = logging.getLogger("iotstream.kcl")

OpenPipeline = Callable[[str, str | None], Pipeline]


class Processor:
    """One shard, from its first message to its last.

    An action is acknowledged only when it is done; whatever is raised leaves it unacknowledged, and the
    process must then end with a status other than 0. The daemon then ends as a whole, after the other
    shards have been handed over, so that nothing is passed over.

    Args:
        channel: the daemon.
        open_pipeline: shard id and `Initialize.read_after` → the shard's flow; claims and recovers it.
        stream: the stream's name.
        limits: asked before each push: when a span closes, given the memory there is.
        report: takes the shard's status after each message.
        backoff: between tries of a checkpoint.
        clock: seconds of a clock that doesn't go back.
        sleep: waits that many seconds.
    """

    def __init__(
        self,
        channel: Channel,
        open_pipeline: OpenPipeline,
        *,
        stream: str,
        limits: Callable[[], BatchLimits],
        report: Callable[[ShardStatus], object],
        backoff: Backoff,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._channel = channel
        self._open_pipeline = open_pipeline
        self._stream = stream
        self._limits = limits
        self._report = report
        self._backoff = backoff
        self._clock = clock
        self._sleep = sleep
        self._random = random.Random()  # noqa: S311 - jitter, not a secret
        self._shard_id = ""
        self._pipeline: Pipeline | None = None
        self._delivered: Position | None = None
        self._checkpointed: Position | None = None
        self._lost: ClaimLost | None = None
        self._lost_at = 0.0

    def run(self) -> Outcome:
        """Handle messages until the daemon has none any more.

        Raises:
            SinkUnavailable, GapFound, StreamUnavailable, ConfigurationError: the action is not done.
            ClaimLost: another worker has the shard, and the daemon did not notice.
        """
        try:
            return self._run()
        except DaemonGone as error:
            log.warning("%s", error)
            return Outcome.DAEMON_GONE

    def _run(self) -> Outcome:
        outcome = Outcome.DAEMON_GONE
        while (message := self._channel.receive()) is not None:
            if isinstance(message, Checkpoint):
                raise StreamUnavailable("KCL's daemon sent a checkpoint's answer that nobody asked for")
            outcome = self._handle(message)
            self._channel.acknowledge(message)
        return outcome

    def _handle(self, action: Action) -> Outcome:
        match action:
            case LeaseLost():
                self._pipeline = None
                return Outcome.LEASE_LOST
            case ShardEnded():
                self._end_shard()
                return Outcome.SHARD_ENDED
            case Initialize():
                self._unless_claim_is_lost(lambda: self._initialize(action))
            case ProcessRecords() | ProcessColumns():
                self._unless_claim_is_lost(lambda: self._process(action))
            case ShutdownRequested():
                self._unless_claim_is_lost(self._drain)
                return Outcome.HANDED_OVER
        return Outcome.DAEMON_GONE

    def _initialize(self, action: Initialize) -> None:
        self._shard_id = action.shard_id
        self._checkpointed = action.checkpoint
        self._pipeline = self._open_pipeline(action.shard_id, action.read_after)
        log.info("reading on after %s, durable up to %s", action.read_after, self._pipeline.progress.done)
        self._report(status_of(self._shard_id, self._pipeline, None))

    def _process(self, action: ProcessRecords | ProcessColumns) -> None:
        pipeline = self._opened()
        raw = to_raw_batch(action, self._stream, self._shard_id)
        if len(raw):
            self._delivered = raw.span.last
        pipeline.limits = self._limits()
        progress = pipeline.push(raw, self._clock(), behind_ms=action.millis_behind_latest)
        self._checkpoint(progress.done)
        self._report(status_of(self._shard_id, pipeline, action.millis_behind_latest))

    def _drain(self) -> None:
        self._checkpoint(self._opened().drain().done)

    def _end_shard(self) -> None:
        """Drain, then checkpoint the end, which lets the shard's children begin."""
        if self._lost is not None:
            raise self._lost
        self._opened().drain()
        error = self._ask_for_checkpoint(None)
        if error == LEASE_LOST:
            log.warning("the lease is lost at the shard's end: whoever holds it ends the shard")
        elif error is not None:
            raise StreamUnavailable(f"KCL could not checkpoint the shard's end: {error}")

    def _checkpoint(self, done: Position | None) -> None:
        """Let the checkpoint follow what is durable, as far as KCL permits: up to what it has delivered."""
        if done is None or self._delivered is None:
            return
        position = min(done, self._delivered)
        if self._checkpointed is not None and position <= self._checkpointed:
            return
        error = self._ask_for_checkpoint(position)
        if error == LEASE_LOST:
            raise ClaimLost("the lease is lost")
        if error is None:
            self._checkpointed = position
        else:
            # The journal knows what is durable; the checkpoint only says where to begin to read.
            log.warning("no checkpoint at %s: %s; the next span's will do", position, error)

    def _ask_for_checkpoint(self, position: Position | None) -> str | None:
        error = self._channel.checkpoint(position)
        for delay in self._backoff.delays(self._random):
            if error not in RETRYABLE:
                break
            self._sleep(delay)
            error = self._channel.checkpoint(position)
        return error

    def _unless_claim_is_lost(self, do: Callable[[], None]) -> None:
        if self._lost is None:
            try:
                do()
            except ClaimLost as error:
                self._stand_down(error)
        elif self._clock() - self._lost_at > LEASE_LOST_WITHIN_S:
            raise self._lost

    def _stand_down(self, error: ClaimLost) -> None:
        """Write nothing more, and wait to be told that the lease is lost.

        A process that ends takes the daemon with it, and with that every shard of this worker. Where the
        shard has only moved to another worker that would be a fleet's end over nothing, so records are
        acknowledged unread: without a checkpoint nothing is passed over. Should the lease not be lost,
        the shard would stay unread; hence the limit of time, which also keeps two claimants from
        taking turns in a hot loop.
        """
        log.warning("standing down: %s", error)
        self._lost, self._lost_at = error, self._clock()
        if self._pipeline is not None:
            self._report(status_of(self._shard_id, self._pipeline, None))
        self._pipeline = None

    def _opened(self) -> Pipeline:
        if self._pipeline is None:
            raise StreamUnavailable("KCL's daemon sent records before it named the shard")
        return self._pipeline
