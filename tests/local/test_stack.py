"""The local stack as one thing: what is in it, how it ends, what it says when something is wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import obstore
import psutil
import pytest
from obstore.store import MemoryStore

from iotstream.errors import LocalStackError
from iotstream.lake import Lake
from iotstream.local.mirror import Mirror
from iotstream.local.provision import client
from iotstream.local.stack import STOP_ORDER, Stack, StackOptions
from iotstream.settings import Settings

GOOD = {"deviceId": "device-1", "temperature": 21.5, "humidity": 40, "timestamp": "2026-03-01T12:00:00Z"}
ANY_TIME = Path(__file__).parent.parent / "data" / "any-time.toml"
QUICK = StackOptions(
    batch_window_s=0.0, shards=1, schema=ANY_TIME, magnetic_writes=True, magnetic_days=73_000
)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    with Stack.start(tmp_path_factory.mktemp("stack"), QUICK) as running:
        yield running


def put(stack, *items):
    records = [{"Data": json.dumps(item).encode(), "PartitionKey": "device-1"} for item in items]
    answer = client(stack.environment(), "kinesis").put_records(
        StreamName=stack.names.stream, Records=records
    )
    assert answer["FailedRecordCount"] == 0


def children(stack):
    """Every process of the stack, the programs' own children too."""
    tops = [psutil.Process(service.pid) for service in stack.services.values()]
    return tops + [child for top in tops for child in top.children(recursive=True)]


def gone(processes, timeout=10):
    return [one for one in psutil.wait_procs(processes, timeout=timeout)[1] if one.is_running()]


def test_everything_is_there_under_the_names_of_the_pipeline(stack):
    environment = stack.environment()
    described = client(environment, "kinesis").describe_stream_summary(StreamName="kinesis-stream")
    assert described["StreamDescriptionSummary"]["OpenShardCount"] == 1
    table = client(environment, "glue").get_table(DatabaseName="iot_database", Name="iot_table")["Table"]
    assert table["StorageDescriptor"]["Location"] == "s3://iot-lake/telemetry/data/"
    asked = client(environment, "timestream-query").query(
        QueryString='SELECT count(*) AS n FROM "iot_timestream_db"."iot_table"'
    )
    assert asked["ColumnInfo"][0]["Name"] == "n"
    buckets = {one["Name"] for one in client(environment, "s3").list_buckets()["Buckets"]}
    assert {"iot-lake", "iot-quarantine"} <= buckets
    assert client(environment, "secretsmanager").list_secrets()["SecretList"] == []


def test_its_variables_are_settings_that_the_handlers_take(stack):
    settings = Settings.load(stack.environment())
    assert settings.lake.uri == "s3://iot-lake/telemetry"
    assert settings.timestream.enabled
    assert Path(settings.mqtt.ca_file).is_file()


def test_everything_listens_on_loopback_only(stack):
    listening = [
        connection.laddr
        for process in children(stack)
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= len(STOP_ORDER)
    assert {address.ip for address in listening} == {"127.0.0.1"}


def test_a_record_in_the_stream_becomes_a_row_or_a_dead_letter(stack):
    put(stack, GOOD, {**GOOD, "temperature": "warm"})
    source = stack.services["event_source"]
    stopped = threading.Event()
    threading.Timer(20, stopped.set).start()
    while not (list(stack.directory.glob("lake/data/**/*.parquet")) or stopped.is_set()):
        stack.check()
        for mirror in stack.mirrors.values():
            mirror.poll()
    assert source.poll() is None
    with Lake.open(stack.names.lake, environ=stack.environment()) as lake:
        rows = lake.query("SELECT device_id, temperature FROM iot_database.iot_table").to_pylist()
    assert rows == [{"device_id": "device-1", "temperature": 21.5}]
    stack.mirrors["quarantine"].poll()
    assert len(list(stack.directory.glob("quarantine/**/*.jsonl.gz"))) == 1


def test_at_the_end_the_stream_is_emptied_the_lake_kept_and_no_process_left(tmp_path):
    stack = Stack.start(tmp_path, QUICK)
    processes = children(stack)
    put(stack, *[{**GOOD, "deviceId": f"device-{number}"} for number in range(200)])
    stack.stop()
    stack.stop()
    assert gone(processes) == []
    with Lake.open((tmp_path / "lake").as_uri()) as lake:
        (count,) = lake.query("SELECT count(*) AS n FROM iot_database.iot_table").to_pylist()
    assert count["n"] == 200
    assert {path.stem for path in (tmp_path / "logs").iterdir()} == set(STOP_ORDER)

    again = Stack.start(tmp_path, QUICK)
    with again, Lake.open(again.names.lake, environ=again.environment()) as lake:
        (count,) = lake.query("SELECT count(*) AS n FROM iot_database.iot_table").to_pylist()
    assert count["n"] == 200, "a stack that starts again has its lake"


def test_a_program_that_dies_is_named_with_its_log(tmp_path):
    stack = Stack.start(tmp_path, QUICK)
    processes = children(stack)
    try:
        stack.check()
        os.kill(stack.services["rules"].pid, signal.SIGKILL)
        stack.services["rules"]._process.wait(10)
        with pytest.raises(
            LocalStackError, match=r"rules ended by itself \(exit status -9\), see .*rules\.log"
        ):
            stack.wait(threading.Event(), every_s=0.01)
    finally:
        stack.stop()
    assert gone(processes) == []


def test_a_handler_that_keeps_failing_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("iotstream.local.stack.STUCK_S", 0.5)
    (tmp_path / "broken.py").write_text(
        "def handler(event, context):\n    raise RuntimeError('no such bucket')\n"
    )
    options = StackOptions(batch_window_s=0.0, task_root=tmp_path, handler="broken.handler")
    stack = Stack.start(tmp_path / "state", options)
    try:
        put(stack, GOOD)
        with pytest.raises(LocalStackError, match=r"handler fails again and again.*no such bucket"):
            stack.settle(60, published=1)
    finally:
        stack.stop(drain_s=0)


def test_a_program_that_does_not_start_ends_the_others(tmp_path, monkeypatch):
    started = []
    launch = Stack._launch

    def noted(self, name, build):
        service = launch(self, name, build)
        started.append(service.pid)
        return service

    monkeypatch.setattr(Stack, "_launch", noted)
    with pytest.raises(LocalStackError, match=r"iotstream\.local\.broker did not start"):
        Stack.start(tmp_path, StackOptions(backend="nonesuch"))
    assert len(started) == 3
    assert [pid for pid in started if psutil.pid_exists(pid)] == []


def test_programs_end_with_a_parent_that_is_killed(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from iotstream.local.stack import Stack\n"
        "stack = Stack.start(Path(sys.argv[1]))\n"
        "print(*[one.pid for one in stack.services.values()], flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as parent:
        tops = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
        processes = tops + [child for top in tops for child in top.children(recursive=True)]
        parent.kill()
    assert len(tops) == len(STOP_ORDER)
    # A call to a program that went first is tried again for a minute.
    assert gone(processes, timeout=90) == []


def test_a_mirror_copies_what_is_new_and_restores_it(tmp_path):
    store = MemoryStore()
    mirror = Mirror(store, tmp_path)
    assert mirror.poll() == []
    obstore.put(store, "data/a.parquet", b"one")
    assert mirror.poll() == [tmp_path / "data/a.parquet"]
    assert mirror.poll() == []
    obstore.put(store, "data/b.parquet", b"two")
    assert mirror.finish() == 2
    other = MemoryStore()
    assert Mirror(other, tmp_path).restore() == 2
    assert bytes(obstore.get(other, "data/b.parquet").bytes()) == b"two"


def test_a_mirror_that_lacks_bytes_is_refused(tmp_path):
    store = MemoryStore()
    mirror = Mirror(store, tmp_path)
    obstore.put(store, "data/a.parquet", b"one")
    mirror.poll()
    (tmp_path / "data/a.parquet").write_bytes(b"o")
    with pytest.raises(LocalStackError, match=r"data/a\.parquet in .* has 1 bytes, not 3"):
        mirror.finish()
    (tmp_path / "data/a.parquet").unlink()
    with pytest.raises(LocalStackError, match="is missing"):
        mirror.finish()
