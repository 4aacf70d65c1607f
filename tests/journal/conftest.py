import uuid

import pytest

from iotstream.journal.dynamodb import DynamoJournal
from iotstream.journal.dynamodb_table import Table, create_table
from iotstream.journal.memory import MemoryJournal
from iotstream.journal.sqlite import SqliteJournal
from iotstream.retry import Backoff


@pytest.fixture
def table(aws):
    """The name of a new table."""
    name = f"journal-{uuid.uuid4().hex}"
    create_table(aws, name)
    return name


@pytest.fixture
def dynamo(aws, table):
    """Opens a journal in the new table, as another process would."""
    opened = []

    def open_one(**settings):
        backoff = settings.pop("backoff", Backoff(base_s=0.01, deadline_s=5))
        environ = settings.pop("environ", aws)
        opened.append(DynamoJournal(Table(table, environ, backoff, **settings)))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


@pytest.fixture
def sqlite(tmp_path):
    """Opens a journal in a new file, as another process would."""
    opened = []

    def open_one(**settings):
        opened.append(SqliteJournal(tmp_path / "below" / "journal.db", **settings))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


@pytest.fixture
def memory():
    """Opens one journal in memory."""
    one = MemoryJournal()
    return lambda: one


@pytest.fixture(params=["memory", "sqlite", "dynamo"])
def opening(request):
    """Opens the same journal, empty at first, as often as it is called; of each kind."""
    return request.getfixturevalue(request.param)
