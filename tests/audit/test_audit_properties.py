"""Random chains are right; with any one thing wrong they are not."""

import shutil
import tempfile
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from audit.lakes import ARN, CREATED_MS, FIRST, SHARDS, Lake, position, sink
from iotstream.audit import audit
from iotstream.audit.chains import Chain, SpanFacts, check
from iotstream.audit.deep import object_fault
from iotstream.audit.findings import NOTES
from iotstream.journal.base import ShardKey
from iotstream.manifest import Cause, Gap, Manifest, encode

KEY = ShardKey("iotstream", ARN, CREATED_MS, SHARDS[0])


# The others can't be told from right ones by the lake alone.
CHECKED = """application stream stream_arn stream_created_ms shard_id first last previous records items rows
rejects objects dead_letters schema""".split()  # noqa: SIM905


def manifest(first, last, previous, read_after):
    return Manifest(
        application="iotstream",
        stream="kinesis-stream",
        stream_arn=ARN,
        stream_created_ms=CREATED_MS,
        shard_id=SHARDS[0],
        first=position(first),
        last=position(last),
        previous=previous,
        read_after=read_after,
        kinesis_records=0,
        records=0,
        items=0,
        rows=0,
        rejects={},
        arrival_ms=None,
        objects=(),
        dead_letters=(),
        deferred=(),
        schema="",
        layout="",
        epoch=1,
        intended_ms=0,
    )


def gap(after, until):
    return Gap(
        application="iotstream",
        stream="kinesis-stream",
        stream_arn=ARN,
        stream_created_ms=CREATED_MS,
        shard_id=SHARDS[0],
        after=after,
        until=until,
        cause=Cause.RESUMED_BEYOND,
        found_ms=0,
        detail="",
    )


@st.composite
def chains(draw, min_spans=2, gaps=True):
    """Spans that follow each other, with gaps that are noted, and what was read twice."""
    at, last, manifests, noted = 0, None, [], []
    for _ in range(draw(st.integers(min_spans, 8))):
        after = last or "TRIM_HORIZON"
        if last and gaps and draw(st.integers(0, 4)) == 0:
            after = position(at + draw(st.integers(1, 5)))
            noted.append(gap(last, after))
            at += 6
        elif last and draw(st.integers(0, 3)) == 0:
            after = position(at - draw(st.integers(2, 9)))
        first = at + draw(st.integers(0, 3))
        end = first + draw(st.integers(0, 20))
        manifests.append(manifest(first, end, last, after))
        at, last = end + 1, position(end)
    return manifests, noted


def found(manifests, noted):
    chain = Chain(KEY, [SpanFacts.of(one) for one in manifests], list(noted))
    return [one for one in check(chain) if one.code not in NOTES], chain


@given(chains(), st.randoms())
def test_a_chain_is_right_in_whatever_order_it_is_listed(made, random):
    manifests, noted = made
    random.shuffle(manifests)
    findings, chain = found(manifests, noted)
    assert [one.code for one in findings] == ["gap"] * len(noted)
    if not noted:
        assert chain.proved == len(manifests)


@given(chains(gaps=False), st.data())
def test_a_span_that_is_gone_is_seen_at_its_successor(made, data):
    manifests, _ = made
    index = data.draw(st.integers(0, len(manifests) - 2))
    rest = manifests[:index] + manifests[index + 1 :]
    findings, chain = found(rest, [])
    assert [(one.code, one.key) for one in findings] == [("broken_chain", manifests[index + 1].key)]
    assert chain.proved == index


@given(chains(), st.data())
def test_a_gap_that_is_gone_is_a_hole(made, data):
    manifests, noted = made
    assume(noted)
    index = data.draw(st.integers(0, len(noted) - 1))
    findings, _ = found(manifests, noted[:index] + noted[index + 1 :])
    assert [one.code for one in findings if one.code != "gap"] == ["hole"]


@given(chains(gaps=False), st.data())
def test_a_span_that_reaches_into_another_overlaps(made, data):
    manifests, _ = made
    index = data.draw(st.integers(1, len(manifests) - 1))
    before, one = manifests[index - 1], manifests[index]
    first = data.draw(st.integers(before.ends[0][0], before.ends[1][0])) - FIRST
    moved = msgspec.structs.replace(one, first=position(first))
    findings, _ = found([*manifests[:index], moved, *manifests[index + 1 :]], [])
    assert "overlap" in [finding.code for finding in findings]


@given(chains(gaps=False), st.data())
def test_a_link_that_was_altered_is_seen(made, data):
    manifests, _ = made
    index = data.draw(st.integers(0, len(manifests) - 1))
    one = manifests[index]
    change = data.draw(
        st.one_of(
            st.integers(0, 300).map(lambda number: {"previous": position(number)}),
            st.just({"previous": None}),
            st.integers(1, 50).map(
                lambda more: {
                    "read_after": position((manifests[index - 1].ends[1][0] - FIRST if index else 0) + more)
                }
            ),
        )
    )
    assume(change.get("previous", "x") != one.previous)
    findings, chain = found(
        [*manifests[:index], msgspec.structs.replace(one, **change), *manifests[index + 1 :]], []
    )
    assert [(finding.code, finding.key) for finding in findings] == [
        ("hole" if "read_after" in change else "broken_chain", one.key)
    ]
    assert chain.proved == index


# Files


@pytest.fixture(scope="module")
def right(tmp_path_factory):
    lake = Lake(tmp_path_factory.mktemp("right"), hot=[sink(refuse={(1, 0)})])
    lake.write(SHARDS[0], spans=3, records=12).write(SHARDS[1], spans=2, records=15)
    assert lake.audit(deep=True).proved
    return lake


class Copy:
    """The lake in another directory, to be damaged."""

    def __init__(self, lake):
        self._directory = tempfile.TemporaryDirectory()
        self._lake = lake

    def __enter__(self):
        shutil.copytree(self._lake.directory, self._directory.name, dirs_exist_ok=True)
        copy = Lake(Path(self._directory.name), journal=self._lake.journal)
        self._files = sorted(path for path in copy.directory.rglob("*") if path.is_file())
        return copy, self._files

    def __exit__(self, *_):
        self._directory.cleanup()


@settings(max_examples=60)
@given(data=st.data())
def test_a_file_that_is_gone_or_exchanged_is_found(right, data):
    with Copy(right) as (lake, files):
        path = data.draw(st.sampled_from(files))
        what = data.draw(st.sampled_from(["gone", "copied", "moved", "cut", "exchanged"]))
        body = path.read_bytes()
        if what == "gone":
            path.unlink()
        elif what in {"copied", "moved"}:
            # A second schema or a note beside owner.json harms nobody.
            assume(path.suffix != ".toml" and path.name != "owner.json")
            (shutil.copy if what == "copied" else shutil.move)(path, path.with_name(f"z{path.name}"))
        elif what == "cut":
            assume(path.suffix != ".toml" and "timestream" not in path.name)
            path.write_bytes(body[: data.draw(st.integers(0, len(body.rstrip()) - 1))])
        else:
            others = [
                one
                for one in files
                if one.suffix == path.suffix and "timestream" not in one.name and one.read_bytes() != body
            ]
            assume(others and "timestream" not in path.name)
            other = data.draw(st.sampled_from(others))
            path.write_bytes(other.read_bytes())
            other.write_bytes(body)
        assert not lake.audit(deep=True).ok


@settings(max_examples=100)
@given(data=st.data())
def test_a_manifest_of_other_values_is_found(right, data):
    with Copy(right) as (lake, _):
        path = data.draw(st.sampled_from(lake.manifest_paths(data.draw(st.sampled_from(SHARDS)))))
        body = msgspec.json.decode(path.read_bytes())
        name = data.draw(st.sampled_from(CHECKED))
        value = body[name]
        if isinstance(value, int):
            body[name] = data.draw(st.integers(0, 2**40).filter(lambda other: other != value))
        elif isinstance(value, list):
            one = data.draw(st.sampled_from([one for one in value if not one.get("sink")] or value))
            field = data.draw(st.sampled_from(sorted(set(one) - {"sink"})))
            assume(not (one.get("sink") and field == "lines"))
            one[field] = one[field] + 1 if isinstance(one[field], int) else changed(data, one[field])
        elif isinstance(value, dict):
            reason = data.draw(st.sampled_from(sorted(value)))
            value[reason] += data.draw(st.sampled_from([-1, 1, 10]))
        else:
            body[name] = changed(data, value or "1")
        path.write_bytes(msgspec.json.encode(body))
        assert not lake.audit(deep=True).ok


def changed(data, text):
    """One digit or letter is another."""
    places = [index for index, letter in enumerate(text) if letter.isalnum()]
    at = data.draw(st.sampled_from(places))
    letters = "0123456789" if text[at].isdigit() else "abcdef"
    other = data.draw(st.sampled_from([one for one in letters if one != text[at]]))
    return text[:at] + other + text[at + 1 :]


@settings(max_examples=300)
@given(data=st.data())
def test_bytes_of_an_object_that_are_altered_are_found_or_change_no_row(right, data):
    """What no row hangs on (who wrote it, statistics) is not looked at."""
    (span, *_) = right.manifests()
    written = data.draw(st.sampled_from(span.objects))
    body = bytearray(right.path(written.key).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))
    assume(bytes(body) != right.path(written.key).read_bytes())
    fault = object_fault(bytes(body), written, span, right.schema)
    if fault is None:
        as_it_was = pq.read_table(right.path(written.key), partitioning=None)
        assert pq.ParquetFile(pa.BufferReader(bytes(body))).read().equals(as_it_was)


def test_the_lake_is_left_as_it_is(right):
    def state():
        return {
            path: (path.read_bytes(), path.stat().st_mtime_ns)
            for path in right.directory.rglob("*")
            if path.is_file()
        }

    before = state()
    audit(right.store, right.quarantine, journal=right.journal, deep=True)
    assert state() == before
    assert encode(right.manifests()[0]) in [body for body, _ in before.values()]
