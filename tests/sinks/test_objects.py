import threading

import obstore
import pytest
from obstore.exceptions import GenericError, PermissionDeniedError
from obstore.store import LocalStore, MemoryStore

from iotstream.errors import ConfigurationError, SinkUnavailable
from iotstream.retry import Backoff
from iotstream.sinks import objects
from iotstream.sinks.objects import PUTS_AT_ONCE, Object, Store, open_store


def store(inner=None, **settings):
    return Store(uri="memory://", store=inner or MemoryStore(), sleep=lambda _: None, **settings)


def keys(inner):
    return sorted(meta["path"] for page in obstore.list(inner) for meta in page)


def test_objects_are_put_once_and_never_replaced():
    inner = MemoryStore()
    assert store(inner).put_new([Object("a", b"1"), Object("b", b"2")]) == 0
    assert store(inner).put_new([Object("a", b"other"), Object("c", b"3")]) == 1
    assert {key: bytes(obstore.get(inner, key).bytes()) for key in keys(inner)} == {
        "a": b"1",
        "b": b"2",
        "c": b"3",
    }


def failing(monkeypatch, error, times):
    """Let `put` fail so many times; returns the list of tries."""
    tries, real = [], obstore.put

    def put(*args, **kwargs):
        tries.append(args[1])
        if len(tries) <= times:
            raise error
        return real(*args, **kwargs)

    monkeypatch.setattr(objects.obstore, "put", put)
    return tries


def test_a_store_that_stumbles_is_tried_again(monkeypatch):
    tries = failing(monkeypatch, GenericError("503"), 3)
    assert store().put_new([Object("a", b"1")]) == 0
    assert len(tries) == 4


def test_a_store_that_stays_down_is_unavailable_at_the_deadline(monkeypatch):
    tries = failing(monkeypatch, GenericError("503 Slow Down"), 1000)
    with pytest.raises(SinkUnavailable, match=r"memory:/+a could not be put \(GenericError\): 503 Slow Down"):
        store(backoff=Backoff(base_s=1, cap_s=1, deadline_s=10)).put_new([Object("a", b"1")])
    assert 10 < len(tries) < 100


def test_what_trying_again_does_not_mend_is_told_at_once(monkeypatch):
    tries = failing(monkeypatch, PermissionDeniedError("AccessDenied"), 1000)
    with pytest.raises(SinkUnavailable, match="AccessDenied"):
        store().put_new([Object("a", b"1")])
    assert len(tries) == 1


def test_the_deadline_counts_the_time_of_the_tries_too(monkeypatch):
    failing(monkeypatch, GenericError("timeout"), 1000)
    clock = iter(range(0, 100_000, 30))
    with pytest.raises(SinkUnavailable):
        store(backoff=Backoff(deadline_s=60), clock=lambda: next(clock)).put_new([Object("a", b"1")])
    assert next(clock) <= 150


def test_bodies_are_made_only_as_room_in_flight_allows(monkeypatch):
    made, release = [], threading.Event()
    real = obstore.put
    monkeypatch.setattr(objects.obstore, "put", lambda *a, **k: (release.wait(10), real(*a, **k)))

    def bodies():
        for number in range(PUTS_AT_ONCE + 5):
            made.append(number)
            if number == PUTS_AT_ONCE:
                release.set()
            yield Object(str(number), b"x")

    inner = MemoryStore()
    store(inner).put_new(bodies())
    assert len(keys(inner)) == PUTS_AT_ONCE + 5


def test_a_failure_in_the_middle_ends_all_and_leaves_nothing_in_flight(monkeypatch):
    failing(monkeypatch, PermissionDeniedError("no"), 1)
    before = threading.active_count()
    with pytest.raises(SinkUnavailable):
        store().put_new([Object(str(number), b"x") for number in range(100)])
    assert threading.active_count() == before


@pytest.mark.parametrize("uri", ["ftp://x", "s3://", "/tmp/x", "file://x"])
def test_a_uri_of_no_known_kind_is_refused_by_name(uri):
    with pytest.raises(ConfigurationError, match="s3://bucket/prefix or file:///directory"):
        open_store(uri, backoff=Backoff())


def test_a_directory_is_a_store(tmp_path):
    opened = open_store(f"file://{tmp_path}/lake", backoff=Backoff())
    assert isinstance(opened.store, LocalStore)
    opened.put_new([Object("data/dt=2026-11-24/x.parquet", b"1")])
    assert (tmp_path / "lake/data/dt=2026-11-24/x.parquet").read_bytes() == b"1"
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["x.parquet"]
