import json
import threading

import pytest

from iotstream.errors import ConfigurationError, SchemaError
from iotstream.ownership import claim_prefix, keep_schema, load_schema
from iotstream.retry import Backoff
from iotstream.schema import Schema
from iotstream.sinks.objects import Object, open_store


@pytest.fixture
def store(tmp_path):
    return open_store(f"file://{tmp_path}/lake", backoff=Backoff())


def test_the_first_who_claims_a_prefix_has_it(store):
    claim_prefix(store, application="plant", consumer="lambda")
    owner = json.loads(store.get("owner.json"))
    assert owner.pop("since").endswith("Z")
    assert owner == {"application": "plant", "consumer": "lambda"}
    before = store.get("owner.json")
    claim_prefix(store, application="plant", consumer="lambda")
    assert store.get("owner.json") == before


@pytest.mark.parametrize(
    ("application", "consumer", "words"),
    [
        ("plant", "consumer", "application 'plant' and `iotstream consume` would double"),
        ("other", "lambda", "application 'other' and the Lambda handler would double"),
    ],
)
def test_another_is_refused_and_told_what_to_do(store, application, consumer, words):
    claim_prefix(store, application="plant", consumer="lambda")
    with pytest.raises(ConfigurationError) as refused:
        claim_prefix(store, application=application, consumer=consumer)
    message = str(refused.value)
    assert message.startswith(f"the lake {store.uri} belongs to 'plant' and the Lambda handler since 20")
    assert words in message
    assert message.endswith("another prefix; or, when the other is stopped for good, remove owner.json there")


def test_another_prefix_is_another_lake(tmp_path):
    for name, consumer in (("a", "lambda"), ("b", "consumer")):
        lake = open_store(f"file://{tmp_path}/{name}", backoff=Backoff())
        claim_prefix(lake, application=f"app-{name}", consumer=consumer)


def test_of_many_that_claim_at_once_one_gets_it(tmp_path):
    outcomes = {}

    def claim(number):
        lake = open_store(f"file://{tmp_path}/lake", backoff=Backoff())
        try:
            claim_prefix(lake, application=f"app-{number}", consumer="consumer")
        except ConfigurationError as error:
            outcomes[number] = str(error)
        else:
            outcomes[number] = ""

    threads = [threading.Thread(target=claim, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = [number for number, message in outcomes.items() if not message]
    assert all(f"belongs to 'app-{winner}'" in message for message in outcomes.values() if message)
    assert len(outcomes) == 8


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"application": 1, "consumer": "lambda", "since": ""}', b"\xff"]
)
def test_a_note_that_is_none_is_refused_by_name(store, body):
    store.put_new([Object("owner.json", body)])
    with pytest.raises(ConfigurationError, match=r"lake/owner\.json is no owner's note: "):
        claim_prefix(store, application="plant", consumer="lambda")


def test_a_consumer_is_one_of_two(store):
    with pytest.raises(ValueError, match="consumer = 'kcl': lambda or consumer is expected"):
        claim_prefix(store, application="plant", consumer="kcl")


def test_a_schema_that_is_kept_can_be_loaded_again(store):
    schema = Schema.load()
    keep_schema(store, schema)
    keep_schema(store, schema)
    assert store.get(f"schemas/{schema.fingerprint}.toml") == schema.text.encode()
    loaded = load_schema(store, schema.fingerprint)
    assert loaded == schema
    assert loaded.fingerprint == schema.fingerprint


def test_a_schema_without_text_can_not_be_kept(store):
    schema = Schema.load()
    bare = Schema(name=schema.name, version=schema.version, fields=schema.fields)
    with pytest.raises(ValueError, match="has no text"):
        keep_schema(store, bare)


def test_a_schema_that_is_not_there_or_another_is_told_by_name(store):
    with pytest.raises(SchemaError, match=r"lake/schemas/0123456789abcdef\.toml is not there"):
        load_schema(store, "0123456789abcdef")
    store.put_new([Object("schemas/0123456789abcdef.toml", Schema.load().text.encode())])
    with pytest.raises(
        SchemaError, match=rf"has the fingerprint {Schema.load().fingerprint}: it was changed"
    ):
        load_schema(store, "0123456789abcdef")
    store.put_new([Object("schemas/broken.toml", b"name = ")])
    with pytest.raises(SchemaError, match=r"schemas/broken\.toml: "):
        load_schema(store, "broken")
