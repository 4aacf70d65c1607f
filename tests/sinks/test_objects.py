import itertools
import threading
import time

import obstore
import pytest
from hypothesis import given
from hypothesis import strategies as st
from obstore.exceptions import GenericError, PermissionDeniedError
from obstore.store import LocalStore, MemoryStore

from iotstream.errors import ConfigurationError, SinkUnavailable
from iotstream.retry import Backoff, suspend_aware_clock
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


def failing(monkeypatch, error, times, name="put"):
    """Let a function of obstore fail so many times; returns the list of tries."""
    tries, real = [], getattr(obstore, name)

    def function(*args, **kwargs):
        tries.append(args[1])
        if len(tries) <= times:
            raise error
        return real(*args, **kwargs)

    monkeypatch.setattr(objects.obstore, name, function)
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


def test_no_put_starts_too_late():
    inner, now = MemoryStore(), iter([10.0, 10.0, 10.1])
    opened = store(inner, clock=lambda: next(now))
    with pytest.raises(
        SinkUnavailable, match=r"memory:/+a could not be put: it is too late to start a write$"
    ):
        opened.put_new([Object("a", b"1")], not_after_s=9.9)
    assert keys(inner) == []


@pytest.mark.parametrize("count", [1, 3])
def test_no_put_is_tried_again_too_late(monkeypatch, count):
    tries = failing(monkeypatch, GenericError("503 Slow Down"), 1000)
    now = itertools.count()  # each look at the clock, a second later
    with pytest.raises(SinkUnavailable, match=r"too late to start a write; before: 503 Slow Down"):
        store(clock=lambda: next(now), backoff=Backoff(deadline_s=10_000)).put_new(
            [Object(str(number), b"1") for number in range(count)], not_after_s=20
        )
    assert count < len(tries) <= 20


def test_a_put_in_time_is_like_any_other():
    inner = MemoryStore()
    assert store(inner).put_new([Object("a", b"1")], not_after_s=suspend_aware_clock() + 60) == 0
    assert (
        store(inner).put_new([Object("a", b"2"), Object("b", b"2")], not_after_s=suspend_aware_clock() + 60)
        == 1
    )
    assert keys(inner) == ["a", "b"]


def test_the_clock_of_a_store_counts_suspended_time(monkeypatch):
    monkeypatch.setattr(time, "CLOCK_BOOTTIME", 7, raising=False)
    monkeypatch.setattr(time, "clock_gettime", lambda clock: {7: 123.0}[clock], raising=False)
    assert store().clock() == 123.0
    monkeypatch.delattr(time, "CLOCK_BOOTTIME")
    monkeypatch.setattr(time, "monotonic", lambda: 45.0)
    assert store().clock() == 45.0


def places(tmp_path):
    return {"memory": store(), "directory": open_store(f"file://{tmp_path}/lake", backoff=Backoff())}


@pytest.mark.parametrize("kind", ["memory", "directory"])
def test_what_was_put_can_be_read_and_found(tmp_path, kind):
    place = places(tmp_path)[kind]
    assert place.get("a/b") is None
    assert not place.exists("a/b")
    assert list(place.list()) == []
    place.put_new([Object("a/b", b"12"), Object("a/empty", b""), Object("a-b/c", b"1"), Object("z", b"123")])
    assert place.get("a/b") == b"12"
    assert place.get("a/empty") == b""
    assert place.get("a") is None
    assert place.exists("a/empty")
    assert not place.exists("a")
    assert list(place.list()) == [("a-b/c", 1), ("a/b", 2), ("a/empty", 0), ("z", 3)]
    assert list(place.list("a")) == list(place.list("a/")) == [("a/b", 2), ("a/empty", 0)]
    assert list(place.list("none")) == []


@given(
    st.dictionaries(st.from_regex(r"[ab0-]{1,2}(/[c-e]{1,2}){0,2}", fullmatch=True), st.binary(), max_size=30)
)
def test_a_listing_holds_each_key_once_in_order(wanted):
    place = store()
    place.put_new(Object(key, body) for key, body in wanted.items())
    assert list(place.list()) == sorted((key, len(body)) for key, body in wanted.items())


@pytest.mark.parametrize(
    ("function", "use", "words"),
    [
        ("get", lambda one: one.get("a"), "read"),
        ("head", lambda one: one.exists("a"), "looked for"),
        ("list", lambda one: list(one.list("a")), "listed"),
    ],
)
def test_reading_is_tried_again_up_to_the_deadline(monkeypatch, function, use, words):
    inner = MemoryStore()
    store(inner).put_new([Object("a", b"1"), Object("a/x", b"1")])
    right = use(store(inner))
    with monkeypatch.context() as patch:
        tries = failing(patch, GenericError("503"), 3, function)
        assert use(store(inner)) == right
        assert len(tries) >= 4
    with monkeypatch.context() as patch:
        tries = failing(patch, GenericError("503"), 1000, function)
        with pytest.raises(SinkUnavailable, match=rf"/a could not be {words} \(GenericError\): 503"):
            use(store(inner, backoff=Backoff(base_s=1, cap_s=1, deadline_s=10)))
        assert 10 < len(tries) < 100
    with monkeypatch.context() as patch:
        tries = failing(patch, PermissionDeniedError("AccessDenied"), 1000, function)
        with pytest.raises(SinkUnavailable, match="AccessDenied"):
            use(store(inner))
        assert len(tries) == 1
