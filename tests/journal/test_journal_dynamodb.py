"""What is DynamoDB's own: lost answers, throttling, refusals, sizes, pages."""

import http.client
import random
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError
from journal_worker import KEY

from iotstream.errors import ClaimLost, ConfigurationError, JournalUnavailable
from iotstream.journal import open_journal
from iotstream.journal.dynamodb_item import COMPRESSED_ABOVE_BYTES, MAX_INTENT_BYTES, MAX_ITEM_BYTES
from iotstream.journal.dynamodb_table import create_table
from iotstream.local.provision import provision
from iotstream.local.stack import Names
from iotstream.position import Position
from iotstream.retry import Backoff
from iotstream.schema import Schema


def client(aws):
    return boto3.client(
        "dynamodb",
        endpoint_url=aws["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )


def item(aws, table):
    (found,) = client(aws).scan(TableName=table)["Items"]
    return found


def test_an_item_can_be_read_by_people(aws, table, dynamo):
    journal = dynamo()
    epoch = journal.claim(KEY, "host:17").epoch
    journal.intend(KEY, epoch, b'{"first": "6"}')
    found = item(aws, table)
    assert found.pop("updated_ms")["N"].isdigit()
    assert len(found.pop("claim")["S"]) == 32
    assert found == {
        "group": {"S": "app/arn:aws:kinesis:us-east-1:123456789012:stream/s/1700000000000"},
        "shard": {"S": "shardId-000"},
        "version": {"N": "2"},
        "epoch": {"N": "1"},
        "owner": {"S": "host:17"},
        "intent": {"S": '{"first": "6"}'},
    }
    journal.commit(KEY, epoch, Position(7, 3), 1_700_000_000_000)
    found = item(aws, table)
    assert "intent" not in found
    assert (found["committed"], found["complete_until_ms"]) == ({"S": "7.3"}, {"N": "1700000000000"})


def test_a_large_intent_is_compressed_and_one_that_is_too_large_refused(aws, table, dynamo):
    journal = dynamo()
    epoch = journal.claim(KEY, "w").epoch
    large = b"x" * (COMPRESSED_ABOVE_BYTES + 1)
    journal.intend(KEY, epoch, large)
    assert len(item(aws, table)["intent"]["B"]) < 100
    assert dynamo().read(KEY).intent == large
    journal.commit(KEY, epoch, Position(1))
    noise = random.Random(1).randbytes(MAX_ITEM_BYTES)  # does not compress
    with pytest.raises(ValueError, match=rf"{MAX_INTENT_BYTES} fit .*holds {MAX_ITEM_BYTES}"):
        journal.intend(KEY, epoch, noise)
    journal.intend(KEY, epoch, noise[: MAX_INTENT_BYTES - 1_000])
    # With the largest item that there can be, the shard can still be claimed and committed.
    claimed = dynamo().claim(KEY, "o" * 1_000)
    assert claimed.intent == noise[: MAX_INTENT_BYTES - 1_000]
    journal = dynamo()
    journal.commit(KEY, claimed.epoch, Position(10**55, 10**9), 10**13)
    assert journal.read(KEY).intent is None


def test_all_shards_are_found_over_many_pages(dynamo):
    journal = dynamo()
    noise = random.Random(1).randbytes(300_000)
    for number in range(8):  # a page holds 1 MB
        key = KEY._replace(shard_id=f"shardId-{number}")
        journal.intend(key, journal.claim(key, "w").epoch, noise)
    calls = []
    journal._table.client.meta.events.register("before-call.dynamodb.Query", lambda **_: calls.append(1))
    assert {shard: state.intent == noise for shard, state in journal.shards(KEY.group).items()} == {
        f"shardId-{number}": True for number in range(8)
    }
    assert len(calls) > 1


def test_a_write_is_one_call(dynamo):
    journal, calls = dynamo(), []
    journal._table.client.meta.events.register(
        "before-call.dynamodb", lambda model, **_: calls.append(model.name)
    )
    epoch = journal.claim(KEY, "w").epoch
    journal.intend(KEY, epoch, b"a")
    journal.commit(KEY, epoch, Position(1))
    journal.touch(KEY, epoch, 5)
    assert calls == ["GetItem"] + ["UpdateItem"] * 4


@contextmanager
def losing(aws, count):
    """A proxy that passes on every request, and closes without an answer to the first few writes."""
    target = urlsplit(aws["AWS_ENDPOINT_URL"])
    lost = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            connection = http.client.HTTPConnection(target.hostname, target.port, timeout=10)
            connection.request("POST", "/", body, dict(self.headers))
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
            self.close_connection = True
            if "UpdateItem" in self.headers["X-Amz-Target"] and len(lost) < count:
                lost.append(answer.status)
                return
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield aws | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}"}, lost
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(
    ("write", "fields"),
    [
        (lambda journal: journal.claim(KEY, "again"), {"epoch": 2, "owner": "again"}),
        (lambda journal: journal.intend(KEY, 1, b"span"), {"intent": b"span"}),
        (
            lambda journal: journal.commit(KEY, 1, Position(9), 5),
            {"committed": Position(9), "complete_until_ms": 5},
        ),
        (lambda journal: journal.touch(KEY, 1, 6), {"complete_until_ms": 6}),
    ],
    ids=["claim", "intend", "commit", "touch"],
)
def test_a_write_whose_answer_was_lost_is_done_once(aws, dynamo, write, fields, count):
    plain = dynamo()
    plain.claim(KEY, "first")
    before = plain.read(KEY)
    with losing(aws, count) as (through, lost):
        write(dynamo(environ=through))
    # The first was done; any further one found that its condition did not hold any more.
    assert lost == [200, 400][:count]
    after = plain.read(KEY)
    assert after == before._replace(**fields, updated_ms=after.updated_ms)


def test_a_claim_whose_answer_was_lost_and_that_was_overtaken_is_made_again(dynamo):
    one, other, calls = dynamo(), dynamo(), []

    def overtake(**_):
        calls.append(1)
        if len(calls) == 1:
            other.claim(KEY, "other")
            raise ConnectionClosedError(endpoint_url="lost")

    one._table.client.meta.events.register("after-call.dynamodb.UpdateItem", overtake)
    assert one.claim(KEY, "one")[:1] == (3,)
    with pytest.raises(ClaimLost):
        other.touch(KEY, 2, 1)


def answering(journal, status, code, times):
    """Let the service answer so, so many times, instead of doing anything; returns the list of tries."""
    tries = []

    def answer(request, **_):
        tries.append(request.headers["X-Amz-Target"])
        if len(tries) > times:
            return None
        body = b'{"__type":"com.amazonaws.dynamodb.v20120810#%s","message":"as told"}' % code.encode()
        return AWSResponse(request.url, status, {"Content-Type": "application/x-amz-json-1.0"}, Raw(body))

    journal._table.client.meta.events.register("before-send.dynamodb", answer)
    return tries


class Raw:
    def __init__(self, body):
        self.body = body

    def stream(self, *_, **__):
        yield self.body


TRANSIENT = [
    (400, "ProvisionedThroughputExceededException"),
    (400, "ThrottlingException"),
    (400, "RequestLimitExceeded"),
    (500, "InternalServerError"),
    (503, "ServiceUnavailable"),
]


@pytest.mark.parametrize(("status", "code"), TRANSIENT)
def test_a_table_that_is_throttled_or_down_is_tried_again(dynamo, status, code):
    waits = []
    journal = dynamo(sleep=waits.append)
    tries = answering(journal, status, code, 3)
    assert journal.claim(KEY, "w").epoch == 1
    assert len(tries) == 5
    assert len(waits) == 3


@pytest.mark.parametrize(("status", "code"), TRANSIENT)
def test_a_table_that_stays_down_is_unavailable_at_the_deadline(dynamo, status, code):
    journal = dynamo(backoff=Backoff(base_s=1, cap_s=1, deadline_s=10), sleep=lambda _: None)
    tries = answering(journal, status, code, 10_000)
    for use in (
        lambda: journal.claim(KEY, "w"),
        lambda: journal.read(KEY),
        lambda: journal.shards(KEY.group),
    ):
        tries.clear()
        with pytest.raises(JournalUnavailable, match=rf"dynamodb://journal-.*{code}.*as told"):
            use()
        assert 10 < len(tries) < 100


def test_the_deadline_counts_the_time_of_the_calls_too(dynamo):
    clock = iter(range(0, 100_000, 30))
    journal = dynamo(backoff=Backoff(deadline_s=60), sleep=lambda _: None, clock=lambda: next(clock))
    answering(journal, 503, "ServiceUnavailable", 10_000)
    with pytest.raises(JournalUnavailable):
        journal.read(KEY)
    assert next(clock) <= 150


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("ResourceNotFoundException", "make the table"),
        ("AccessDeniedException", "allow dynamodb:GetItem, dynamodb:UpdateItem and dynamodb:Query"),
        ("UnrecognizedClientException", "credentials are not valid"),
        ("SomethingElse", "as told"),
    ],
)
def test_what_trying_again_does_not_mend_is_told_at_once(dynamo, code, advice):
    journal = dynamo()
    tries = answering(journal, 400, code, 10_000)
    with pytest.raises(JournalUnavailable, match=advice):
        journal.claim(KEY, "w")
    assert len(tries) == 1


def test_a_table_that_is_not_there_or_is_another_is_told_at_once(aws):
    backoff = Backoff(deadline_s=3600)
    journal = open_journal("dynamodb://none", environ=aws, backoff=backoff)
    with pytest.raises(
        JournalUnavailable, match=r"dynamodb://none \(http://127.*make the table \(hash key `group`"
    ):
        journal.claim(KEY, "w")
    client(aws).create_table(
        TableName="of-others",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    with pytest.raises(JournalUnavailable, match=r"the table must have the hash key `group`"):
        open_journal("dynamodb://of-others", environ=aws, backoff=backoff).claim(KEY, "w")


def test_an_item_of_others_is_named(aws, table, dynamo):
    client(aws).put_item(TableName=table, Item={"group": {"S": KEY.group}, "shard": {"S": KEY.shard_id}})
    journal = dynamo()
    for use in (
        lambda: journal.claim(KEY, "w"),
        lambda: journal.read(KEY),
        lambda: journal.shards(KEY.group),
    ):
        with pytest.raises(
            JournalUnavailable, match="'shard': 'shardId-000'} is none of a journal: KeyError 'epoch'"
        ):
            use()


def test_a_server_that_is_not_there_is_tried_until_the_deadline(aws):
    nowhere = aws | {"AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:1"}
    journal = open_journal(
        "dynamodb://some-table", environ=nowhere, backoff=Backoff(base_s=0.05, deadline_s=0.5)
    )
    with pytest.raises(JournalUnavailable, match=r"get_item: Could not connect .*127\.0\.0\.1:1"):
        journal.claim(KEY, "w")


def test_without_credentials_it_is_told_at_once(aws, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    bare = {name: value for name, value in aws.items() if "ACCESS" not in name}
    journal = open_journal("dynamodb://some-table", environ=bare, backoff=Backoff(deadline_s=3600))
    with pytest.raises(JournalUnavailable, match="credentials"):
        journal.read(KEY)
    bare.pop("AWS_REGION")
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    with pytest.raises(ConfigurationError, match=r"Set AWS_REGION\."):
        open_journal("dynamodb://some-table", environ=bare)


def test_the_table_is_made_once_and_paid_by_request(aws, table):
    create_table(aws, table)
    made = client(aws).describe_table(TableName=table)["Table"]
    assert made["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert made["KeySchema"] == [
        {"AttributeName": "group", "KeyType": "HASH"},
        {"AttributeName": "shard", "KeyType": "RANGE"},
    ]


def test_the_local_stack_has_the_table(aws):
    names = Names()
    for _ in range(2):  # a stack that is started again finds what is there
        provision(aws, names, Schema.load())
    journal = open_journal(f"dynamodb://{names.journal}", environ=aws)
    assert journal.claim(KEY, "w").epoch == 1
    journal.close()
