"""Rows to InfluxDB's line protocol: ours against what its users do: the official client's points, a loop.

The text alone, without compression and network: CPU time a row.
"""

import json
import time

import pytest
from figures.results import Kind

import iotstream
from iotstream.pipeline import to_batch
from iotstream.sinks.influxdb.lines import bodies
from iotstream.sinks.influxdb.mapping import Mapping
from iotstream.sinks.influxdb.points import points_of
from iotstream.sinks.influxdb.settings import Version
from iotstream.testing import raw_batch

ROWS = 10_000
LINES_PER_CALL = 5_000
SCHEMA = iotstream.Schema.load()
MAPPING = Mapping.of(SCHEMA)
NAMES = {
    "ours": "ours",
    "f_string_loop": "f-strings in a loop",
    "influxdb_client_points": "the official client's points",
}


@pytest.fixture(scope="module")
def batches(sized):
    """Two lists in turn, so that none stays in the cache."""
    return [batch(seed, sized(ROWS)) for seed in range(2)]


def batch(seed, rows):
    now = int(time.time() * 1000)
    payloads = [
        json.dumps(
            {
                "deviceId": f"device-{row % 500:05d}",
                "temperature": (row + seed) % 4000 / 100,
                "humidity": (row + seed) % 1000 / 10,
                "timestamp": now - row,
            }
        ).encode()
        for row in range(rows)
    ]
    return to_batch(iotstream.decode(raw_batch(payloads, arrival_ms=now), SCHEMA))


def built(points):
    return [body.payload for body in bodies(points, MAPPING, Version.V2, LINES_PER_CALL)]


def ours(points):
    return lambda: built(points)


def f_string_loop(points):
    rows = [(row, int(row["timestamp"].timestamp() * 1000)) for row in points.data.to_pylist()]
    escapes = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ "})

    def write():
        return "\n".join(
            f"telemetry,device_id={row['device_id'].translate(escapes)} "
            f"temperature={row['temperature']},humidity={row['humidity']} {time_ms}"
            for row, time_ms in rows
        )

    return write


def influxdb_client_points(points):
    client = pytest.importorskip("influxdb_client", reason="influxdb-client is not installed")
    rows = points.data.to_pylist()

    def write():
        return "\n".join(
            client.Point("telemetry")
            .tag("device_id", row["device_id"])
            .field("temperature", row["temperature"])
            .field("humidity", row["humidity"])
            .time(row["timestamp"], client.WritePrecision.MS)
            .to_line_protocol()
            for row in rows
        )

    return write


@pytest.mark.parametrize("way", [influxdb_client_points, f_string_loop, ours], ids=lambda way: way.__name__)
def test_build(measure, batches, way):
    ways = [way(points_of(one.data, MAPPING, Version.V2)) for one in batches]
    kind = Kind.OURS if way is ours else Kind.OTHER
    rows = batches[0].data.num_rows
    measure(lambda write: write(), ways, rows, row="influxdb", way=NAMES[way.__name__], kind=kind, rounds=20)


def test_points_and_build(measure, batches):
    """With what comes before: refusals looked for, of equal series and time the last."""
    rows = batches[0].data.num_rows

    def write(one):
        points = points_of(one.data, MAPPING, Version.V2)
        assert points.data.num_rows == rows
        return built(points)

    measure(write, batches, rows, row="influxdb-checked", way="ours", kind=Kind.OURS, rounds=20)
