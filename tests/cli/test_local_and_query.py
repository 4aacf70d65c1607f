"""`iotstream local` as the stack of somebody's own tests, and `iotstream query` against it."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from iotstream.local.provision import client


def iotstream(*arguments, env=None):
    command = [sys.executable, "-m", "iotstream", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=env)


@contextmanager
def local(place, *options):
    """The command `iotstream local`, and the variables that it writes."""
    file = place / "env"
    command = [sys.executable, "-m", "iotstream", "local", "--env-file", file, "--dir", place / "state"]
    process = subprocess.Popen([*map(str, command), *options], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not file.exists():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    variables = dict(line.split("=", 1) for line in file.read_text().splitlines())
    yield os.environ | variables
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert not file.exists()
    assert list((place / "state/lake").rglob("*.parquet")), "the lake outlives the stack"


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    with local(tmp_path_factory.mktemp("local"), "--consumer", "lambda") as environment:
        yield environment


def test_what_it_offers(stack):
    kinesis = client(stack, "kinesis").describe_stream_summary(StreamName=stack["IOTSTREAM_STREAM_NAME"])
    assert kinesis["StreamDescriptionSummary"]["OpenShardCount"] == 2
    tables = client(stack, "timestream-write").list_tables(DatabaseName="iot_timestream_db")["Tables"]
    assert [table["TableName"] for table in tables] == ["iot_table"]
    buckets = {bucket["Name"] for bucket in client(stack, "s3").list_buckets()["Buckets"]}
    assert stack["IOTSTREAM_LAKE_URI"].split("/")[2] in buckets
    glue = client(stack, "glue").get_table(DatabaseName="iot_database", Name="iot_table")
    assert glue["Table"]["StorageDescriptor"]["Location"] == stack["IOTSTREAM_LAKE_URI"] + "/data/"
    client(stack, "dynamodb").list_tables()


def test_devices_publish_and_sql_answers(stack):
    done = iotstream(
        "simulate",
        "--devices",
        4,
        "--rate",
        10,
        "--duration",
        2,
        "--bad",
        0,
        "--packed",
        0,
        "--json",
        env=stack,
    )
    assert done.returncode == 0, done.stderr
    sent = json.loads(done.stdout)
    assert sent["complete"]
    deadline = time.monotonic() + 30
    sql = "SELECT count(*) AS n FROM iot_database.iot_table"
    while True:
        answer = iotstream("query", "--json", sql, env=stack)
        assert answer.returncode == 0, answer.stderr
        if json.loads(answer.stdout)["n"] == sent["published"]:
            break
        assert time.monotonic() < deadline, answer.stdout
        time.sleep(0.5)
    by_catalogue = {name: value for name, value in stack.items() if name != "IOTSTREAM_LAKE_URI"}
    by_catalogue |= {"IOTSTREAM_QUARANTINE_URI": ""}
    answer = iotstream("query", "--csv", "SELECT * FROM iot_database.iot_table LIMIT 3", env=by_catalogue)
    assert answer.returncode == 0, answer.stderr
    assert len(answer.stdout.splitlines()) == 4
    hour = 'SELECT * FROM "iot_timestream_db"."iot_table" WHERE time > ago(1h)'
    answer = iotstream("query", "--timestream", "--json", hour, env=stack)
    assert answer.returncode == 0, answer.stderr
    assert len(answer.stdout.splitlines()) == sent["published"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["SELECT * FROM nothing"], "nothing"),
        (["--timestream", "SELECT * FROM nothing"], "needs its database"),
        (["DROP TABLE iot_database.iot_table"], "one SELECT"),
    ],
)
def test_what_can_not_be_answered_is_one_line(stack, arguments, named):
    answer = iotstream("query", *arguments, env=stack)
    assert answer.returncode != 0
    assert named in answer.stderr
    assert "Traceback" not in answer.stderr


def test_without_sql_it_teaches():
    answer = iotstream("query")
    assert answer.returncode == 0
    assert "LIMIT 100" in answer.stdout
    assert "ago(1h)" in answer.stdout


def test_the_original_readers_commands(stack):
    """Those of `aws` that the stack can answer, by the same calls."""
    kinesis = client(stack, "kinesis").describe_stream(StreamName="kinesis-stream")
    assert kinesis["StreamDescription"]["StreamStatus"] == "ACTIVE"
    query = client(stack, "timestream-query")
    sql = 'SELECT * FROM "iot_timestream_db"."iot_table" LIMIT 10'
    assert {"device_id", "temperature", "time"} <= {
        one["Name"] for one in query.query(QueryString=sql)["ColumnInfo"]
    }


def test_without_a_consumer_the_stream_waits_for_ones_own(tmp_path):
    reading = {"timestamp": time.time(), "deviceId": "a", "temperature": 1, "humidity": 2}
    records = [{"PartitionKey": str(n), "Data": json.dumps(reading | {"temperature": n})} for n in range(50)]
    with local(tmp_path) as variables:
        environment = variables | {"IOTSTREAM_CONSUMER_PORT": "0", "IOTSTREAM_SPAN_MAX_AGE_S": "1"}
        answer = client(environment, "kinesis").put_records(StreamName="kinesis-stream", Records=records)
        assert answer["FailedRecordCount"] == 0
        consumer = subprocess.Popen(
            [sys.executable, "-m", "iotstream", "consume", "--source", "direct"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        sql = "SELECT count(*) AS n FROM iot_database.iot_table"
        deadline = time.monotonic() + 60
        while json.loads(iotstream("query", "--json", sql, env=environment).stdout)["n"] < 50:
            assert time.monotonic() < deadline
        consumer.send_signal(signal.SIGTERM)
        _, err = consumer.communicate(timeout=60)
        assert consumer.returncode == 0, err
        audited = iotstream("audit", "--deep", "--stream", "--json", env=environment)
        assert audited.returncode == 0, audited.stderr
        report = json.loads(audited.stdout)
        assert (report["proved"], report["totals"]["rows"]) == (True, 50)


def test_a_consumer_that_there_is_not(tmp_path):
    done = iotstream("local", "--env-file", tmp_path / "env", "--consumer", "kcl")
    assert done.returncode == 1
    assert "--consumer 'kcl': allowed is lambda or none" in done.stderr
