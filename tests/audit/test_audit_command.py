"""`iotstream audit` as a program: exit status, JSON, tables, settings."""

import json
import os
import shutil
import subprocess
import sys

import boto3
import pytest

import kinesis_stand
from audit.lakes import QUICK, SHARDS, Lake, position, sink
from iotstream.journal import open_journal
from iotstream.local.process import ServiceProcess
from iotstream.sinks.objects import open_store
from kinesis_stand import CREDENTIALS

RUN = "from iotstream.cli import main; main()"


def command(*arguments, **environment):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("IOTSTREAM_", "AWS_"))}
    return subprocess.run(
        [sys.executable, "-c", RUN, "audit", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=clean | {"TERM": "dumb"} | environment,
    )


def places(lake):
    return ["--lake", f"file://{lake.directory}/lake", "--quarantine", f"file://{lake.directory}/quarantine"]


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path, hot=[sink(refuse={(1, 0)})]).write(SHARDS[0]).write(SHARDS[1], spans=2)


def test_right(lake):
    done = command(*places(lake), "--deep")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith("proved by --deep")
    assert "objects read: 10" in done.stdout
    assert f"{position(59)}" in done.stdout
    assert "2026-01-31T12:30:00.059Z" in done.stdout


def test_not_right(lake):
    path = lake.files("data/*/*/*")[0]
    path.unlink()
    done = command(*places(lake))
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "not right: 1 findings"
    row = next(line for line in done.stdout.splitlines() if line.startswith("object_missing"))
    assert path.name in row
    assert "object_missing: Restore it" in done.stdout


def test_not_proved(tmp_path):
    lake = Lake(tmp_path).write(read_after=None)
    done = command(*places(lake))
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "nothing is wrong, but not all is proved: see the notes"
    assert "unproved" in done.stdout


def test_json(lake):
    facts = json.loads(command(*places(lake), "--json").stdout)
    assert (facts["ok"], facts["proved"], facts["findings"]) == (True, True, [])
    assert facts["totals"]["spans"] == 5
    lake.manifest_paths()[1].unlink()
    done = command(*places(lake), "--json")
    assert done.returncode == 1
    assert "broken_chain" in {one["code"] for one in json.loads(done.stdout)["findings"]}
    done = command(*places(lake), "--json", "--shard", SHARDS[1])
    assert done.returncode == 0
    assert [one["shard"] for one in json.loads(done.stdout)["shards"]] == [SHARDS[1]]


def test_settings_and_a_run_of_its_own(lake, tmp_path):
    shutil.move(tmp_path / "lake", tmp_path / "outer" / "runs" / "again")
    shutil.move(tmp_path / "quarantine", tmp_path / "letters" / "runs" / "again")
    environment = {
        "IOTSTREAM_LAKE_URI": f"file://{tmp_path}/outer",
        "IOTSTREAM_QUARANTINE_URI": f"file://{tmp_path}/letters",
    }
    for arguments, more in ((["--run", "again"], {}), ([], {"IOTSTREAM_JOURNAL_RUN": "again"})):
        done = command("--json", *arguments, **environment, **more)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["totals"]["spans"] == 5


def test_with_a_journal(tmp_path):
    uri = f"sqlite://{tmp_path}/journal.db"
    journal = open_journal(uri)
    lake = Lake(tmp_path, journal=journal).write()
    assert command(*places(lake), IOTSTREAM_JOURNAL_URI=uri).returncode == 0
    for path in lake.files(f"data/*/*/*{lake.manifests()[-1].name}*"):
        path.unlink()
    for path in lake.letters(f"*/*{lake.manifests()[-1].name}*"):
        path.unlink()
    lake.manifest_paths()[-1].unlink()
    # All of the last span is gone: only the journal knows of it.
    assert command(*places(lake)).returncode == 0
    done = command(*places(lake), "--json", IOTSTREAM_JOURNAL_URI=uri)
    assert done.returncode == 1
    assert {one["code"] for one in json.loads(done.stdout)["findings"]} == {"committed_without_span"}
    journal.close()


def test_with_the_stream(tmp_path):
    from audit.test_audit_stream import World

    stand = kinesis_stand.Stand()
    try:
        world = World(tmp_path, stand).write()
        environment = CREDENTIALS | {"AWS_ENDPOINT_URL_KINESIS": stand.endpoint}
        done = command(*places(world.lake), "--stream", "--deep", "--json", **environment)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["totals"]["spans_compared"] == 3
    finally:
        stand.close()


def test_on_s3(lake):
    server = ServiceProcess("iotstream.local.aws")
    environment = CREDENTIALS | {"AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{server.port}"}
    try:
        client = boto3.client(
            "s3",
            endpoint_url=environment["AWS_ENDPOINT_URL_S3"],
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        client.create_bucket(Bucket="lake")
        for directory, prefix in (("lake", "iot"), ("quarantine", "iot/quarantine")):
            store = open_store(f"s3://lake/{prefix}", backoff=QUICK, environ=environment)
            from iotstream.sinks.objects import Object

            store.put_new(
                Object(str(path.relative_to(lake.directory / directory)), path.read_bytes())
                for path in sorted((lake.directory / directory).rglob("*"))
                if path.is_file()
            )
        # The quarantine lies in the lake's prefix, where it is by default.
        done = command("--lake", "s3://lake/iot", "--deep", "--json", **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        facts = json.loads(done.stdout)
        assert (facts["proved"], facts["totals"]["objects_read"]) == (True, 10)
        missing = command("--lake", "s3://nowhere/iot", **environment)
        assert missing.returncode == 1
        assert missing.stderr.startswith("iotstream: ")
        assert "nowhere" in missing.stderr
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "lake.uri is not set"),
        (["--lake", "file:///no/such/lake"], "there is no lake at file:///no/such/lake"),
        (["--lake", "lake"], "lake"),
    ],
)
def test_there_is_no_lake(arguments, words):
    done = command(*arguments)
    assert done.returncode == 1
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
