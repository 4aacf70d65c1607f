"""`iotstream consume` as a process: what it costs from the stream to the lake."""

import json
import os
import re
import subprocess
import sys
import time

import numpy as np
from consumer.cost import Cost
from consumer.stand import BUCKET, JOURNAL, SHARDS
from consumer.usage import Sampler

TIMEOUT_S = 120
PROPERTIES = {
    "idleTimeBetweenReadsInMillis": 200,
    "inMemoryWorkerMetricsCaptureFrequencyMillis": 500,
    "leaseAssignmentIntervalMillis": 1000,
    "parentShardPollIntervalMillis": 500,
    "schedulerInitializationBackoffTimeMillis": 200,
    "shardSyncIntervalMillis": 1000,
    "workerMetricsReporterFreqInMillis": 1000,
}
"""So that KCL begins after seconds rather than minutes, and reads as often as the service lets it."""
WARM = (0.4, 0.95)
"""The part of the records over which the JVM counts as warm."""
OPENED = re.compile("reading on after|.*: reading from")
SETTLE_S = 0.5
"""After the last manifest: commit and checkpoint."""


class Consumer:
    """A started `iotstream consume`.

    Args:
        stand: where it reads and writes.
        directory: holds its log.
        settings: its variables.
    """

    def __init__(self, stand, directory, settings):
        self._log = directory / "log"
        inherited = {
            key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "IOTSTREAM_"))
        }
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "iotstream", "consume"],
                stdout=subprocess.DEVNULL,
                stderr=log,
                env={**inherited, **stand.environment, **settings},
            )

    def lines(self):
        """What it has logged."""
        whole, _, _ = self._log.read_bytes().rpartition(b"\n")
        return [json.loads(line) for line in whole.splitlines() if line.startswith(b"{")]

    def until(self, look, every_s):
        """Wait; what was found."""
        deadline = time.monotonic() + TIMEOUT_S
        while not (found := look()):
            running = self.process.poll() is None and time.monotonic() < deadline
            assert running, self._log.read_text()[-4000:]
            time.sleep(every_s)
        return found

    def stop(self):
        self.process.terminate()
        assert self.process.wait(60) == 0, self._log.read_text()[-4000:]

    def kill(self):
        """End it if it still runs; the daemon ends with it."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def consume(stand, directory, stream, rows, *, application, source, retrieval):
    """Consume all rows of a stream that is filled, and see them in the lake: one span of each shard.

    Args:
        stand: holds stream and lake.
        directory: for logs.
        stream: its shards have as many rows each.
        rows: of all shards.
        application: which no other run has; also the lake's prefix.
        source, retrieval: as in the settings.
    """
    if source == "kcl":
        stand.prime(application, stream)
    sampler = Sampler()
    settings = {
        "IOTSTREAM_STREAM_NAME": stream,
        "IOTSTREAM_JOURNAL_APPLICATION": application,
        "IOTSTREAM_JOURNAL_URI": f"dynamodb://{JOURNAL}",
        "IOTSTREAM_LAKE_URI": f"s3://{BUCKET}/{application}",
        "IOTSTREAM_SPAN_MAX_ROWS": str(rows // SHARDS),
        "IOTSTREAM_CONSUMER_SOURCE": source,
        "IOTSTREAM_CONSUMER_RETRIEVAL": retrieval or "polling",
        "IOTSTREAM_CONSUMER_KCL_PROPERTIES": kcl_properties(directory),
        "IOTSTREAM_CONSUMER_PORT": "0",
    }
    consumer = Consumer(stand, directory, settings)
    try:
        parent = consumer.process.pid
        sampler.watch(parent)
        daemon = _daemon(consumer, sampler) if source == "kcl" else None
        opened, began = _until_open(consumer, sampler)
        consumer.until(lambda: stand.committed_rows(application) == rows, 0.2)
        seconds = time.perf_counter() - began
        time.sleep(SETTLE_S)
        end = sampler.now()
        consumer.stop()
    finally:
        sampler.close()
        consumer.kill()
    assert stand.lake_rows(application) == rows
    python = sum(end[pid].cpu_s - usage.cpu_s for pid, usage in opened.items())
    cost = Cost(rows / seconds, python / rows * 1e6)
    if daemon is None:
        return cost
    del opened[parent]
    warm = _warm(sampler.samples, daemon, opened, end) / rows * 1e6
    return cost._replace(jvm_warm_us=warm, jvm_us=end[daemon].cpu_s / rows * 1e6)


def kcl_properties(directory):
    """The path of the file of `PROPERTIES`, written there."""
    path = directory / "kcl.properties"
    path.write_text("".join(f"{key} = {value}\n" for key, value in PROPERTIES.items()))
    return str(path)


def until_open(consumer):
    """Wait until all shards are open; the ids of the processes that hold them."""
    return {pid for pids in _openings(consumer, every_s=0.1) for pid in pids}


def _daemon(consumer, sampler):
    line = consumer.until(lambda: [one for one in consumer.lines() if "daemon" in one], 0.05)[0]
    sampler.watch(line["daemon"])
    return line["daemon"]


def _until_open(consumer, sampler):
    """Wait until all shards are open.

    Returns:
        What each process had used when its first shard was open, and when the first of all was.
    """
    opened, began = {}, 0.0
    for pids in _openings(consumer, every_s=0.01):
        began = began or time.perf_counter()
        for pid in pids:
            sampler.watch(pid)
            now = sampler.now()
            for one in (consumer.process.pid, pid):
                opened.setdefault(one, now[one])
    return opened, began


def _openings(consumer, *, every_s):
    """Until all shards are open, whenever some have opened: the ids of their processes."""
    known = set()
    while len(known) < SHARDS:
        lines = consumer.until(lambda: _opening(consumer, known), every_s)
        known.update(line["shard"] for line in lines)
        # A shard's process, or the only one.
        yield [line.get("pid", consumer.process.pid) for line in lines]


def _opening(consumer, known):
    """The lines that say that a shard is open which was not known to be."""
    lines = [one for one in consumer.lines() if OPENED.match(one["message"])]
    return [one for one in lines if one["shard"] not in known]


def _warm(samples, daemon, opened, end):
    """The CPU seconds that all records would take a daemon that is warm.

    How far it is, the shards' processes show by what they have read: it keeps the same lead throughout.
    """
    whole = sum(end[pid].read_bytes - usage.read_bytes for pid, usage in opened.items())
    complete = [one for one in samples if opened.keys() <= one.keys()]
    read = [sum(one[pid].read_bytes - opened[pid].read_bytes for pid in opened) for one in complete]
    first, last = np.interp(WARM, [one / whole for one in read], [one[daemon].cpu_s for one in complete])
    return (last - first) / (WARM[1] - WARM[0])
