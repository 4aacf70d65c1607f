import boto3
import pytest
from botocore.config import Config

from iotstream.local.timestream.server import serve
from iotstream.local.timestream.service import Timestream

DATABASE, TABLE = "iot_timestream_db", "iot_table"


def client_of(address, name, **config):
    return boto3.client(
        name,
        endpoint_url=address,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"max_attempts": 0}, **config),
    )


@pytest.fixture
def connect():
    """A client of a service: connect(service), connect(service, "timestream-query")."""
    return lambda service, name="timestream-write", **config: client_of(service.address, name, **config)


@pytest.fixture
def service():
    found = Timestream()
    server = serve(found, 0)
    yield found
    server.shutdown()
    server.server_close()
    found.close()


@pytest.fixture
def write(service, connect):
    found = connect(service, endpoint_discovery_enabled=False)
    found.create_database(DatabaseName=DATABASE)
    retention = {"MemoryStoreRetentionPeriodInHours": 24, "MagneticStoreRetentionPeriodInDays": 365}
    found.create_table(DatabaseName=DATABASE, TableName=TABLE, RetentionProperties=retention)
    return found


@pytest.fixture
def ask(service, connect):
    """The rows of a query, as dicts of text; `ask.client` is the client."""
    found = connect(service, "timestream-query", endpoint_discovery_enabled=False)

    def run(sql, **settings):
        answer = found.query(QueryString=sql, **settings)
        names = [one["Name"] for one in answer["ColumnInfo"]]
        return [
            dict(zip(names, (one.get("ScalarValue") for one in row["Data"]), strict=True))
            for row in answer["Rows"]
        ]

    run.client = found
    return run
