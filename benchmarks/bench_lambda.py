"""The Lambda handler on an event of 10,000 records, and what a cold start takes.

With the event's bytes, as `raw-runtime` hands them over; and as the managed runtime has parsed them.
"""

import base64
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import original
import orjson
import powertools
import pytest
from figures.results import Kind

import data
import iotstream
from iotstream._native import native
from iotstream._python_decoder import PythonDecoder
from iotstream.settings import Settings
from iotstream.sources.lambda_event import raw_batches, raw_batches_in_python
from iotstream.sources.lambda_handler import KinesisHandler
from iotstream.testing import LambdaContext

RECORDS = 10_000
EVENTS = 20
"""More than are handled: each is new to the lake."""
PARQUET_ROUNDS = 16
SCHEMA = iotstream.Schema.load()
PARSED = "json.loads of the event"
COLD_ROUNDS = 7
COLD_EVENT = json.dumps({"Records": data.kinesis_records(data.flat(1))})
COLD = {
    "ours": "sys.path.insert(0, 'handlers'); import kinesis_lambda as handler",
    "pyarrow alone": "import pyarrow, pyarrow.compute",
    "boto3 alone": "import boto3",
    "Powertools' batch processor and parser alone": (
        "from aws_lambda_powertools.utilities.batch import BatchProcessor; "
        "from aws_lambda_powertools.utilities.parser.models import KinesisDataStreamRecord"
    ),
}
# The Lambda's artefact holds neither, and pyarrow imports them where they are.
WITHOUT_PANDAS_AND_NUMPY = """
import sys
class NotThere:
    def find_spec(name, path=None, target=None):
        if name in {"numpy", "pandas"}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, NotThere)
"""
FIRST_RECORD = f"""
from iotstream.testing import LambdaContext
answer = handler.handler({COLD_EVENT}, LambdaContext())
assert answer == {{"batchItemFailures": []}}, answer
"""


class Payload(msgspec.Struct):
    """A record's `kinesis`, typed."""

    data: bytes
    sequenceNumber: str  # noqa: N815 - as in the event
    approximateArrivalTimestamp: float  # noqa: N815


class Record(msgspec.Struct):
    """A record, typed."""

    kinesis: Payload
    eventID: str  # noqa: N815
    eventSourceARN: str  # noqa: N815


class Event(msgspec.Struct):
    """An event, typed."""

    Records: list[Record]


@pytest.fixture(scope="module")
def events(sized):
    """As bytes."""
    records = sized(RECORDS)
    return [data.event(data.flat(records, seed), seed * records) for seed in range(EVENTS)]


@pytest.fixture(scope="module")
def parsed(events):
    return [json.loads(event) for event in events]


@pytest.fixture
def handler():
    """Ours, which has its sinks from the first event on; and the metrics that it emits."""
    directory, metrics = tempfile.mkdtemp(), []
    handler = KinesisHandler(
        Settings.load({"IOTSTREAM_LAKE_URI": f"file://{directory}"}), emit=metrics.append
    )

    def handle(event):
        assert handler(event, LambdaContext()) == {"batchItemFailures": []}

    yield handle, metrics
    shutil.rmtree(directory)


def rows_of(event):
    """Rows, rejects and positions."""
    return [iotstream.decode(raw, SCHEMA) for raw in raw_batches(event)]


def rows_in_python(event):
    """The same, without the kernel."""
    decoder = PythonDecoder(SCHEMA)
    raws = raw_batches_in_python(event["Records"])
    return [decoder.decode(raw.payloads, raw.arrival_ms) for raw in raws]


def test_event_bytes(measure, events, sized):
    (decoded,) = rows_of(events[0])
    assert (decoded.data.num_rows, len(decoded.raw)) == (sized(RECORDS), sized(RECORDS))
    measure(rows_of, events, sized(RECORDS), row="event", way="ours", kind=Kind.OURS, rounds=24)


WAYS_OF_BYTES = {
    f"{PARSED} alone": json.loads,
    "msgspec, typed, the event alone": msgspec.json.Decoder(Event).decode,
    f"{PARSED}, the original handler": lambda one: original.lambda_handler(json.loads(one), None),
    f"{PARSED}, Powertools' batch processor, pydantic": lambda one: powertools.lambda_handler(
        json.loads(one), LambdaContext()
    ),
}
if native is not None:
    WAYS_OF_BYTES["orjson and ours in pure Python"] = lambda one: rows_in_python(orjson.loads(one))


@pytest.mark.parametrize("way", WAYS_OF_BYTES)
def test_event_bytes_by_others(measure, events, sized, way):
    measure(WAYS_OF_BYTES[way], events, sized(RECORDS), row="event", way=way)


def test_event_dicts(measure, parsed, sized):
    (decoded,) = rows_of(parsed[0])
    assert decoded.data.num_rows == sized(RECORDS)
    measure(rows_of, parsed, sized(RECORDS), row="event-dicts", way="ours", kind=Kind.OURS, rounds=24)


WAYS_OF_DICTS = {
    "the original handler": lambda one: original.lambda_handler(one, None),
    "Powertools' batch processor, pydantic": lambda one: powertools.lambda_handler(one, LambdaContext()),
    "base64 alone": lambda one: [base64.b64decode(record["kinesis"]["data"]) for record in one["Records"]],
}
if native is not None:
    WAYS_OF_DICTS["ours in pure Python"] = rows_in_python


@pytest.mark.parametrize("way", WAYS_OF_DICTS)
def test_event_dicts_by_others(measure, parsed, sized, way):
    measure(WAYS_OF_DICTS[way], parsed, sized(RECORDS), row="event-dicts", way=way)


def test_parquet(measure, handler, events, sized):
    """Decoded, validated, partitioned, encoded as Parquet and put into a local store."""
    handle, metrics, records = *handler, sized(RECORDS)
    measure(handle, events, records, row="event-parquet", way="ours", kind=Kind.OURS, rounds=PARQUET_ROUNDS)
    assert all(b'"Rows":%d' % records in line for line in metrics)


def test_parquet_behind_the_managed_runtime(measure, handler, events, sized):
    handle, _ = handler
    way = f"{PARSED}, as the managed runtime does, and ours"
    measure(lambda one: handle(json.loads(one)), events, sized(RECORDS), row="event-parquet", way=way)


@pytest.mark.parametrize("way", [way for way in WAYS_OF_BYTES if way.startswith(f"{PARSED}, ")])
def test_parquet_by_others(measure, events, sized, way):
    measure(WAYS_OF_BYTES[way], events, sized(RECORDS), row="event-parquet", way=way, note="writes nothing")


@pytest.mark.parametrize("way", COLD)
def test_cold_start(record, way, request):
    """A fresh interpreter's CPU, less that of one that imports nothing; ours handles a record as well."""
    code = WITHOUT_PANDAS_AND_NUMPY + COLD[way] + (FIRST_RECORD if way == "ours" else "")
    rounds = 1 if request.config.getoption("small") else COLD_ROUNDS
    with tempfile.TemporaryDirectory() as directory:

        def once(source):
            environment = {**os.environ, "IOTSTREAM_LAKE_URI": f"file://{directory}/{time.monotonic_ns()}"}
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            began = time.perf_counter()
            subprocess.run(
                [sys.executable, "-c", source],
                check=True,
                env=environment,
                stdout=subprocess.DEVNULL,
                cwd=Path(__file__).parents[1],
            )
            wall = time.perf_counter() - began
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            return cpu_s * 1000, wall * 1000

        once(code)  # bytecode is compiled, files are in the cache
        nothing = min(once("pass") for _ in range(rounds))
        cpu_ms, wall_ms = (
            min(one[index] for one in [once(code) for _ in range(rounds)]) - nothing[index]
            for index in (0, 1)
        )
    note = f"wall {wall_ms:.0f} ms"
    record("cold", way, cpu_ms, kind=Kind.OURS if way == "ours" else Kind.OTHER, note=note)
