"""Where the time goes: flame graphs of the three main ways, sampled by py-spy, native code included.

    python benchmarks/flame_graphs.py --report docs/benchmarks

- `lambda`: the handler with an event's bytes, Parquet to a local directory.
- `kcl`: KCL's messages to Parquet, encoded and thrown away.
- `timestream`: decoded and sent to a local Timestream over TLS.

(Not called `profile`: the standard library has a module of that name, which cProfile imports.)
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from unittest.mock import patch

import report
from figures import flames, sections

import data
import iotstream
from iotstream.local.pki import Pki
from iotstream.local.process import ServiceProcess
from iotstream.pipeline import Pipeline, to_batch
from iotstream.settings import Settings
from iotstream.sinks.parquet import ParquetSink
from iotstream.sinks.timestream import TimestreamSettings, TimestreamSink
from iotstream.sources.kcl.protocol import decode_message, to_raw_batch
from iotstream.sources.lambda_handler import KinesisHandler
from iotstream.testing import LambdaContext

RATE_HZ = 100  # at 500 a thread that sleeps often hardly gets to work between the halts
SECONDS = 20.0
RECORDS = 10_000
WAITING = ("epoll_wait (", "pthread_cond_timedwait (", "Condition.wait (")
COMMAND = "python benchmarks/flame_graphs.py --report docs/benchmarks"


@dataclass(frozen=True)
class Way:
    """What is profiled.

    Attributes:
        title: of its section.
        start: a context manager that gives the call to repeat.
        mark: how the function begins below which samples of the main thread count.
        parts: what the time is divided into, as `flames.shares` takes it.
    """

    title: str
    start: Callable[[], AbstractContextManager[Callable[[], object]]]
    mark: str
    parts: dict[str, str]


def profiled(call: Callable[[], object], seconds: float) -> int:
    """Repeat the call for so long; how often it was called."""
    ends, calls = time.perf_counter() + seconds, 0
    while time.perf_counter() < ends:
        call()
        calls += 1
    return calls


@contextmanager
def by_lambda() -> Iterator[Callable[[], object]]:
    """The handler with bytes; each event is of another shard, and so new to the lake."""
    shard = b"shardId-000000000006"
    events = [data.event(data.flat(RECORDS, seed)) for seed in range(5)]
    numbers = itertools.count()
    with tempfile.TemporaryDirectory() as directory:
        settings = Settings.load({"IOTSTREAM_LAKE_URI": f"file://{directory}"})
        handler = KinesisHandler(settings, emit=lambda _: None)

        def handle() -> None:
            number = next(numbers)
            event = events[number % len(events)].replace(shard, b"shardId-%012d" % number)
            handler(event, LambdaContext())

        handle()
        yield handle


class Discard:
    """An object store that keeps nothing."""

    def put_new(self, objects: Sequence[object], *, not_after_s: float | None = None) -> int:  # noqa: ARG002
        """Take them."""
        for _ in objects:
            pass
        return 0


@contextmanager
def by_kcl() -> Iterator[Callable[[], object]]:
    """A span of a million rows, message by message."""
    schema = iotstream.Schema.load()
    lines = [
        data.kcl_message(data.telemetry(RECORDS, first=first), first)
        for first in range(0, 100 * RECORDS, RECORDS)
    ]

    def consume() -> None:
        pipeline = Pipeline(schema, lake=[ParquetSink(Discard(), schema)])
        for line in lines:
            pipeline.push(to_raw_batch(decode_message(line), "stream", "shardId-000000000000"), 0.0)
        pipeline.drain()

    yield consume


@contextmanager
def by_timestream() -> Iterator[Callable[[], object]]:
    """Decoded, and sent over TLS to a local server, which is another process."""
    schema = iotstream.Schema.load()
    with tempfile.TemporaryDirectory() as directory:
        names = ["--database", "database", "--table", "table"]
        here = str(Path(__file__).parent)
        server = ServiceProcess(
            "timestream_tls", ["--pki", directory, *names], environment={"PYTHONPATH": here}
        )
        variables = {
            "AWS_ENDPOINT_URL_TIMESTREAM_WRITE": f"https://127.0.0.1:{server.port}",
            "AWS_CA_BUNDLE": str(Pki(Path(directory)).ca),
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
        }
        with patch.dict(os.environ, variables):
            sink = TimestreamSink(schema, TimestreamSettings(database="database", table="table"))
        begin_ms = round(time.time() * 1000) - RECORDS * data.STEP_MS
        line = data.kcl_message(data.telemetry(RECORDS, begin_ms=begin_ms), begin_ms=begin_ms)

        def send() -> None:
            raw = to_raw_batch(decode_message(line), "stream", "shardId-000000000000")
            rejects = sink.write(to_batch(iotstream.decode(raw, schema)))
            assert not len(rejects), rejects

        try:
            send()
            yield send
        finally:
            sink.close()
            server.stop()


READING = r";(raw_batches|to_raw_batch|decode_message) \("
DECODING = {
    "decoding: the kernel": r"^KernelDecoder\.decode .*;.*iotstream_native",
    "decoding: Arrow columns, fields outside the schema": r";decode \(iotstream/decode",
}
PARQUET = {
    "splitting into hours": r";split \(iotstream/partition",
    "encoding Parquet": r";encode \(iotstream/sinks/parquet",
}
WAYS = {
    "lambda": Way(
        "The Lambda handler, an event of 10,000 records as bytes, to Parquet",
        by_lambda,
        "KinesisHandler.__call__ (",
        {
            "reading the event": READING,
            **DECODING,
            **PARQUET,
            "putting objects": r";(Store\.put_new|Store\._put|_WorkItem\.run) ",
        },
    ),
    "kcl": Way(
        "KCL's messages to Parquet, spans of 1,000,000 rows",
        by_kcl,
        "by_kcl.<locals>.consume (",
        {
            "reading the messages": READING,
            **DECODING,
            **PARQUET,
            "positions and batches": r";Pipeline\.(push|drain) ",
        },
    ),
    "timestream": Way(
        "KCL's messages decoded and sent to Timestream over TLS",
        by_timestream,
        "by_timestream.<locals>.send (",
        {
            "reading the messages": READING,
            "decoding": r";decode \(iotstream/decode",
            "points: refusals, duplicates": r";(points_of|versions_of) \(",
            "bodies": r";(bodies|Body\.payload) \(",
            "signing": r";Signer\.headers ",
            "handshakes": r";Connection\.start_tls ",
            "sockets": r"(;BIO_(write|read) \(|epoll)",
            "encryption": r";SSLSocket\.",
            "answers": r";(read_response|read_answer) \(",
            "the event loop, tasks, timers": r";BaseEventLoop\._run_once ",
        },
    ),
}


def record(name: str, seconds: float) -> list[str]:
    """Collapsed stacks of a way, by a process of its own."""
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "stacks"
        spy = [str(Path(sys.executable).with_name("py-spy")), "record", "--native", "--rate", str(RATE_HZ)]
        run = [sys.executable, __file__, "--run", name, "--seconds", str(seconds)]
        command = [*spy, "--format", "raw", "--output", str(out), "--", *run]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode or not out.exists():
            raise SystemExit(f"py-spy: {done.stderr.decode()}")
        return out.read_text().splitlines()


def keep(mark: str, stack: Sequence[str]) -> Sequence[str]:
    """Of the main thread what is below the mark: imports and inputs are left out; of others what is ours.

    Waiting is left out too, where py-spy takes it for work.
    """
    if any(frame.startswith(WAITING) for frame in stack):
        return []
    for place, frame in enumerate(stack):
        if frame.startswith(mark):
            return stack[place + 1 :]
    if any(frame.startswith("<module> (") for frame in stack):
        return []
    for place, frame in enumerate(stack):
        if frame.startswith(("BaseEventLoop.run_forever (", "_WorkItem.run (")):
            return ["another thread", *stack[place:]]
    return []


def section(name: str, root: flames.Frame) -> list[str]:
    """Its part of the page."""
    way = WAYS[name]
    shares = flames.shares(root, way.parts)
    rest = max(1 - sum(shares.values()), 0.0)
    return [
        f"![{way.title}](flame-{name}.svg)",
        "",
        "| part | share of the samples |",
        "|---|--:|",
        *(f"| {label} | {share:.0%} |" for label, share in sorted(shares.items(), key=lambda one: -one[1])),
        f"| the rest | {rest:.0%} |",
    ]


def main() -> None:
    """Profile, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=list(WAYS), default=list(WAYS))
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--report", type=Path, metavar="DIRECTORY")
    parser.add_argument("--run", choices=list(WAYS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        with WAYS[arguments.run].start() as call:
            profiled(call, arguments.seconds)
        return
    for name in arguments.only:
        root = flames.read(record(name, arguments.seconds), partial(keep, WAYS[name].mark))
        lines = section(name, root)
        sys.stdout.write(f"{WAYS[name].title}\n" + "\n".join(lines) + "\n\n")
        if arguments.report:
            arguments.report.mkdir(parents=True, exist_ok=True)
            drawing = flames.draw(WAYS[name].title, root)
            (arguments.report / f"flame-{name}.svg").write_text(drawing)
            sections.put(arguments.report / "profile.md", name, lines)
    if arguments.report:
        sections.put(arguments.report / "profile.md", "circumstances", report.circumstances(COMMAND))


if __name__ == "__main__":
    main()
