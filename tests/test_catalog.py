import pyarrow as pa
import pytest

import iotstream
from iotstream.catalog import describe_table, register_table
from iotstream.errors import ConfigurationError, QueryError
from iotstream.lake import Lake
from iotstream.local.provision import client
from iotstream.pipeline import to_batch
from iotstream.retry import Backoff
from iotstream.sinks.objects import open_store
from iotstream.sinks.parquet import ParquetSink
from iotstream.testing import raw_batch

SCHEMA = iotstream.Schema.load()
EVERY_TYPE = iotstream.Schema.parse(
    """
name = "plant"
version = 1
[[field]]
name = "at"
source = "at"
type = "timestamp"
role = "time"
[[field]]
name = "device_id"
source = "id"
type = "string"
role = "dimension"
"""
    + "".join(
        f'[[field]]\nname = "a_{kind}"\nsource = "a_{kind}"\ntype = "{kind}"\nrole = "measure"\n'
        for kind in ("float64", "float32", "int64", "int32", "bool")
    )
)


@pytest.fixture(scope="module")
def glue(aws):
    return client(aws, "glue")


def put(glue, database, table_input):
    glue.create_database(DatabaseInput={"Name": database})
    glue.create_table(DatabaseName=database, TableInput=table_input)


def test_every_type_comes_back_as_it_went_in(glue):
    where = {"database": "every_type", "table": "t"}
    register_table(glue, EVERY_TYPE, lake="s3://bucket/prefix/", **where)
    found = describe_table(glue, **where)
    assert found.lake == "s3://bucket/prefix"
    assert found.columns.names == EVERY_TYPE.arrow.names
    assert found.columns.types == EVERY_TYPE.arrow.types
    assert found.columns.field("at").type == pa.timestamp("ms", "UTC")


def test_the_partitions_are_projected(glue):
    register_table(
        glue, SCHEMA, database="projected", table="t", lake="s3://bucket/prefix", first_day="2026-11-01"
    )
    table = glue.get_table(DatabaseName="projected", Name="t")["Table"]
    parameters = table["Parameters"]
    assert table["TableType"] == "EXTERNAL_TABLE"
    assert [key["Name"] for key in table["PartitionKeys"]] == ["dt", "hour"]
    assert table["StorageDescriptor"]["Location"] == "s3://bucket/prefix/data/"
    assert "parquet" in table["StorageDescriptor"]["SerdeInfo"]["SerializationLibrary"]
    assert parameters["classification"] == "parquet"
    assert parameters["projection.enabled"] == "true"
    assert parameters["projection.dt.range"].startswith("2026-11-01,NOW")
    assert parameters["projection.dt.format"] == "yyyy-MM-dd"
    assert parameters["projection.hour.range"] == "0,23"
    assert parameters["projection.hour.digits"] == "2"


def test_a_table_that_is_there_is_brought_up_to_date(glue):
    where = {"database": "updated", "table": "t"}
    register_table(glue, SCHEMA, lake="s3://bucket/run-1", **where)
    register_table(glue, EVERY_TYPE, lake="s3://bucket/run-2", **where)
    found = describe_table(glue, **where)
    assert found.lake == "s3://bucket/run-2"
    assert found.columns.names == EVERY_TYPE.arrow.names
    template = glue.get_table(DatabaseName="updated", Name="t")["Table"]["Parameters"]
    assert template["storage.location.template"] == "s3://bucket/run-2/data/dt=${dt}/hour=${hour}/"
    assert len(glue.get_tables(DatabaseName="updated")["TableList"]) == 1


def test_the_catalogue_leads_to_rows(aws, glue):
    client(aws, "s3").create_bucket(Bucket="catalogued")
    store = open_store("s3://catalogued/prefix", backoff=Backoff(), environ=aws)
    payload = b'{"timestamp":"2026-11-24T07:00:00Z","deviceId":"d","temperature":1,"humidity":2}'
    ParquetSink(store, SCHEMA).write(to_batch(iotstream.decode(raw_batch([payload]), SCHEMA)))
    where = {"database": "iot_database", "table": "iot_table"}
    register_table(glue, SCHEMA, lake="s3://catalogued/prefix", **where)
    found = describe_table(glue, **where)
    with Lake.open(found.lake, schema=found.columns, environ=aws) as lake:
        (row,) = lake.query('SELECT * FROM "iot_database"."iot_table"').to_pylist()
    assert (row["device_id"], row["temperature"], row["dt"], row["hour"]) == ("d", 1.0, "2026-11-24", "07")


def test_what_is_not_in_the_catalogue_is_named(glue):
    with pytest.raises(QueryError, match=r"nowhere\.t is not in the Glue catalogue"):
        describe_table(glue, database="nowhere", table="t")


def test_a_column_of_another_type_is_named(glue):
    columns = [{"Name": "tags", "Type": "map<string,string>"}]
    storage = {"Location": "s3://b/p/data/", "Columns": columns}
    put(glue, "foreign_types", {"Name": "t", "StorageDescriptor": storage})
    with pytest.raises(ConfigurationError, match=r"foreign_types\.t .*map<string,string>"):
        describe_table(glue, database="foreign_types", table="t")


def test_a_location_that_is_no_lakes_is_named(glue):
    storage = {"Location": "s3://b/elsewhere/", "Columns": []}
    put(glue, "elsewhere", {"Name": "t", "StorageDescriptor": storage})
    with pytest.raises(ConfigurationError, match=r"elsewhere\.t .*s3://b/elsewhere"):
        describe_table(glue, database="elsewhere", table="t")


@pytest.mark.parametrize(
    "table_input", [{"Name": "t", "TableType": "VIRTUAL_VIEW"}, {"Name": "t", "StorageDescriptor": {}}]
)
def test_a_view_is_no_lakes_table(glue, table_input):
    database = f"views_{len(table_input)}_{'TableType' in table_input}".lower()
    put(glue, database, table_input)
    with pytest.raises(ConfigurationError, match="location ''"):
        describe_table(glue, database=database, table="t")
