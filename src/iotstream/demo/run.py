"""The demonstration: start the stack, publish, wait until all is through, draw the balance, tell."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from iotstream.audit import Report, audit
from iotstream.catalog import describe_table
from iotstream.demo.balance import Balance, Row, balance, expect, to_rows
from iotstream.demo.options import DemoOptions
from iotstream.demo.view import View
from iotstream.demo.watch import Watch
from iotstream.errors import LocalStackError
from iotstream.journal import open_journal
from iotstream.lake import Lake
from iotstream.local.pki import Pki
from iotstream.local.provision import client
from iotstream.local.stack import Stack, StackOptions
from iotstream.report import Answer, ReportData, Stage, render
from iotstream.retry import Backoff
from iotstream.schema import Schema
from iotstream.simulate import (
    Connection,
    Fleet,
    Message,
    PublishProgress,
    PublishResult,
    device_names,
    publish,
    readings,
    recorded,
)
from iotstream.sinks.objects import open_store
from iotstream.stream_reader import StreamReader

LOOK_EVERY_S = 0.3
SETTLE_S = 90.0
ANSWER_ROWS = 8
RECORDED_RATE = 900.0
"""Messages a second of a recorded file: below what the stream's shards take."""
SERIES = {
    "acknowledged": "published",
    "forwarded": "in the stream",
    "processed": "handled",
    "rows": "rows in the lake",
    "rejects": "dead letters",
}
# Recorded messages may be of any time.
ANY_TIME_DAYS = 73_000


@dataclass(frozen=True, kw_only=True)
class DemoResult:
    """What came of it.

    Attributes:
        balance: of the items.
        problems: what does not hold, a line each; none = all is well.
        published: items, as acknowledged by the stream.
        rows: in the lake.
        points: in Timestream.
        dead_letters: of the decoder.
        lake, quarantine, report: where they are.
        answers: the README's questions.
        proved: whether the audit shows from manifests, objects and stream that every record is there once.
        interrupted: whether it was ended before its time.
    """

    balance: Balance
    problems: list[str]
    points: int
    lake: Path
    quarantine: Path
    report: Path
    answers: list[Answer]
    proved: bool = False
    interrupted: bool = False

    @property
    def ok(self) -> bool:
        """Whether everything is accounted for."""
        return not self.problems


@dataclass
class _Publishing:
    """The devices' side, in a thread of its own: what was sent, what was acknowledged and when."""

    sent: list[Message] = field(default_factory=list)
    acknowledged: dict[int, float] = field(default_factory=dict)
    progress: PublishProgress | None = None
    result: PublishResult | None = None
    error: BaseException | None = None
    done: threading.Event = field(default_factory=threading.Event)

    def note(self, messages: Iterator[Message]) -> Iterator[Message]:
        for message in messages:
            self.sent.append(message)
            yield message

    def acknowledge(self, message: Message) -> None:
        self.acknowledged[message.expected[0].n] = time.monotonic()

    def run(self, messages: Iterator[Message], connection: Connection, stop: threading.Event) -> None:
        try:
            self.result = asyncio.run(self._publish(messages, connection, stop))
        except Exception as error:  # noqa: BLE001 - told to the thread that waits
            self.error = error
        finally:
            self.done.set()

    async def _publish(
        self, messages: Iterator[Message], connection: Connection, stop: threading.Event
    ) -> PublishResult:
        stopping = asyncio.Event()

        # A thread's event becomes the loop's: looked at now and then, so that nothing waits for ever.
        loop = asyncio.get_running_loop()

        def follow() -> None:
            while not (stop.wait(0.1) or self.done.is_set()):
                pass
            if not loop.is_closed():
                loop.call_soon_threadsafe(stopping.set)

        threading.Thread(target=follow, name="stop", daemon=True).start()
        return await publish(self.note(messages), connection, stop=stopping, on_acknowledged=self.acknowledge)


def run_demo(options: DemoOptions, view: View, stop: threading.Event) -> DemoResult:
    """Run it.

    Args:
        options: what to run.
        view: is shown how it goes.
        stop: set to end it early: what is in flight is finished, and the balance is drawn all the same.

    Raises:
        LocalStackError: a program of the stack did not start, or has ended by itself.
        ConfigurationError: the schema or the input file is wrong.
    """
    schema = Schema.load(options.schema)
    started = dt.datetime.now(dt.UTC)
    view.say("starting broker, topic rules, Kinesis, Lambda, Timestream, S3 and Glue on 127.0.0.1 …")
    with Stack.start(options.directory, _stack_options(options)) as stack:
        watch = Watch(stack)
        publishing = _publish_all(options, stack, watch, view, stop)
        _settle(stack, watch, publishing, view)
        found = _examine(stack, watch, publishing, schema)
    return _conclude(
        _Run(
            options=options,
            schema=schema,
            started=started,
            watch=watch,
            publishing=publishing,
            found=found,
            interrupted=stop.is_set(),
        )
    )


def _stack_options(options: DemoOptions) -> StackOptions:
    recorded_input = options.input_file is not None
    return StackOptions(
        shards=options.shards,
        schema=options.schema,
        backend=options.backend,
        magnetic_writes=recorded_input,
        magnetic_days=ANY_TIME_DAYS if recorded_input else 365,
    )


def _messages(options: DemoOptions, names: list[str]) -> Iterator[Message]:
    if options.input_file is not None:
        rate = min(RECORDED_RATE, options.rate * len(names)) if options.rate else RECORDED_RATE
        return recorded(options.input_file, names, rate=rate)
    return readings(
        Fleet(
            devices=names,
            rate=options.rate,
            start=dt.datetime.now(dt.UTC),
            seed=options.seed,
            duration_s=options.duration_s,
            bad_share=options.bad,
            packed_share=options.packed,
        )
    )


def _publish_all(
    options: DemoOptions, stack: Stack, watch: Watch, view: View, stop: threading.Event
) -> _Publishing:
    names = device_names(options.devices)
    broker = stack.services["broker"]
    connection = Connection(
        host="127.0.0.1",
        port=broker.port,
        credentials=Pki(Path(broker.facts["directory"])).clients(names),
        topic=broker.facts["topic"],
    )
    publishing = _Publishing()
    arguments = (_messages(options, names), connection, stop)
    thread = threading.Thread(target=publishing.run, args=arguments, name="devices")
    watch.began = time.monotonic()
    thread.start()
    try:
        while not publishing.done.wait(LOOK_EVERY_S):
            _count(watch, publishing)
            share = None if options.input_file else (time.monotonic() - watch.began) / options.duration_s
            view.update(watch.look("devices publish", None if share is None else min(share, 1.0)))
    except BaseException:
        stop.set()
        raise
    finally:
        thread.join()
    _count(watch, publishing)
    if publishing.error is not None:
        raise publishing.error
    return publishing


def _count(watch: Watch, publishing: _Publishing) -> None:
    watch.published, watch.acknowledged = len(publishing.sent), len(publishing.acknowledged)


def _settle(stack: Stack, watch: Watch, publishing: _Publishing, view: View) -> None:
    def show() -> None:
        view.update(watch.look("what is in flight arrives", None))

    acknowledged = len(publishing.acknowledged)
    if not stack.settle(SETTLE_S, published=acknowledged, on_wait=show):
        raise LocalStackError(
            f"after {SETTLE_S:.0f} s not everything has gone through; see {stack.directory}/logs"
        )
    view.update(watch.look("done", 1.0))


@dataclass(frozen=True, kw_only=True)
class _Found:
    """What SQL and the audit said: the lake's rows, how many different (device, time) pairs, points."""

    rows: pa.Table
    answers: list[Answer]
    distinct: int
    points: int
    audit: Report


@dataclass(frozen=True, kw_only=True)
class _Run:
    """A run that is over."""

    options: DemoOptions
    schema: Schema
    started: dt.datetime
    watch: Watch
    publishing: _Publishing
    found: _Found
    interrupted: bool


def _examine(stack: Stack, watch: Watch, publishing: _Publishing, schema: Schema) -> _Found:
    """What SQL says of the lake and of Timestream."""
    names, environment = stack.names, stack.environment()
    glue = client(environment, "glue")
    known = describe_table(glue, database=names.glue_database, table=names.glue_table)
    lake_table = f"{names.glue_database}.{names.glue_table}"
    columns = ", ".join(f'"{one.name}"' for one in schema.fields)
    series = ", ".join(f'"{one.name}"' for one in (*schema.dimensions, schema.time))
    with Lake.open(known.lake, schema=schema.arrow, environ=environment) as lake:
        rows = lake.query(f"SELECT {columns} FROM {lake_table}").cast(schema.arrow)  # noqa: S608 - the schema's names
        distinct = lake.query(f"SELECT count(*) AS n FROM (SELECT DISTINCT {series} FROM {lake_table})")  # noqa: S608 - the schema's names
        hundred = f"SELECT * FROM {lake_table} LIMIT 100"  # noqa: S608 - our names
        second = _answer(
            "100 rows of the lake, through the Glue catalogue", hundred, "DuckDB", lake.query(hundred)
        )
    first = _last_hour(watch, publishing)
    return _Found(
        rows=rows,
        answers=[first, second],
        distinct=distinct["n"][0].as_py(),
        points=watch.points(),
        audit=_audit(stack),
    )


def _audit(stack: Stack) -> Report:
    """What `iotstream audit --deep --stream` says of the lake."""
    environment, names, backoff = stack.environment(), stack.names, Backoff()
    journal = open_journal(environment["IOTSTREAM_JOURNAL_URI"], environ=environment, backoff=backoff)
    lake, quarantine = (
        open_store(uri, backoff=backoff, environ=environment) for uri in (names.lake, names.quarantine)
    )
    try:
        reader = StreamReader(client(environment, "kinesis"), backoff=backoff)
        return audit(lake, quarantine, journal=journal, reader=reader, deep=True, stream=True)
    finally:
        journal.close()


def _last_hour(watch: Watch, publishing: _Publishing) -> Answer:
    names = watch.stack.names
    table = f'"{names.timestream_database}"."{names.timestream_table}"'
    recorded_input = publishing.sent and publishing.sent[0].expected[0].kind == "recorded"
    where = "" if recorded_input else " WHERE time > ago(1h)"
    question = "The newest points" if recorded_input else "The last hour"
    sql = f"SELECT * FROM {table}{where} ORDER BY time DESC LIMIT 100"  # noqa: S608 - our names
    return _answer(f"{question}, from Timestream", sql, "Timestream", watch.query_timestream(sql))


def _answer(question: str, sql: str, where: str, table: pa.Table) -> Answer:
    shown = table.slice(0, ANSWER_ROWS).to_pylist()
    return Answer(
        question=question,
        sql=sql,
        where=where,
        columns=table.column_names,
        rows=[[_cell(value) for value in row.values()] for row in shown],
        total=table.num_rows,
    )


def _cell(value: Any) -> str:
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return "" if value is None else str(value)


def _conclude(run: _Run) -> DemoResult:
    """The balance, and the report about it."""
    publishing, watch, schema = run.publishing, run.watch, run.schema
    arrival_ms = round(run.started.timestamp() * 1000)
    sure = [one for one in publishing.sent if one.expected[0].n in publishing.acknowledged]
    maybe = [one for one in publishing.sent if one.expected[0].n not in publishing.acknowledged]
    expected = expect(sure, schema, arrival_ms)
    rows = to_rows(run.found.rows, schema)
    drawn = balance(expected, rows, watch.letters, expect(maybe, schema, arrival_ms))
    directory = run.options.directory
    result = DemoResult(
        balance=drawn,
        problems=[*drawn.problems(), *_differences(run)],
        points=run.found.points,
        lake=directory / "lake",
        quarantine=directory / "quarantine",
        report=directory / "report.html",
        answers=run.found.answers,
        proved=run.found.audit.proved,
        interrupted=run.interrupted,
    )
    page = render(_report(run, result, _latencies(watch, publishing, expected.rows, schema)))
    result.report.write_text(page, encoding="utf-8")
    return result


def _differences(run: _Run) -> Iterator[str]:
    """Where Timestream does not hold what the lake does, and what the audit found."""
    for finding in run.found.audit.findings:
        yield f"audit: {finding.code}: {finding.message}"
    points, distinct = run.found.points, run.found.distinct
    refused = sum(run.watch.refused.values())
    if points + refused != distinct:
        yield (
            f"Timestream holds {points} points and refused {refused}; "
            f"the lake has {distinct} different (device, time) pairs"
        )


def _latencies(
    watch: Watch, publishing: _Publishing, rows: Mapping[Row, list[int]], schema: Schema
) -> list[float]:
    """For each row of the lake: seconds from the broker's acknowledgement until it was seen there."""
    times: dict[int, float] = {}
    for message in publishing.sent:
        at = publishing.acknowledged.get(message.expected[0].n)
        if at is not None:
            times |= dict.fromkeys((one.n for one in message.expected), at)
    latencies = []
    for path, seen in watch.files.items():
        table = pq.ParquetFile(path).read()
        numbers = (rows.get(row, [-1])[0] for row in to_rows(table, schema))
        latencies += [seen - times[number] for number in numbers if number in times]
    return sorted(max(one, 0.0) for one in latencies)


def _report(run: _Run, result: DemoResult, latencies: list[float]) -> ReportData:
    drawn, watch = result.balance, run.watch
    doubles = f"{drawn.duplicate_rows} of them doubles" if drawn.duplicate_rows else "each item once"
    return ReportData(
        title="From devices to SQL",
        started=run.started,
        duration_s=watch.samples[-1].at if watch.samples else 0.0,
        ok=result.ok,
        problems=result.problems,
        facts=_facts(run),
        stages=[
            Stage(name="Published", count=drawn.published, note="items in acknowledged messages"),
            Stage(name="Rows in the lake", count=drawn.rows, note=doubles),
            Stage(name="Points in Timestream", count=result.points, note="the last version of each"),
            Stage(name="Dead letters", count=drawn.dead_letters, rejected=True, note="each with its reason"),
        ],
        reasons=drawn.by_reason,
        samples=watch.samples,
        series=SERIES,
        latencies_s=latencies,
        rows=run.found.rows,
        schema=run.schema,
        answers=result.answers,
    )


def _facts(run: _Run) -> dict[str, str]:
    options, schema = run.options, run.schema
    file = options.input_file
    facts = {
        "source": f"recorded messages of {file.name}" if file else "simulated devices",
        "devices": str(options.devices),
        "messages": f"{run.watch.acknowledged:,}",
        "schema": f"{schema.name}, version {schema.version} ({schema.fingerprint})",
        "broker": str(run.watch.stack.services["broker"].facts["backend"]),
        "shards": str(options.shards),
    }
    if file is None:
        facts |= {"seed": str(options.seed), "malformed on purpose": f"{options.bad:.1%} of messages"}
    return facts
