import json
import subprocess
import sys
from pathlib import Path

import pyarrow.dataset as ds
import pytest

from iotstream.errors import ConfigurationError, SinkUnavailable
from iotstream.settings import Settings
from iotstream.sinks.parquet import ParquetSink
from iotstream.sources.lambda_handler import KinesisHandler
from iotstream.testing import FIRST_SEQUENCE_NUMBER, LambdaContext, kinesis_event

HANDLERS = Path(__file__).parents[2] / "handlers"
ARRIVAL_MS = 1_734_604_200_000  # 2024-12-19T10:30:00Z
GOOD = b'{"timestamp":"2024-12-19T10:30:00Z","deviceId":"a","temperature":1,"humidity":2}'


def handler(tmp_path, lines, **variables):
    environ = {"IOTSTREAM_LAKE_URI": f"file://{tmp_path}/lake", **variables}
    settings = Settings.load(environ)
    return KinesisHandler(settings, emit=lines.append, now=lambda: (ARRIVAL_MS + 1500) / 1000)


def rows(tmp_path):
    return ds.dataset(tmp_path / "lake/data", format="parquet", partitioning="hive").to_table()


def test_rows_dead_letters_metrics(tmp_path):
    lines = []
    run = handler(tmp_path, lines)
    answer = run(kinesis_event([GOOD, b"bad", GOOD], arrival_ms=ARRIVAL_MS), LambdaContext())
    assert answer == {"batchItemFailures": []}
    assert rows(tmp_path).num_rows == 2
    assert len(list((tmp_path / "lake/quarantine/dt=2024-12-19").iterdir())) == 1
    (metrics,) = map(json.loads, lines)
    directive = metrics["_aws"]["CloudWatchMetrics"][0]
    assert directive["Namespace"] == "iotstream"
    assert directive["Dimensions"] == [["FunctionName", "Stream"]]
    assert {one["Name"] for one in directive["Metrics"]} == set(metrics) - {"_aws", "FunctionName", "Stream"}
    expected = {
        "Records": 3,
        "Rows": 2,
        "Rejects": 1,
        "Rejects.not_json": 1,
        "IteratorAge": 1500,
        "SinkUnavailable": 0,
        "PayloadBytes": 2 * len(GOOD) + 3,
        "FunctionName": "transform-function",
        "Stream": "kinesis-stream",
    }
    assert {name: metrics[name] for name in expected} == expected
    assert all(metrics[f"Duration.{stage}"] >= 0 for stage in ("decode", "dead_letter", "parquet"))


def test_the_same_batch_again_changes_nothing(tmp_path):
    run = handler(tmp_path, [])
    event = kinesis_event([GOOD, b"bad"], arrival_ms=ARRIVAL_MS)
    run(event, LambdaContext())
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert run(event, LambdaContext()) == {"batchItemFailures": []}
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_sink_that_is_down_reports_the_first_record(tmp_path, monkeypatch, caplog):
    def down(*_):
        raise SinkUnavailable("no lake today")

    monkeypatch.setattr(ParquetSink, "write", down)
    lines = []
    run = handler(tmp_path, lines)
    answer = run(kinesis_event([GOOD], arrival_ms=ARRIVAL_MS), LambdaContext())
    assert answer == {"batchItemFailures": [{"itemIdentifier": str(FIRST_SEQUENCE_NUMBER)}]}
    assert json.loads(lines[0])["SinkUnavailable"] == 1
    assert "no lake today" in caplog.text


def test_no_sink_tries_longer_than_the_invocation_lasts(tmp_path):
    run = handler(tmp_path, [], IOTSTREAM_RETRY_DEADLINE_S="900")
    run(kinesis_event([GOOD], arrival_ms=ARRIVAL_MS), LambdaContext(remaining_ms=30_000))
    assert run._assembly.lake.backoff.deadline_s == 27


def test_an_event_of_something_else_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="not an event of a Kinesis event source mapping"):
        handler(tmp_path, [])({"Records": [{"s3": {}}]}, LambdaContext())


def test_a_missing_setting_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="IOTSTREAM_LAKE_URI"):
        KinesisHandler(Settings())(kinesis_event([GOOD], arrival_ms=ARRIVAL_MS), LambdaContext())


def run_file(code, **environ):
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=HANDLERS,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_file_itself(tmp_path):
    code = (
        "import json, sys, kinesis_lambda\n"
        "from iotstream.testing import LambdaContext\n"
        f"event = json.loads({json.dumps(kinesis_event([GOOD], arrival_ms=ARRIVAL_MS))!r})\n"
        "print(json.dumps(kinesis_lambda.handler(event, LambdaContext())))"
    )
    done = run_file(code, IOTSTREAM_LAKE_URI=f"file://{tmp_path}/lake")
    assert done.returncode == 0, done.stderr
    metrics, answer = map(json.loads, done.stdout.splitlines())
    assert (metrics["Rows"], answer) == (1, {"batchItemFailures": []})
    assert rows(tmp_path).num_rows == 1


def test_a_wrong_setting_shows_in_the_init_phase():
    done = run_file(
        "import kinesis_lambda", AWS_LAMBDA_RUNTIME_API="127.0.0.1:1", IOTSTREAM_LAKE_URL="s3://x"
    )
    assert done.returncode != 0
    assert "IOTSTREAM_LAKE_URL" in done.stderr
