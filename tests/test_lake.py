import boto3
import pytest

import iotstream
from iotstream.catalog import describe_table, register_table
from iotstream.errors import ConfigurationError, QueryError
from iotstream.lake import Lake
from iotstream.local.process import ServiceProcess
from iotstream.pipeline import to_batch
from iotstream.retry import Backoff
from iotstream.sinks.objects import open_store
from iotstream.sinks.parquet import ParquetSink
from iotstream.testing import FIRST_SEQUENCE_NUMBER, raw_batch

SCHEMA = iotstream.Schema.load()


@pytest.fixture(scope="module")
def aws():
    service = ServiceProcess("iotstream.local.aws")
    yield {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{service.port}",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_REGION": "us-east-1",
    }
    service.stop()


def client(aws, name):
    return boto3.client(
        name,
        endpoint_url=aws["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )


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


def test_other_partitions_are_not_read(tmp_path):
    place = (f"file://{tmp_path}/lake", {})
    write(place, [7, 8])
    (broken,) = (tmp_path / "lake/data/dt=2026-11-24/hour=08").iterdir()
    broken.write_bytes(b"not parquet")
    with Lake.open(place[0], schema=SCHEMA.arrow) as lake:
        assert lake.query("SELECT device_id FROM iot_database.iot_table WHERE hour = '07'").num_rows == 1
        with pytest.raises(QueryError):
            lake.query("SELECT device_id FROM iot_database.iot_table")


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


def test_the_catalogue_leads_to_the_lake(aws):
    glue = client(aws, "glue")
    where = {"database": "iot_database", "table": "iot_table"}
    with pytest.raises(QueryError, match=r"iot_database\.iot_table is not in the Glue catalogue"):
        describe_table(glue, **where)
    for _ in range(2):
        register_table(glue, SCHEMA, lake="s3://bucket/prefix", **where)
    found = describe_table(glue, **where)
    assert found.lake == "s3://bucket/prefix"
    assert found.columns.names == SCHEMA.arrow.names
    assert found.columns.types == SCHEMA.arrow.types
    register_table(glue, SCHEMA, lake="s3://bucket/run-2", **where)
    assert describe_table(glue, **where).lake == "s3://bucket/run-2"
    parameters = glue.get_table(DatabaseName="iot_database", Name="iot_table")["Table"]["Parameters"]
    assert parameters["storage.location.template"] == "s3://bucket/run-2/data/dt=${dt}/hour=${hour}/"


def test_a_table_of_somebody_else_is_refused(aws):
    glue = client(aws, "glue")
    glue.create_database(DatabaseInput={"Name": "other"})
    storage = {"Location": "s3://b/elsewhere/", "Columns": []}
    glue.create_table(DatabaseName="other", TableInput={"Name": "t", "StorageDescriptor": storage})
    with pytest.raises(ConfigurationError, match="no lake's data/"):
        describe_table(glue, database="other", table="t")
