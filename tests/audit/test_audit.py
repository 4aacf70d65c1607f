"""A lake that is right, and one thing that is wrong with it: exactly that is found."""

import gzip
import json
import re
import shutil
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audit.lakes import (
    CREATED_MS,
    FIRST,
    QUICK,
    SHARDS,
    START_MS,
    Lake,
    codes,
    payloads,
    position,
    sink,
)
from iotstream.audit import Code
from iotstream.audit.findings import NOTES, REMEDIES
from iotstream.errors import SinkUnavailable
from iotstream.journal.base import ShardKey
from iotstream.journal.memory import MemoryJournal
from iotstream.manifest import Cause, Gap, encode
from iotstream.shard_lake import ShardLake
from iotstream.sinks.objects import open_store
from iotstream.testing import raw_batch

HOUR_MS = 3_600_000


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path, hot=[sink(refuse={(1, 0)})]).write(SHARDS[0]).write(SHARDS[1], spans=2)


@pytest.fixture(params=[False, True], ids=["shallow", "deep"])
def how(request):
    return {"deep": request.param}


def notes(report):
    return sorted({str(one.code) for one in report.notes})


# A lake that is right


def test_a_lake_that_is_right_is_proved(lake, how):
    report = lake.audit(**how)
    assert report.findings == []
    assert report.notes == []
    assert report.ok
    assert report.proved
    manifests = [one for shard in SHARDS for one in lake.manifests(shard)]
    totals = report.totals
    assert (totals.shards, totals.spans, totals.records) == (2, 5, 100)
    assert totals.items == totals.rows + totals.rejects == sum(one.items for one in manifests)
    assert totals.objects == len(lake.files("data/*/*/*")) == 10
    assert totals.bytes == sum(path.stat().st_size for path in lake.files("data/*/*/*"))
    assert totals.objects_read == (10 if how["deep"] else 0)
    shard = report.shards[0]
    assert (shard.shard, shard.spans, shard.first, shard.last) == (SHARDS[0], 3, position(0), position(59))
    assert (shard.proved_spans, shard.proved_until) == (3, position(59))
    assert shard.proved_until_ms == START_MS + 59
    assert shard.to_dict()["proved_until_time"] == "2026-01-31T12:30:00.059Z"


def test_the_lake_of_the_test_has_everything_that_can_go_wrong(lake):
    """Else the tests below would prove nothing."""
    manifest = lake.manifests()[0]
    assert len(manifest.objects) == 2
    assert len(manifest.rejects) == 2
    assert {one.sink for one in manifest.dead_letters} == {"", "timestream"}


def test_the_report_as_json(lake):
    lake.manifest_paths()[1].unlink()
    facts = json.loads(json.dumps(lake.audit().to_dict()))
    assert set(facts) == {
        "ok", "proved", "deep", "stream", "findings", "notes", "shards", "totals", "oldest_intent_time",
    }  # fmt: skip
    assert (facts["ok"], facts["proved"]) == (False, False)
    assert {"code", "stream", "shard", "key", "message", "remedy"} == set(facts["findings"][0])
    assert facts["findings"][0]["code"] == "broken_chain"


def test_every_finding_says_what_to_do():
    assert set(REMEDIES) == set(Code)
    assert all(REMEDIES[code] for code in Code if code not in NOTES)


def test_the_page_names_every_code_in_its_table():
    page = (Path(__file__).parents[2] / "docs" / "audit.md").read_text()
    _, findings, rest = re.split("## Findings|## Notes", page)
    for text, codes_of_kind in ((findings, set(Code) - NOTES), (rest, NOTES)):
        cells = re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE)
        assert set(re.findall(r"`(\w+)`", " ".join(cells))) == {str(code) for code in codes_of_kind}


def test_spans_that_hold_no_row_and_spans_without_rejects(tmp_path):
    lake = Lake(tmp_path)
    writer = lake.writer(SHARDS[0])
    for number, payload in ((0, b"broken"), (1, payloads(1, 1)[0]), (2, b"")):
        writer.push(raw_batch([payload], arrival_ms=START_MS, first=FIRST + number, shard_id=SHARDS[0]), 0.0)
        writer.drain()
    report = lake.audit(deep=True)
    assert report.proved
    assert (report.totals.rows, report.totals.rejects, report.totals.objects) == (1, 2, 1)


def test_an_empty_lake_is_no_proof(tmp_path):
    report = Lake(tmp_path).audit()
    assert report.ok
    assert not report.proved
    assert notes(report) == ["no_spans"]


def test_a_lake_without_a_journal_can_not_be_proved(lake):
    shutil.rmtree(lake.path("spans"))
    shutil.rmtree(lake.path("schemas"))
    report = lake.audit(journal=None)
    assert report.ok
    assert not report.proved
    assert notes(report) == ["no_spans"]


def test_only_some_shards(lake):
    lake.manifest_paths(SHARDS[0])[1].unlink()
    report = lake.audit(shards=[SHARDS[1]])
    assert report.proved
    assert (report.totals.shards, report.totals.spans) == (1, 2)
    assert not lake.audit(shards=[SHARDS[0]]).ok


def test_a_stream_that_was_made_anew_has_a_chain_of_its_own(lake):
    writer = lake.writer(SHARDS[0], created_ms=CREATED_MS + 1)
    writer.push(raw_batch(payloads(0, 5), arrival_ms=START_MS, first=7, shard_id=SHARDS[0]), 0.0)
    writer.drain()
    report = lake.audit()
    assert report.proved
    assert [one.spans for one in report.shards] == [3, 1, 2]


def test_a_second_worker_goes_on(lake, how):
    lake.write(SHARDS[0], read_after=position(59), first=60)
    assert lake.audit(**how).proved


def test_reading_again_what_is_there_is_no_hole(lake):
    lake.write(SHARDS[0], read_after=position(19), first=60)
    assert lake.audit().proved


def test_a_lake_that_begins_at_the_newest_record(tmp_path):
    report = Lake(tmp_path).write(read_after="LATEST").audit()
    assert report.proved
    assert notes(report) == ["begins_late"]


def test_without_saying_where_it_read_on_nothing_is_proved(tmp_path):
    report = Lake(tmp_path).write(read_after=None).audit()
    assert report.ok
    assert not report.proved
    assert notes(report) == ["unproved"]
    assert (report.shards[0].proved_spans, report.shards[0].proved_until) == (0, None)


# The chain


def test_a_manifest_is_gone(lake, how):
    name = lake.manifests()[1].name
    lake.manifest_paths()[1].unlink()
    report = lake.audit(**how)
    assert codes(report) == ["broken_chain", "letters_without_span", "object_without_span"]
    assert all(name in one.key for one in report.findings if one.code != "broken_chain")
    broken = next(one for one in report.findings if one.code == "broken_chain")
    assert broken.key == lake.manifests()[1].key
    assert report.shards[0].proved_until == position(19)


def test_the_first_manifest_is_gone(lake):
    lake.manifest_paths()[0].unlink()
    report = lake.audit()
    assert "broken_chain" in codes(report)
    assert report.shards[0].proved_spans == 0


def test_the_last_manifest_is_gone(lake):
    lake.manifest_paths()[2].unlink()
    assert codes(lake.audit()) == ["committed_without_span", "letters_without_span", "object_without_span"]
    assert codes(lake.audit(journal=None)) == ["letters_without_span", "object_without_span"]


def test_a_shard_is_gone(lake):
    shutil.rmtree(lake.path(f"spans/kinesis-stream/{SHARDS[1]}"))
    report = lake.audit()
    assert codes(report) == ["committed_without_span", "letters_without_span", "object_without_span"]
    assert {one.shard for one in report.findings} == {SHARDS[1]}


def test_all_manifests_are_gone(lake):
    shutil.rmtree(lake.path("spans"))
    report = lake.audit()
    assert codes(report) == ["letters_without_span", "object_without_span"]
    assert not report.proved


def test_all_of_a_lake_is_gone_but_the_journal_of_its_stream_is_known(lake):
    shutil.rmtree(lake.path("spans"))
    shutil.rmtree(lake.path("data"))
    shutil.rmtree(lake.letters_path(""))
    assert lake.audit().ok
    report = lake.audit(configured=lambda: lake.key(""))
    assert codes(report) == ["committed_without_span"]
    assert {one.shard for one in report.findings} == set(SHARDS)


def test_previous_is_another(lake):
    lake.replace(1, previous=position(18))
    assert codes(lake.audit()) == ["broken_chain"]


def test_spans_overlap(lake):
    second = lake.manifests()[1]
    lake.path(second.key.replace(second.name, f"{position(15)}-{position(25)}")).write_bytes(
        encode(
            msgspec.structs.replace(
                second,
                first=position(15),
                last=position(25),
                previous=position(14),
                objects=(),
                dead_letters=(),
                rejects={},
                rows=0,
                items=0,
                records=0,
                kinesis_records=0,
            )
        )
    )
    report = lake.audit()
    assert codes(report) == ["overlap"]
    assert report.shards[0].proved_until == position(19)


def test_the_source_read_on_later(lake):
    lake.replace(1, read_after=position(22))
    report = lake.audit()
    assert codes(report) == ["hole"]
    assert position(22) in report.findings[0].message


@pytest.mark.parametrize("after", ["LATEST", "AT_TIMESTAMP"])
def test_the_source_began_anew_within_the_shard(lake, after):
    lake.replace(1, read_after=after)
    assert codes(lake.audit()) == ["hole"]


def test_the_first_span_was_read_from_within_the_shard(lake):
    lake.replace(0, read_after=position(-3))
    assert codes(lake.audit()) == ["hole"]


# Gaps


@pytest.mark.parametrize("after", [position(70), "LATEST", "AT_TIMESTAMP"])
def test_a_gap_that_was_noted(lake, after):
    lake.write(SHARDS[0], spans=1, read_after=after, first=80)
    assert len(lake.gaps()) == 1
    report = lake.audit()
    assert codes(report) == ["gap"]
    (finding,) = report.findings
    assert "resumed_beyond" in finding.message
    assert position(59) in finding.message
    assert report.shards[0].proved_until == position(59)


def test_a_gap_whose_manifest_is_gone_is_a_hole(lake):
    lake.write(SHARDS[0], spans=1, read_after=position(70), first=80)
    lake.files("spans/*/*/gap-*")[0].unlink()
    assert codes(lake.audit()) == ["hole"]


def test_a_span_that_was_written_in_part_and_given_up(lake):
    draft = intend(lake, age_ms=0)
    key = lake.key(SHARDS[0])
    ShardLake(lake.places, key, lake.journal.claim(key, "next"), lake.schema).abandon(draft)
    # One object of it is there, and accounted for by the gap; the shard goes on after it.
    lake.path(f"data/dt=2026-01-31/hour=12/{SHARDS[0]}-{draft.name}.parquet").write_bytes(b"partly")
    lake.letters_path(f"dt=2026-01-31/{SHARDS[0]}-{draft.name}.jsonl.gz").write_bytes(b"partly")
    lake.write(SHARDS[0], spans=1, read_after=position(79), first=80)
    report = lake.audit()
    assert codes(report) == ["gap"]
    assert "intent_expired" in report.findings[0].message
    lake.files("spans/*/*/gap-*")[0].unlink()
    assert codes(lake.audit()) == ["broken_chain", "letters_without_span", "object_without_span"]


def test_two_gaps_one_after_the_other(lake):
    lake.writer(SHARDS[0], read_after=position(70))
    lake.write(SHARDS[0], spans=1, read_after=position(90), first=100)
    report = lake.audit()
    assert codes(report) == ["gap"]
    assert len(report.findings) == 2


# Objects


def test_an_object_is_gone(lake, how):
    path = lake.files("data/*/*/*")[0]
    path.unlink()
    report = lake.audit(**how)
    assert codes(report) == ["object_missing"]
    assert report.findings[0].key == str(path.relative_to(lake.path("")))
    assert not report.proved


def test_an_object_was_copied_under_another_name(lake, how):
    path = lake.files("data/*/*/*")[0]
    for name in (path.name.replace("-", "-1", 3), "part-0.parquet", path.name + ".bak"):
        copy = path.with_name(name)
        shutil.copy(path, copy)
        assert codes(lake.audit(**how)) == ["object_without_span"]
        copy.unlink()


def test_an_object_was_copied_to_another_partition(lake, how):
    path = lake.files("data/*/*/*")[0]
    copy = path.parents[1] / "hour=23" / path.name
    copy.parent.mkdir()
    shutil.copy(path, copy)
    assert codes(lake.audit(**how)) == ["object_without_span"]
    path.unlink()
    assert codes(lake.audit(**how)) == ["object_missing", "object_without_span"]


def test_an_object_is_cut_short(lake, how):
    path = lake.files("data/*/*/*")[0]
    path.write_bytes(path.read_bytes()[:-1])
    report = lake.audit(**how)
    assert codes(report) == ["object_altered"]
    assert len(report.findings) == 1


def rewrite(path, change=lambda table: table, metadata=None):
    """The object with other rows, of the same size as before as far as the shallow audit can see."""
    file = pq.ParquetFile(path)
    table = change(file.read())
    known = {key: value for key, value in (file.metadata.metadata or {}).items() if key != b"ARROW:schema"}
    with pq.ParquetWriter(path, table.schema, compression="zstd") as writer:
        writer.write_table(table)
        writer.add_key_value_metadata(
            known | {key.encode(): value for key, value in (metadata or {}).items()}
        )


def with_size_of(lake, path):
    """The manifest names the size that the object has now: only its content tells."""
    key = str(path.relative_to(lake.path("")))
    for shard in SHARDS:
        for manifest_path, manifest in zip(lake.manifest_paths(shard), lake.manifests(shard), strict=True):
            objects = tuple(
                msgspec.structs.replace(one, size=path.stat().st_size) if one.key == key else one
                for one in manifest.objects
            )
            lake.alter(manifest_path, objects=objects)


def other_value(table):
    values = table["temperature"].to_pylist()
    return table.set_column(
        table.column_names.index("temperature"), "temperature", pa.array([values[0] + 1e-9, *values[1:]])
    )


@pytest.mark.parametrize(
    ("change", "metadata", "words"),
    [
        (other_value, {}, "row hash"),
        (lambda table: table.slice(1), {}, "rows, but"),
        (lambda table: pa.concat_tables([table, table.slice(0, 1)]), {}, "rows, but"),
        (lambda table: pa.concat_tables([table.slice(1), table.slice(1, 1)]), {}, "row hash"),
        (lambda table: table.rename_columns(["at", *table.column_names[1:]]), {}, "columns"),
        (
            lambda table: table,
            {"iotstream.last_sequence_number": "7"},
            "iotstream.last_sequence_number = '7'",
        ),
        (lambda table: table, {"iotstream.shard_id": SHARDS[1]}, "iotstream.shard_id"),
        (lambda table: table, {"iotstream.schema": "0"}, "iotstream.schema"),
    ],
    ids=["value", "row-lost", "row-doubled", "row-replaced", "column", "last", "shard", "schema"],
)
def test_an_object_was_altered(lake, change, metadata, words):
    path = lake.files(f"data/*/*/{SHARDS[0]}-*")[0]
    rewrite(path, change, metadata)
    with_size_of(lake, path)
    assert lake.audit().ok
    report = lake.audit(deep=True)
    assert codes(report) == ["object_altered"]
    assert words in report.findings[0].message


def test_an_object_written_anew_with_the_same_rows_is_fine(lake):
    path = lake.files("data/*/*/*")[0]
    rewrite(path, lambda table: table.take(pa.array(range(table.num_rows - 1, -1, -1))))
    with_size_of(lake, path)
    assert lake.audit(deep=True).proved


def test_rows_lie_in_another_partition(lake):
    path = lake.files("data/*/*/*")[0]
    key = str(path.relative_to(lake.path("")))
    moved = key.replace("hour=11", "hour=10")
    lake.path(moved).parent.mkdir()
    path.rename(lake.path(moved))
    manifest_path = next(
        found
        for shard in SHARDS
        for found in lake.manifest_paths(shard)
        if key.encode() in found.read_bytes()
    )
    manifest_path.write_bytes(manifest_path.read_bytes().replace(key.encode(), moved.encode()))
    assert lake.audit().ok
    report = lake.audit(deep=True)
    assert codes(report) == ["object_altered"]
    assert "hour=11" in report.findings[0].message


def test_two_objects_were_exchanged(lake):
    one, other = lake.files(f"data/*/hour=12/{SHARDS[0]}-*")[:2]
    body = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(body)
    with_size_of(lake, one)
    with_size_of(lake, other)
    report = lake.audit(deep=True)
    assert codes(report) == ["object_altered"]
    assert len(report.findings) == 2


@pytest.mark.parametrize("body", [b"", b"PAR1", b"x" * 1000], ids=["empty", "magic", "other"])
def test_an_object_is_no_parquet(lake, body):
    path = lake.files("data/*/*/*")[0]
    path.write_bytes(body)
    with_size_of(lake, path)
    report = lake.audit(deep=True)
    assert codes(report) == ["object_altered"]
    assert "can't be read" in report.findings[0].message


# Dead letters


def decoder_letters(lake):
    return next(path for path in lake.letters() if "timestream" not in path.name)


@pytest.mark.parametrize("which", ["decoder", "sink"])
def test_dead_letters_are_gone(lake, how, which):
    path = decoder_letters(lake) if which == "decoder" else lake.letters("dt=*/*.timestream.jsonl.gz")[0]
    path.unlink()
    report = lake.audit(**how)
    assert codes(report) == ["letters_missing"]
    assert report.findings[0].key == f"{path.parent.name}/{path.name}"


def test_dead_letters_of_no_span(lake, how):
    path = decoder_letters(lake)
    for name in ("other.jsonl.gz", path.name.replace("-4", "-3"), path.name.replace(".jsonl", ".x.txt")):
        copy = path.with_name(name)
        shutil.copy(path, copy)
        assert codes(lake.audit(**how)) == ["letters_without_span"]
        copy.unlink()
    copy = path.parents[1] / "dt=2026-02-01" / path.name
    copy.parent.mkdir()
    shutil.copy(path, copy)
    assert codes(lake.audit(**how)) == ["letters_without_span"]


def test_what_a_sink_refused_in_another_try_is_fine(lake, how):
    path = decoder_letters(lake)
    copy = path.with_name(path.name.replace(".jsonl", ".influxdb.jsonl"))
    shutil.copy(path, copy)
    assert lake.audit(**how).proved
    path = lake.letters("dt=*/*.timestream.jsonl.gz")[0]
    path.write_bytes(gzip.compress(b"{}\n" * 17, mtime=0))
    assert lake.audit(**how).proved


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda lines: lines[1:], "lines, but"),
        (lambda lines: [*lines, lines[0]], "lines, but"),
        (lambda lines: [line.replace(b"not_json", b"missing") for line in lines], "reasons"),
        (lambda lines: [line.replace(b"shardId-000000000000", b"s") for line in lines], "shard 's'"),
        (lambda lines: [b"no json"], "can't be read"),
        (lambda lines: [b"[1]"], "can't be read"),
    ],
    ids=["lost", "doubled", "reason", "shard", "text", "list"],
)
def test_dead_letters_were_altered(lake, change, words):
    path = decoder_letters(lake)
    lines = gzip.decompress(path.read_bytes()).splitlines()
    path.write_bytes(gzip.compress(b"\n".join(change(lines)) + b"\n", mtime=0))
    assert lake.audit().ok
    report = lake.audit(deep=True)
    assert codes(report) == ["letters_altered"]
    assert words in report.findings[0].message


@pytest.mark.parametrize("cut", [0, 5, 30])
def test_dead_letters_are_cut_short(lake, cut):
    path = decoder_letters(lake)
    path.write_bytes(path.read_bytes()[:cut])
    assert codes(lake.audit(deep=True)) == ["letters_altered"]


# Manifests


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"items": 99}, "items_unbalanced"),
        ({"records": 999}, "items_unbalanced"),
        ({"kinesis_records": 999}, "items_unbalanced"),
    ],
)
def test_a_manifest_does_not_add_up(lake, changes, code):
    lake.alter(lake.manifest_paths()[1], **changes)
    report = lake.audit()
    assert codes(report) == [code]
    assert report.shards[0].proved_spans == 1


def test_rows_are_not_those_of_the_objects(lake):
    manifest = lake.manifests()[1]
    lake.alter(lake.manifest_paths()[1], rows=manifest.rows + 1, items=manifest.items + 1)
    assert codes(lake.audit()) == ["rows_unbalanced"]


def test_rejects_are_not_those_of_the_letters(lake):
    manifest = lake.manifests()[1]
    rejects = manifest.rejects | {"empty": 1}
    lake.alter(lake.manifest_paths()[1], rejects=rejects, items=manifest.items + 1)
    assert codes(lake.audit()) == ["rejects_unbalanced"]


@pytest.mark.parametrize("change", [lambda body: b"", lambda body: body[:-9], lambda body: b"\xff"])
def test_a_manifest_can_not_be_read(lake, change):
    path = lake.manifest_paths()[1]
    path.write_bytes(change(path.read_bytes()))
    # Its name still accounts for the objects; what it says of the chain is gone.
    assert codes(lake.audit()) == ["broken_chain", "manifest_unreadable"]


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 2},
        {"objects": None},
        {"first": "x"},
        {"last": position(1)},
        {"previous": "x"},
    ],
)
def test_a_manifest_that_no_writer_writes(lake, changes):
    lake.alter(lake.manifest_paths()[1], **changes)
    assert "manifest_unreadable" in codes(lake.audit())


def test_a_gap_that_can_not_be_read(lake):
    lake.path(f"spans/kinesis-stream/{SHARDS[0]}/gap-1-2.json").write_bytes(b"{}")
    assert codes(lake.audit()) == ["manifest_unreadable"]


def test_a_manifest_of_another_application(lake):
    lake.alter(lake.manifest_paths()[1], application="other")
    report = lake.audit()
    assert codes(report) == ["manifest_foreign"]
    assert "'other'" in report.findings[0].message


def test_a_manifest_under_another_name(lake):
    path = lake.manifest_paths()[1]
    for name in (f"{position(1000)}-{position(1001)}.json", "x.json"):
        copy = path.with_name(name)
        shutil.copy(path, copy)
        assert codes(lake.audit()) == ["manifest_misnamed"]
        copy.unlink()
    path.rename(path.with_name("x.json"))
    assert codes(lake.audit()) == ["manifest_misnamed"]


def test_a_manifest_in_another_shard(lake):
    path = lake.manifest_paths()[1]
    shutil.copy(path, lake.path(f"spans/kinesis-stream/{SHARDS[1]}") / path.name)
    assert "manifest_misnamed" in codes(lake.audit())


def test_a_manifest_names_an_object_of_another_span(lake):
    path = lake.manifest_paths()[1]
    first, second = lake.manifests()[:2]
    objects = (first.objects[0], *second.objects[1:])
    lake.alter(path, objects=objects, rows=sum(one.rows for one in objects))
    assert "manifest_misnamed" in codes(lake.audit())


def test_a_schema_is_gone(lake, how):
    lake.files("schemas/*")[0].unlink()
    report = lake.audit(**how)
    assert codes(report) == ["schema_missing"]
    assert len(report.findings) == 1


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b'name = "x"'])
def test_a_schema_was_altered(lake, how, body):
    path = lake.files("schemas/*")[0]
    path.write_bytes(body)
    assert codes(lake.audit(**how)) == ["schema_altered"]


@pytest.mark.parametrize("body", [None, b"{}", b"x", b"[]"])
def test_nobody_owns_the_lake(lake, body):
    path = lake.path("owner.json")
    path.unlink() if body is None else path.write_bytes(body)
    assert codes(lake.audit()) == ["owner_missing"]


# The journal


def intend(lake, age_ms, **changes):
    """A worker that has begun a span, and written nothing of it, or all but the manifest."""
    key = lake.key(SHARDS[0])
    state = lake.journal.claim(key, "worker-7")
    draft = msgspec.structs.replace(
        lake.manifests()[-1],
        previous=position(59),
        first=position(60),
        last=position(79),
        intended_ms=1_000_000_000_000 - age_ms,
        **changes,
    )
    lake.journal.intend(key, state.epoch, encode(draft))
    return draft


def test_a_span_is_being_written(lake):
    draft = intend(lake, age_ms=1000)
    path = lake.path(f"data/dt=2026-01-31/hour=12/{SHARDS[0]}-{draft.name}.parquet")
    path.write_bytes(b"half")
    letters = lake.letters_path(f"dt=2026-01-31/{SHARDS[0]}-{draft.name}.jsonl.gz")
    letters.write_bytes(b"half")
    report = lake.audit(now_ms=lambda: 1_000_000_000_000)
    assert report.ok
    assert report.proved
    assert notes(report) == ["in_progress"]
    assert report.oldest_intent_ms == draft.intended_ms
    # Without the journal nobody can tell.
    assert codes(lake.audit(journal=None)) == ["letters_without_span", "object_without_span"]


def test_a_span_that_nobody_finishes(lake):
    intend(lake, age_ms=HOUR_MS + 60_000)
    report = lake.audit(now_ms=lambda: 1_000_000_000_000)
    assert codes(report) == ["intent_stale"]
    assert "61 minutes ago by worker-7" in report.findings[0].message


def test_a_manifest_beyond_what_is_committed_is_in_progress(lake):
    states = lake.journal._states
    key = lake.key(SHARDS[0])
    states[key] = states[key]._replace(committed=None)
    report = lake.audit()
    assert report.ok
    assert notes(report) == ["in_progress"]


def test_a_shard_that_only_the_journal_knows(lake):
    key = lake.key("shardId-000000000009")
    state = lake.journal.claim(key, "x")
    assert lake.audit().ok
    lake.journal.commit(key, state.epoch, lake.manifests()[0].ends[1])
    report = lake.audit()
    assert codes(report) == ["committed_without_span"]
    assert report.findings[0].shard == "shardId-000000000009"
    assert lake.audit(shards=SHARDS).ok


def test_another_journal(lake):
    report = lake.audit(journal=MemoryJournal())
    assert report.ok
    assert notes(report) == ["not_compared"]


def test_the_lake_grows_while_it_is_looked_at(lake):
    """Spans that are committed after the manifests were listed are no findings."""

    class Growing:
        def __init__(self):
            self.grown = 60

        def grow(self):
            lake.write(SHARDS[0], spans=1, read_after=position(self.grown - 1), first=self.grown)
            self.grown += 20

        def read(self, key: ShardKey):
            self.grow()
            return lake.journal.read(key)

        def shards(self, group):
            found = lake.journal.shards(group)
            self.grow()
            return found

    growing = Growing()
    report = lake.audit(journal=growing)
    assert growing.grown > 100
    assert report.findings == []
    assert lake.audit().proved


# Deferred sinks


def test_a_deferred_sink_is_noted_until_it_was_backfilled(tmp_path):
    lake = Lake(tmp_path, hot=[sink(down=1)]).write()
    manifest = lake.manifests()[0]
    assert manifest.deferred == ("timestream",)
    report = lake.audit()
    assert report.proved
    (note,) = [one for one in report.notes if one.code == "deferred"]
    deferred = [one for one in lake.manifests() if one.deferred]
    assert f"{len(deferred)} spans with {sum(one.rows for one in deferred)} rows" in note.message
    for one in deferred:
        path = lake.path(one.backfill_key("timestream"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"{}")
    assert lake.audit().notes == []


# Replays


def test_objects_of_a_replay_are_accounted_for_by_its_manifest(lake):
    path = lake.files(f"data/*/*/{SHARDS[0]}-*")[0]
    shutil.copy(path, path.with_name(path.name.replace(".parquet", ".r0a1b.parquet")))
    assert codes(lake.audit()) == ["object_without_span"]
    marker = lake.path(f"spans/kinesis-stream/{SHARDS[0]}/replay/0a1b.json")
    marker.parent.mkdir()
    marker.write_bytes(b"{}")
    assert lake.audit().ok


# Failures


def test_a_store_that_is_down_is_no_finding(lake):
    environ = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "x", "AWS_REGION": "us-east-1"}
    lake.store = open_store("s3://lake", backoff=QUICK, environ=environ)
    with pytest.raises(SinkUnavailable):
        lake.audit()


def test_stream_needs_a_reader(lake):
    with pytest.raises(ValueError, match="needs a reader"):
        lake.audit(stream=True)


def test_a_gap_of_another_cause_is_named(lake):
    whose = {key: getattr(lake.manifests()[0], key) for key in ("application", "stream", "stream_arn")}
    gap = Gap(
        **whose,
        stream_created_ms=CREATED_MS,
        shard_id=SHARDS[0],
        after=None,
        until=position(0),
        cause=Cause.EXPIRED,
        found_ms=1,
        detail="too late",
    )
    lake.path(gap.key).write_bytes(encode(gap))
    report = lake.audit()
    assert codes(report) == ["gap"]
    assert "too late" in report.findings[0].message
    assert report.shards[0].proved_spans == 0
