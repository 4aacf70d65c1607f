"""The mapping as a whole: a reader for each shard, children after their parents."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from iotstream.local.event_source import destination
from iotstream.local.event_source.batching import Source
from iotstream.local.event_source.outcome import Discard
from iotstream.local.event_source.settings import EventSourceSettings
from iotstream.local.event_source.shard import ShardReader
from iotstream.local.event_source.stream import Stream
from iotstream.local.lambda_runtime import InvokeResult, LambdaFunction

log = logging.getLogger("iotstream.event_source")

COUNTS = ("invocations", "failures", "retries", "processed", "discarded", "read")


class EventSource:
    """Reads a stream's shards and invokes a function with their records.

    Args:
        endpoint: of Kinesis, `http://127.0.0.1:port`.
        stream_name: the stream.
        function: what is invoked.
        settings: of the mapping.
        on_failure: directory of the on-failure destination; None = what is given up is only counted.
        function_arn: for the destination's documents.
        poll_s: between reads of a shard that find nothing.
        now: seconds since the epoch.
    """

    def __init__(
        self,
        *,
        endpoint: str,
        stream_name: str,
        function: LambdaFunction,
        settings: EventSourceSettings | None = None,
        on_failure: Path | None = None,
        function_arn: str = "",
        poll_s: float = 1.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._endpoint = endpoint
        self._name = stream_name
        self._function = function
        self._settings = settings or EventSourceSettings()
        self._on_failure = on_failure
        self._function_arn = function_arn
        self._poll_s = poll_s
        self._now = now
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._readers: dict[str, ShardReader] = {}
        self._parents: dict[str, set[str]] = {}
        self._threads: list[threading.Thread] = []
        self.error: BaseException | None = None

    def start(self) -> None:
        """Begin with the shards that have no parent to wait for."""
        stream = Stream(self._endpoint, self._name)
        self._arn = stream.describe()["StreamARN"]
        shards = stream.shards()
        stream.close()
        if self._settings.starting_position == "LATEST":
            # A closed shard gets nothing any more, and its children begin at their end like the others.
            shards = [one for one in shards if "EndingSequenceNumber" not in one["SequenceNumberRange"]]
        known = {shard["ShardId"] for shard in shards}
        for shard in shards:
            named = {shard[key] for key in ("ParentShardId", "AdjacentParentShardId") if shard.get(key)}
            self._parents[shard["ShardId"]] = named & known
        self._start_ready(self._settings)

    def stop(self, *, abort: bool = False) -> None:
        """End: let invocations under way finish, or with `abort` end the function too."""
        self._stopping.set()
        if abort:
            self._function.close()
        for thread in list(self._threads):
            thread.join()

    def stats(self) -> dict[str, Any]:
        """Totals and each shard's figures. `idle_since`: everything put before then is done (epoch s)."""
        with self._lock:
            readers = dict(self._readers)
            pending = set(self._parents) - set(readers)
        shards = {name: asdict(r.stats) | {"buffered": r.stats.buffered} for name, r in readers.items()}
        open_shards = [one for one in shards.values() if not one["ended"]]
        return {
            **{name: sum(one[name] for one in shards.values()) for name in COUNTS},
            "buffered": sum(one["buffered"] for one in shards.values()),
            "iterator_age_ms": max((one["iterator_age_ms"] for one in shards.values()), default=0),
            "idle_since": 0.0
            if pending
            else min((one["caught_up_at"] for one in open_shards), default=self._now()),
            "error": None if self.error is None else repr(self.error),
            "shards": shards,
        }

    def drain(self, timeout_s: float = 60.0) -> bool:
        """Wait until all that is in the stream now is done or given up; False when time ran out."""
        asked, deadline = self._now(), time.monotonic() + timeout_s
        while time.monotonic() < deadline and self.error is None:
            if self.stats()["idle_since"] > asked:
                return True
            time.sleep(0.02)
        return False

    def _start_ready(self, settings: EventSourceSettings) -> None:
        """Start the shards whose parents are all done."""
        with self._lock:
            done = {name for name, reader in self._readers.items() if reader.stats.ended}
            ready = [
                shard
                for shard, parents in self._parents.items()
                if shard not in self._readers and parents <= done
            ]
            for shard in ready:
                self._readers[shard] = self._reader(shard, settings)
                thread = threading.Thread(target=self._run, args=(shard,), name=shard)
                self._threads.append(thread)
                thread.start()

    def _reader(self, shard_id: str, settings: EventSourceSettings) -> ShardReader:
        return ShardReader(
            stream=Stream(self._endpoint, self._name, sleep=self._stopping.wait),
            source=Source(self._arn, shard_id, self._arn.split(":")[3]),
            settings=settings,
            invoke=self._function.invoke,
            on_discard=self._discard,
            stopping=self._stopping,
            poll_s=self._poll_s,
            now=self._now,
        )

    def _run(self, shard_id: str) -> None:
        reader = self._readers[shard_id]
        try:
            reader.run()
        except Exception as error:
            if self._stopping.is_set():
                return  # a call that was given up because of it
            log.exception("shard %s", shard_id)
            self.error = error
            self._stopping.set()
            return
        finally:
            reader.stream.close()
        if not reader.stats.ended:
            return
        with self._lock:
            for child in reader.children:
                self._parents[child["ShardId"]] = set(child["ParentShards"]) & set(self._parents)
        # A child holds only what came after its parents: it is read from its beginning.
        self._start_ready(replace(self._settings, starting_position="TRIM_HORIZON", starting_timestamp=None))

    def _discard(self, discard: Discard, source: Source, result: InvokeResult | None) -> None:
        count = len(discard.piece.records)
        log.error("%s: %d records of %s given up", discard.condition, count, source.shard_id)
        if self._on_failure is not None:
            now = self._now()
            destination.write(
                self._on_failure, destination.document(discard, source, self._function_arn, result, now), now
            )
