"""Objects on an S3 server, over HTTP."""

import os
import signal
import subprocess
import sys
import threading

import boto3
import pytest

from iotstream.errors import SinkUnavailable
from iotstream.local.process import ServiceProcess
from iotstream.retry import Backoff
from iotstream.sinks.objects import KEYS_A_PAGE, Object, open_store


@pytest.fixture
def server():
    process = ServiceProcess("iotstream.local.aws")
    yield process
    process.stop()


def environ(server):
    return {
        "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{server.port}",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_REGION": "us-east-1",
    }


def client(server):
    return boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{server.port}",
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )


def opened(server, **backoff):
    return open_store("s3://lake/some/prefix", backoff=Backoff(**backoff), environ=environ(server))


def test_objects_are_put_once_below_the_prefix(server):
    s3 = client(server)
    s3.create_bucket(Bucket="lake")
    objects = [Object(f"data/{number}.parquet", b"x" * number) for number in range(1, 30)]
    assert opened(server).put_new(objects) == 0
    assert (
        opened(server).put_new([Object("data/7.parquet", b"other"), Object("data/30.parquet", b"new")]) == 1
    )
    listed = s3.list_objects_v2(Bucket="lake")["Contents"]
    assert {one["Key"]: one["Size"] for one in listed} == {
        f"some/prefix/data/{number}.parquet": number if number < 30 else 3 for number in range(1, 31)
    }
    assert s3.get_object(Bucket="lake", Key="some/prefix/data/7.parquet")["Body"].read() == b"x" * 7


def test_one_of_many_racing_writers_wins_and_all_succeed(server):
    client(server).create_bucket(Bucket="lake")
    there = []
    threads = [
        threading.Thread(target=lambda n=n: there.append(opened(server).put_new([Object("same", b"%d" % n)])))
        for n in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(there) == [0] + [1] * 15


def test_a_bucket_that_is_not_there_is_told_at_once(server):
    with pytest.raises(SinkUnavailable, match="NoSuchBucket"):
        opened(server, deadline_s=3600).put_new([Object("a", b"1")])


def test_a_server_that_is_down_is_tried_until_the_deadline(server):
    store = opened(server, base_s=0.05, cap_s=0.2, deadline_s=1.0)
    server.stop()
    with pytest.raises(SinkUnavailable, match=r"s3://lake/some/prefix/a could not be put"):
        store.put_new([Object("a", b"1")])


def test_a_writer_that_is_killed_leaves_nothing_half_written(server, tmp_path):
    client(server).create_bucket(Bucket="lake")
    code = (
        "import sys\n"
        "from iotstream.retry import Backoff\n"
        "from iotstream.sinks.objects import Object, open_store\n"
        "store = open_store('s3://lake/killed', backoff=Backoff())\n"
        "print('ready', flush=True)\n"
        "for n in range(100_000):\n"
        "    store.put_new([Object(f'{n}', b'x' * 300_000)])\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, env=os.environ | environ(server)
    ) as process:
        assert process.stdout.readline() == b"ready\n"
        while "Contents" not in client(server).list_objects_v2(Bucket="lake"):
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    sizes = {one["Size"] for one in client(server).list_objects_v2(Bucket="lake")["Contents"]}
    assert sizes == {300_000}


def test_objects_are_read_found_and_listed_over_many_pages(server):
    s3 = client(server)
    s3.create_bucket(Bucket="lake")
    s3.put_object(Bucket="lake", Key="some/prefix-of-others/x", Body=b"1")
    store = opened(server)
    assert store.get("data/7") is None
    assert not store.exists("data/7")
    assert list(store.list()) == []
    wanted = {f"data/{number}": number % 7 for number in range(2 * KEYS_A_PAGE + 5)}
    store.put_new(Object(key, b"x" * size) for key, size in wanted.items())
    store.put_new([Object("data-of-others", b"")])
    assert store.get("data/13") == b"x" * 6
    assert store.exists("data/13")
    assert not store.exists("data")
    assert list(store.list("data/")) == sorted(wanted.items())
    assert len(list(store.list())) == len(wanted) + 1


def test_a_bucket_that_is_not_there_is_no_empty_one(server):
    store = opened(server, deadline_s=3600)
    with pytest.raises(SinkUnavailable, match=r"prefix/a could not be read .*NoSuchBucket"):
        store.get("a")
    with pytest.raises(SinkUnavailable, match=r"prefix/a could not be listed .*NoSuchBucket"):
        list(store.list("a"))


def test_a_server_that_is_down_is_asked_until_the_deadline(server):
    store = opened(server, base_s=0.05, cap_s=0.2, deadline_s=0.5)
    server.stop()
    for use in (store.get, store.exists, lambda key: list(store.list(key))):
        with pytest.raises(SinkUnavailable, match=r"s3://lake/some/prefix/a could not be"):
            use("a")
