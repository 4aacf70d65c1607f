"""What a long-running consumer tells of itself: `/health` and `/metrics`, lines of EMF on stdout."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import msgspec
import orjson

from iotstream.emf import Metric, document, metrics_of, to_stdout
from iotstream.errors import ConfigurationError
from iotstream.pipeline import Pipeline, Stats

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric as Family

SILENT_AFTER_S = 60.0
"""A shard that has not reported for so long makes the consumer unhealthy."""


class ShardStatus(msgspec.Struct, kw_only=True):
    """How one shard is doing. Counts are since its pipeline was made.

    Attributes:
        shard_id: the shard.
        records, rows, payload_bytes, spans: totals; a KPL aggregate's user records count one by one.
        rejects: the decoder's, by reason.
        refused: rows that a hot sink refused for good, by sink.
        last_span_rows: rows of the last closed span.
        buffered_bytes: of the span that is open.
        behind_ms: how far behind the stream's end reading is; None: not known yet.
        seconds: spent by stage.
        flush_seconds: how long closing the last span took.
        deferred: spans whose rows a hot sink has not got.
        gaps: places where records were gone before they were read.
        claims_lost: spans that were not written, since another worker had claimed the shard.
        skipped: records that were durable already.
        updated: when this was so, seconds since the epoch.
    """

    shard_id: str
    records: int = 0
    rows: int = 0
    payload_bytes: int = 0
    rejects: dict[str, int] = {}
    refused: dict[str, int] = {}
    spans: int = 0
    last_span_rows: int = 0
    buffered_bytes: int = 0
    behind_ms: int | None = None
    seconds: dict[str, float] = {}
    flush_seconds: float = 0.0
    deferred: int = 0
    gaps: int = 0
    claims_lost: int = 0
    skipped: int = 0
    updated: float


def status_of(shard_id: str, pipeline: Pipeline, behind_ms: int | None) -> ShardStatus:
    """The status of a pipeline, now.

    Args:
        shard_id: its shard.
        pipeline: the flow.
        behind_ms: how far behind the stream's end reading is, if that is known.
    """
    stats = pipeline.stats
    return ShardStatus(
        shard_id=shard_id,
        records=stats.records,
        rows=stats.rows,
        payload_bytes=stats.payload_bytes,
        rejects={str(reason): count for reason, count in stats.rejects.items()},
        refused=dict(stats.refused),
        spans=stats.spans,
        last_span_rows=stats.last_span_rows,
        buffered_bytes=pipeline.buffered_bytes,
        behind_ms=behind_ms,
        seconds=dict(stats.seconds),
        flush_seconds=stats.flush_seconds,
        deferred=stats.deferred.total(),
        gaps=stats.gaps,
        claims_lost=stats.claims_lost,
        skipped=stats.skipped,
        updated=time.time(),
    )


class Status:
    """How all shards are doing. Threads may share it.

    What a shard has counted stays counted when it leaves, or begins anew.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shards: dict[str, ShardStatus] = {}
        self._gone = ShardStatus(shard_id="", updated=0.0)
        self._failure = ""

    def update(self, status: ShardStatus) -> None:
        """Take a shard's latest status. Counts that went back are those of a new pipeline."""
        with self._lock:
            before = self._shards.get(status.shard_id)
            if before is not None and (before.records > status.records or before.spans > status.spans):
                self._gone = _sum(self._gone, before)
            self._shards[status.shard_id] = status

    def remove(self, shard_id: str) -> None:
        """The shard is no longer read here; its counts are kept. Nothing happens if it wasn't."""
        with self._lock:
            last = self._shards.pop(shard_id, None)
            if last is not None:
                self._gone = _sum(self._gone, last)

    def shards(self) -> list[ShardStatus]:
        """The latest of each shard that is read, by shard id."""
        with self._lock:
            return [self._shards[name] for name in sorted(self._shards)]

    def totals(self) -> ShardStatus:
        """Counts of all shards there ever were; only those matter. They never go back."""
        with self._lock:
            total = self._gone
            for one in self._shards.values():
                total = _sum(total, one)
            return total

    def fail(self, reason: str) -> None:
        """Say that the consumer has failed; the first reason counts."""
        with self._lock:
            self._failure = self._failure or reason

    def health(self) -> tuple[bool, str]:
        """Whether it is well, and in words what is wrong or how many shards it reads."""
        oldest = time.time() - SILENT_AFTER_S
        with self._lock:
            if self._failure:
                return False, self._failure
            silent = sorted(name for name, one in self._shards.items() if one.updated < oldest)
            if silent:
                return False, f"no report for {SILENT_AFTER_S:g} s from {', '.join(silent)}"
            return True, f"reading {len(self._shards)} shards"


class StatusServer:
    """Serves `/health` (200 or 503, JSON) and `/metrics` (Prometheus' text).

    Args:
        status: what is served.
        host, port: where it listens; port 0 takes a free one.

    Attributes:
        port: the one taken.

    Raises:
        ConfigurationError: it can't listen there.
    """

    def __init__(self, status: Status, host: str, port: int) -> None:
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest  # noqa: PLC0415

        registry = CollectorRegistry()
        registry.register(_Collector(status))

        def answer(path: str) -> tuple[int, str, bytes]:
            if path == "/metrics":
                return 200, CONTENT_TYPE_LATEST, generate_latest(registry)
            if path == "/health":
                return _health(status)
            return 404, "application/json", b'{"error":"there are /health and /metrics"}'

        try:
            self._server = ThreadingHTTPServer((host, port), _handler(answer))
        except OSError as error:
            raise ConfigurationError(
                f"consumer.host = {host!r}, consumer.port = {port}: can't listen there ({error.strerror}); "
                "set IOTSTREAM_CONSUMER_PORT to a free port, or 0 for any"
            ) from error
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the server."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class StatusLog:
    """Writes a line of EMF every so often: what was counted since the line before, over all shards.

    Args:
        status: what is written.
        namespace: CloudWatch's.
        application, stream: the dimensions.
        every_s: seconds between lines.
        emit: takes a line; stdout by default, where CloudWatch's agent reads it.
    """

    def __init__(
        self,
        status: Status,
        *,
        namespace: str,
        application: str,
        stream: str,
        every_s: float,
        emit: Callable[[bytes], object] | None = None,
    ) -> None:
        self._status = status
        self._namespace = namespace
        self._dimensions = {"Application": application, "Stream": stream}
        self._every_s = every_s
        self._emit = emit or to_stdout
        self._before = ShardStatus(shard_id="", updated=0.0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write the last line, and end."""
        self._stop.set()
        self._thread.join()
        self._write()

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            self._write()

    def _write(self) -> None:
        total, shards = self._status.totals(), self._status.shards()
        metrics = [
            *metrics_of(_stats(_difference(total, self._before))),
            Metric("Deferred", "Count", total.deferred - self._before.deferred),
            Metric("Shards", "Count", len(shards)),
            Metric("BufferedBytes", "Bytes", sum(one.buffered_bytes for one in shards)),
        ]
        lags = [one.behind_ms for one in shards if one.behind_ms is not None]
        if lags:
            metrics.append(Metric("MaxLag", "Milliseconds", max(lags)))
        self._before = total
        self._emit(document(self._namespace, self._dimensions, metrics, round(time.time() * 1000)))


class _Collector:
    """Prometheus asks it for all metrics at once."""

    def __init__(self, status: Status) -> None:
        self._status = status

    def collect(self) -> Iterator[Family]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily  # noqa: PLC0415

        total, shards = self._status.totals(), self._status.shards()
        for name, about, count in (
            ("records", "Records read; a KPL aggregate's user records count one by one.", total.records),
            ("rows", "Valid rows.", total.rows),
            ("payload_bytes", "Bytes of the records read.", total.payload_bytes),
            ("spans", "Spans closed.", total.spans),
            ("gaps", "Places where records were gone before they were read.", total.gaps),
            ("claims_lost", "Spans that another worker's claim forestalled.", total.claims_lost),
            ("skipped", "Records that were durable already.", total.skipped),
            ("deferred", "Spans whose rows a hot sink has not got.", total.deferred),
        ):
            yield CounterMetricFamily(f"iotstream_{name}", about, value=count)
        for name, about, label, sums in _labelled(total):
            family = CounterMetricFamily(f"iotstream_{name}", about, labels=[label])
            for value, amount in sorted(sums.items()):
                family.add_metric([value], amount)
            yield family
        healthy, _ = self._status.health()
        yield GaugeMetricFamily("iotstream_healthy", "1 if /health says 200.", value=healthy)
        yield GaugeMetricFamily("iotstream_shards", "Shards that are read here.", value=len(shards))
        for name, about, readings in _by_shard(shards):
            gauge = GaugeMetricFamily(f"iotstream_{name}", about, labels=["shard"])
            for shard_id, reading in readings.items():
                gauge.add_metric([shard_id], reading)
            yield gauge


def _labelled(total: ShardStatus) -> Iterator[tuple[str, str, str, Mapping[str, float]]]:
    yield "rejects", "Items that the decoder rejected.", "reason", total.rejects
    yield "refused", "Rows that a hot sink refused for good.", "sink", total.refused
    yield "stage_seconds", "Seconds spent.", "stage", total.seconds


def _by_shard(shards: Sequence[ShardStatus]) -> Iterator[tuple[str, str, Mapping[str, float]]]:
    lags = {one.shard_id: one.behind_ms / 1000 for one in shards if one.behind_ms is not None}
    yield "lag_seconds", "How far behind the stream's end reading is.", lags
    buffered = {one.shard_id: one.buffered_bytes for one in shards}
    yield "buffered_bytes", "Of the span that is open.", buffered
    yield (
        "last_span_rows",
        "Rows of the last closed span.",
        {one.shard_id: one.last_span_rows for one in shards},
    )
    flushes = {one.shard_id: one.flush_seconds for one in shards}
    yield "flush_seconds", "How long closing the last span took.", flushes


def _health(status: Status) -> tuple[int, str, bytes]:
    healthy, words = status.health()
    body = {"healthy": healthy, "detail": words, "shards": [one.shard_id for one in status.shards()]}
    return 200 if healthy else 503, "application/json", orjson.dumps(body)


def _handler(answer: Callable[[str], tuple[int, str, bytes]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        wbufsize = 1 << 16

        def do_GET(self) -> None:
            code, kind, body = answer(self.path.partition("?")[0])
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    return Handler


_COUNTS = ("records", "rows", "payload_bytes", "spans", "deferred", "gaps", "claims_lost", "skipped")
_COUNTS_BY_NAME = ("rejects", "refused", "seconds")


def _combined(one: ShardStatus, other: ShardStatus, sign: int) -> ShardStatus:
    values: dict[str, Any] = {name: getattr(one, name) + sign * getattr(other, name) for name in _COUNTS}
    for name in _COUNTS_BY_NAME:
        first, second = getattr(one, name), getattr(other, name)
        values[name] = {key: first.get(key, 0) + sign * second.get(key, 0) for key in {**first, **second}}
    return ShardStatus(shard_id="", updated=0.0, **values)


def _sum(one: ShardStatus, other: ShardStatus) -> ShardStatus:
    return _combined(one, other, 1)


def _difference(one: ShardStatus, other: ShardStatus) -> ShardStatus:
    return _combined(one, other, -1)


def _stats(counts: ShardStatus) -> Stats:
    return Stats(
        records=counts.records,
        rows=counts.rows,
        payload_bytes=counts.payload_bytes,
        spans=counts.spans,
        skipped=counts.skipped,
        gaps=counts.gaps,
        claims_lost=counts.claims_lost,
        rejects=Counter(counts.rejects),
        refused=Counter(counts.refused),
        seconds=defaultdict(float, counts.seconds),
    )
