import threading
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import iotstream
from iotstream.errors import ConfigurationError, QueryError
from iotstream.lake import Lake
from iotstream.local.provision import client
from iotstream.pipeline import to_batch
from iotstream.retry import Backoff
from iotstream.sinks.objects import open_store
from iotstream.sinks.parquet import ParquetSink
from iotstream.testing import FIRST_SEQUENCE_NUMBER, raw_batch

SCHEMA = iotstream.Schema.load()


@pytest.fixture(params=["file", "s3"])
def place(request, tmp_path):
    """A lake's URI and the variables by which it is reached."""
    if request.param == "file":
        return f"file://{tmp_path}/lake", {}
    aws = request.getfixturevalue("aws")
    bucket = f"lake-{abs(hash(tmp_path))}"
    client(aws, "s3").create_bucket(Bucket=bucket)
    return f"s3://{bucket}/some/prefix", aws


def write(place, hours, first=FIRST_SEQUENCE_NUMBER):
    uri, environ = place
    payloads = [
        f'{{"timestamp":"2026-11-{24 + hour // 24:02}T{hour % 24:02}:00:00Z",'
        f'"deviceId":"d{hour}","temperature":{hour},"humidity":2}}'.encode()
        for hour in hours
    ]
    batch = to_batch(iotstream.decode(raw_batch(payloads, first=first), SCHEMA))
    ParquetSink(open_store(uri, backoff=Backoff(), environ=environ), SCHEMA).write(batch)


def test_sql_over_the_partitions(place):
    write(place, [7, 8, 8, 31])
    with Lake.open(place[0], environ=place[1]) as lake:
        table = lake.query("SELECT * FROM iot_database.iot_table ORDER BY timestamp, device_id LIMIT 100")
        assert table.column_names == ["timestamp", "device_id", "temperature", "humidity", "dt", "hour"]
        assert table["dt"].to_pylist() == ["2026-11-24"] * 3 + ["2026-11-25"]
        assert table["hour"].to_pylist() == ["07", "08", "08", "07"]
        counted = lake.query(
            "SELECT count(*) AS n FROM \"iot_database\".\"iot_table\" WHERE dt = '2026-11-24' AND hour = '08'"
        )
        assert counted.to_pylist() == [{"n": 2}]


@pytest.mark.parametrize(
    "condition",
    [
        "hour = '07'",
        "hour IN ('06', '07')",
        "hour < '08'",
        "dt = '2026-11-24' AND hour BETWEEN '00' AND '07'",
        "dt >= '2026-11-24' AND (hour = '07' OR hour = '06')",
    ],
)
def test_other_partitions_are_not_read(tmp_path, condition):
    place = (f"file://{tmp_path}/lake", {})
    write(place, [7, 8])
    (broken,) = (tmp_path / "lake/data/dt=2026-11-24/hour=08").iterdir()
    broken.write_bytes(b"not parquet")
    with Lake.open(place[0], schema=SCHEMA.arrow) as lake:
        pruned = f"SELECT device_id FROM iot_database.iot_table WHERE {condition}"
        assert lake.query(pruned).to_pylist() == [{"device_id": "d7"}]
        with pytest.raises(QueryError):
            lake.query("SELECT device_id FROM iot_database.iot_table")


@pytest.fixture
def far_from_utc(monkeypatch):
    """This machine's clock is five hours behind."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("far_from_utc")
def test_times_are_in_utc_wherever_the_analyst_sits(tmp_path):
    place = (f"file://{tmp_path}/lake", {})
    write(place, [7, 8, 31])
    with Lake.open(place[0]) as lake:
        later = (
            "SELECT device_id FROM iot_database.iot_table WHERE timestamp > TIMESTAMP '2026-11-24 07:30:00'"
        )
        assert sorted(lake.query(later)["device_id"].to_pylist()) == ["d31", "d8"]
        hours = lake.query('SELECT hour(timestamp) AS h, "hour" FROM iot_database.iot_table')
        assert all(row["h"] == int(row["hour"]) for row in hours.to_pylist())


def test_columns_that_came_later_are_null_before(tmp_path):
    uri = f"file://{tmp_path}/lake"
    write((uri, {}), [7])
    newest = tmp_path / "lake/data/dt=2026-11-25/hour=00/x.parquet"
    newest.parent.mkdir(parents=True)
    wider = pa.table({"device_id": ["new"], "pressure": [1.5]})
    pq.write_table(wider, newest)
    with Lake.open(uri) as lake:
        rows = lake.query("SELECT device_id, pressure FROM iot_database.iot_table ORDER BY dt").to_pylist()
    assert rows == [{"device_id": "d7", "pressure": None}, {"device_id": "new", "pressure": 1.5}]


def test_new_objects_are_seen(place):
    write(place, [7])
    with Lake.open(place[0], environ=place[1]) as lake:
        assert lake.query("SELECT * FROM iot_database.iot_table").num_rows == 1
        write(place, [7, 9], first=FIRST_SEQUENCE_NUMBER + 100)
        assert lake.query("SELECT * FROM iot_database.iot_table").num_rows == 3


def test_an_empty_lake(place):
    with Lake.open(place[0], environ=place[1], schema=SCHEMA.arrow) as lake:
        table = lake.query("SELECT * FROM iot_database.iot_table")
        assert (table.num_rows, table.num_columns) == (0, 6)
    with Lake.open(place[0], environ=place[1]) as lake, pytest.raises(QueryError, match="the lake is empty"):
        lake.query("SELECT 1")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "COPY (SELECT 1) TO '/tmp/stolen'",
        "INSERT INTO iot_database.iot_table VALUES (1)",
        "DROP VIEW iot_database.iot_table",
        "SET enable_external_access = true",
        "ATTACH '/tmp/x.db'",
        "SELECT 1; SELECT 2",
        "SELECT * FROM aws",
        "SELECT nothing FROM iot_database.iot_table",
        "",
    ],
)
def test_the_lake_is_only_read(tmp_path, sql):
    with Lake.open(f"file://{tmp_path}", schema=SCHEMA.arrow) as lake, pytest.raises(QueryError):
        lake.query(sql)


def test_a_uri_of_no_known_kind_is_refused():
    with pytest.raises(ConfigurationError, match="s3://bucket/prefix"):
        Lake.open("ftp://x")


@pytest.mark.parametrize(
    "uri", ["file://relative/lake", "file://", "s3://", "s3:///prefix", "/lake", "bucket/prefix", ""]
)
def test_a_uri_without_a_place_is_refused(uri, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="is no lake"):
        Lake.open(uri, environ={})


def test_a_directory_is_a_lake_by_its_path_too(tmp_path, monkeypatch):
    write((f"file://{tmp_path}/my lake", {}), [7])
    monkeypatch.chdir(tmp_path)
    for path in ("my lake", "./my lake/", str(tmp_path / "my lake")):
        with Lake.open(path, environ={}) as lake:
            monkeypatch.chdir("/")
            assert lake.query("SELECT hour FROM iot_database.iot_table").to_pylist() == [{"hour": "07"}]
            monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("prefix", ["a b#c?d", "/slashes//", "", "looks=like/a=partition"])
@pytest.mark.parametrize("kind", ["file", "s3"])
def test_prefixes_are_read_as_the_sink_wrote_them(kind, prefix, aws, tmp_path):
    if kind == "file":
        place = (f"file://{tmp_path}/{prefix}", {})
    else:
        bucket = f"prefixes-{abs(hash(prefix))}"
        client(aws, "s3").create_bucket(Bucket=bucket)
        place = (f"s3://{bucket}/{prefix}", aws)
    write(place, [7])
    with Lake.open(place[0], environ=place[1]) as lake:
        assert lake.query("SELECT dt, hour FROM iot_database.iot_table").to_pylist() == [
            {"dt": "2026-11-24", "hour": "07"}
        ]


def test_a_bucket_that_is_not_there_is_no_empty_lake(aws):
    with (
        Lake.open("s3://mistyped/prefix", environ=aws, schema=SCHEMA.arrow) as lake,
        pytest.raises(QueryError, match="no bucket 'mistyped'"),
    ):
        lake.query("SELECT * FROM iot_database.iot_table")


def test_an_endpoint_that_is_no_url_is_named():
    with pytest.raises(ConfigurationError, match="AWS_ENDPOINT_URL_S3 is 'localhost:9000'"):
        Lake.open("s3://bucket", environ={"AWS_ENDPOINT_URL_S3": "localhost:9000"})


def test_a_lake_that_cannot_be_read_says_so(tmp_path):
    (tmp_path / "data").write_text("a file where the partitions should be")
    with (
        Lake.open(f"file://{tmp_path}", schema=SCHEMA.arrow) as lake,
        pytest.raises(QueryError, match="can't be"),
    ):
        lake.query("SELECT 1")
    broken = tmp_path / "lake/data/dt=2026-11-24/hour=07/x.parquet"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"not parquet")
    with Lake.open(f"file://{tmp_path}/lake") as lake, pytest.raises(QueryError, match=r"x\.parquet"):
        lake.query("SELECT 1")


def test_a_closed_lake_answers_no_more(tmp_path):
    lake = Lake.open(f"file://{tmp_path}", schema=SCHEMA.arrow)
    lake.close()
    with pytest.raises(QueryError, match="closed"):
        lake.query("SELECT 1")


def test_threads_may_share_it(tmp_path):
    place = (f"file://{tmp_path}/lake", {})
    write(place, range(20))
    counts = []
    with Lake.open(place[0]) as lake:

        def count():
            counts.extend(lake.query("SELECT count(*) AS n FROM iot_database.iot_table")["n"].to_pylist())

        threads = [threading.Thread(target=count) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert counts == [20] * 8


def test_other_names_for_the_table(tmp_path):
    place = (f"file://{tmp_path}/lake", {})
    write(place, [7])
    with Lake.open(place[0], database="my-db", table='odd "name"') as lake:
        assert lake.query('SELECT * FROM "my-db"."odd ""name"""').num_rows == 1
