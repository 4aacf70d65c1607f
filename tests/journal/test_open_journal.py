import subprocess
import sys

import pytest

from iotstream.errors import ConfigurationError, MissingDependencyError
from iotstream.journal import open_journal
from iotstream.journal.base import ShardKey
from iotstream.journal.dynamodb import DynamoJournal
from iotstream.journal.memory import MemoryJournal
from iotstream.journal.sqlite import SqliteJournal

KEY = ShardKey("app", "arn:aws:kinesis:us-east-1:123456789012:stream/s", 1, "shardId-000")


def test_each_kind_is_opened_by_its_uri(tmp_path):
    assert isinstance(open_journal("memory:"), MemoryJournal)
    file = open_journal(f"sqlite://{tmp_path}/a/b/journal.db")
    assert isinstance(file, SqliteJournal)
    file.claim(KEY, "w")
    file.close()
    assert (tmp_path / "a/b/journal.db").is_file()
    table = open_journal("dynamodb://iotstream-journal", environ={"AWS_REGION": "eu-central-1"})
    assert isinstance(table, DynamoJournal)
    assert table._table.client.meta.endpoint_url == "https://dynamodb.eu-central-1.amazonaws.com"


def test_a_journal_in_memory_is_new_each_time():
    open_journal("memory:").claim(KEY, "w")
    assert open_journal("memory:").read(KEY) is None


@pytest.mark.parametrize(
    ("environ", "endpoint"),
    [
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "http://127.0.0.1:1"),
        (
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:2"},
            "http://127.0.0.1:2",
        ),
    ],
)
def test_endpoint_region_and_keys_are_the_given_ones(environ, endpoint):
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_SESSION_TOKEN": "c"}
    client = open_journal(
        "dynamodb://table", environ={"AWS_DEFAULT_REGION": "eu-west-1", **keys, **environ}
    )._table.client
    assert (client.meta.endpoint_url, client.meta.region_name) == (endpoint, "eu-west-1")
    credentials = client._request_signer._credentials.get_frozen_credentials()
    assert tuple(credentials)[:3] == ("a", "b", "c")


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "memory",
        "memory://",
        "sqlite://relative",
        "sqlite:///directory/",
        "dynamodb://",
        "dynamodb://a/b",
        "s3://x",
    ],
)
def test_a_uri_of_no_known_kind_is_refused_by_name(uri):
    with pytest.raises(
        ConfigurationError, match=r"is no journal: dynamodb://table, sqlite:///path/of/file .*memory:"
    ):
        open_journal(uri)


def test_only_dynamodb_needs_boto3(monkeypatch, tmp_path):
    code = (
        "import sys\n"
        "from iotstream.journal import open_journal\n"
        f"open_journal('memory:'); open_journal('sqlite://{tmp_path}/x.db')\n"
        "print(sorted({'boto3', 'botocore'} & set(sys.modules)))\n"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"
    monkeypatch.setitem(sys.modules, "boto3", None)
    monkeypatch.setitem(sys.modules, "boto3.session", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'iotstream\[aws\]'"):
        open_journal("dynamodb://table")
