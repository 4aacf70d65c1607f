"""KCL's messages to Parquet, span by span: what `iotstream consume` does behind the daemon's pipe."""

import json

import measuring
import pytest
from amazon_kclpy import dispatch
from figures.results import Kind

import data
import iotstream
from iotstream.batch import BatchLimits
from iotstream.pipeline import Pipeline
from iotstream.sinks.parquet import ParquetSink
from iotstream.sources.kcl.protocol import decode_message, to_raw_batch

RECORDS = 10_000
"""Of a message, as KCL reads them at most."""
SPANS = 2
SPAN_BYTES = 128 * 1024 * 1024
SCHEMA = iotstream.Schema.load()
LINES = 8


class Discard:
    """An object store that counts what it is given."""

    def __init__(self):
        self.objects = self.bytes = 0

    def put_new(self, objects, *, not_after_s=None):  # noqa: ARG002
        for one in objects:
            self.objects += 1
            self.bytes += len(one.body)
        return 0


def test_ours(record, request):
    """Each span closes by its bytes; the messages are made in between, which isn't counted."""
    small = request.config.getoption("small")
    limits = BatchLimits(max_rows=10**9, max_bytes=SPAN_BYTES // (1000 if small else 1), max_age_s=10**9)
    rounds, rows = [], 0
    for turn in range(SPANS):
        store, meter = Discard(), measuring.Meter()
        pipeline = Pipeline(SCHEMA, lake=[ParquetSink(store, SCHEMA)], limits=limits)
        first = 0
        while not pipeline.stats.spans:
            line = data.kcl_message(data.telemetry(RECORDS, first=first, seed=turn), first)
            with meter:
                pipeline.push(to_raw_batch(decode_message(line), "stream", "shardId-000000000000"), 0.0)
            first += RECORDS
        assert (pipeline.stats.rows, pipeline.stats.last_span_rows) == (first, first)
        assert store.bytes
        rows = first
        rounds.append(meter.spent)
    best = measuring.best(rounds)
    scale = 1e6 / rows
    record(
        "kcl",
        "ours",
        best.total * scale,
        kind=Kind.OURS,
        system=best.system * scale,
        note=f"{rows:,} rows in a span",
    )


def by_kclpy(line):
    """Its own reading of a line, and base64 of each record; what its users do with them comes after."""
    message = json.loads(line, object_hook=dispatch.message_decode)
    return [one.binary_data for one in message.records]


@pytest.fixture(scope="module")
def lines(sized):
    records = sized(RECORDS)
    return [
        data.kcl_message(data.telemetry(records, first=index * records), index * records)
        for index in range(LINES)
    ]


def rows_of(line):
    raw = to_raw_batch(decode_message(line), "stream", "shardId-000000000000")
    return iotstream.decode(raw, SCHEMA).data


WAYS = {"kclpy's json and base64 alone": by_kclpy, "ours, without Parquet": rows_of}


@pytest.mark.parametrize("way", WAYS)
def test_parts(measure, lines, sized, way):
    assert len(WAYS[way](lines[0])) == sized(RECORDS)
    measure(WAYS[way], lines, sized(RECORDS), row="kcl", way=way, rounds=16)
