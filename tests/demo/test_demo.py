"""The whole walk, as a user starts it: devices, broker, rules, stream, Lambda, Timestream, lake, SQL."""

import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pytest

import needs

ROOT = Path(__file__).parents[2]
SENSORS = ROOT / "examples/environmental-sensors/schema.toml"
REAL = (
    Path(os.environ.get("IOTSTREAM_REAL_DATA", ROOT.parent / "shared/data"))
    / "environmental-sensors.jsonl.gz"
)


def iotstream(*arguments, **options):
    command = [sys.executable, "-m", "iotstream", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def run(*arguments):
    process = iotstream(*arguments)
    out, err = process.communicate(timeout=240)
    return process.returncode, out, err


def rows(lake):
    return ds.dataset(Path(lake) / "data", format="parquet", partitioning="hive").to_table()


@pytest.mark.parametrize("backend", ["embedded", "mosquitto"])
def test_every_item_is_accounted_for(tmp_path, backend):
    if backend == "mosquitto":
        needs.mosquitto()
    status, out, err = run(
        *("demo", "--json", "--keep", tmp_path, "--backend", backend, "--seed", 3),
        *("--devices", 8, "--rate", 10, "--duration", 4, "--bad", 0.2, "--packed", 0.1),
    )
    assert status == 0, err
    answer = json.loads(out)
    assert answer["ok"], answer["problems"]
    assert answer["proved"]
    assert answer["published"] == answer["rows"] + answer["dead_letters"] - answer["duplicates"]
    assert answer["published"] > 300
    assert answer["dead_letters"] > 30
    assert len(answer["reasons"]) > 5
    assert rows(answer["lake"]).num_rows == answer["rows"]
    letters = [
        json.loads(line)
        for path in Path(answer["quarantine"]).rglob("*.jsonl.gz")
        for line in gzip.decompress(path.read_bytes()).splitlines()
    ]
    assert len(letters) == answer["dead_letters"]
    page = Path(answer["report"]).read_text(encoding="utf-8")
    assert "From devices to SQL" in page
    assert not re.search(r'(src|href)\s*=\s*"(https?:)?//', page)


def compare_with_source(lines, answer):
    table = rows(answer["lake"])
    assert table.num_rows == len(lines) == answer["rows"] == answer["points"]
    found = {(row["device_id"], row["ms"]): row for row in table.append_column(
        "ms", table["timestamp"].cast(pa.int64())
    ).to_pylist()}  # fmt: skip
    for source in map(json.loads, lines):
        row = found.pop((source["device_id"], round(source["ts"] * 1000)))
        data = source["data"] | {"temperature": source["data"]["temp"]}
        del data["temp"]
        assert {name: row[name] for name in data} == data
        assert row["device"] == source.get("device")
    assert found == {}


def test_recorded_messages_reach_the_lake_as_they_are(tmp_path):
    file = ROOT / "tests/data/environmental-sensors.jsonl"
    status, out, err = run(
        *("demo", "--json", "--input", file, "--schema", SENSORS, "--devices", 3, "--keep", tmp_path)
    )
    assert status == 0, err
    compare_with_source(file.read_text().splitlines(), json.loads(out))


@pytest.mark.skipif(not REAL.exists(), reason=f"the recorded messages are not there: {REAL}")
def test_the_9995_real_messages(tmp_path):
    status, out, err = run(
        *("demo", "--json", "--input", REAL, "--schema", SENSORS, "--devices", 3, "--keep", tmp_path)
    )
    assert status == 0, err
    lines = gzip.decompress(REAL.read_bytes()).decode().splitlines()
    assert len(lines) == 9995
    compare_with_source(lines, json.loads(out))


def test_without_json_it_answers_the_questions(tmp_path):
    status, out, err = run("demo", "--keep", tmp_path, "--devices", 3, "--rate", 5, "--duration", 2)
    assert status == 0, err
    assert "WHERE time > ago(1h)" in out
    assert "SELECT * FROM iot_database.iot_table LIMIT 100" in out
    assert "The balance holds" in out
    assert str(tmp_path / "report.html") in out


@pytest.mark.parametrize(
    ("schema", "named"),
    [
        ('name = "x"\n[[field]]\nname = "t"\ntype = "timestamp"\nrole = "tome"\n', "field[t].role = 'tome'"),
        ("nonsense", "not TOML"),
    ],
)
def test_a_wrong_schema_is_one_clear_line(tmp_path, schema, named):
    (tmp_path / "schema.toml").write_text(schema)
    status, out, err = run("demo", "--schema", tmp_path / "schema.toml")
    assert status != 0
    assert out == ""
    assert named in err
    assert "Traceback" not in err
