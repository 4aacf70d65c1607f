"""Manifests and gaps: JSON that comes back as it was, and names that are made of it."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotstream.manifest import (
    FORMAT,
    Cause,
    Gap,
    Manifest,
    WrittenLetters,
    WrittenObject,
    decode_gap,
    decode_manifest,
    encode,
)
from iotstream.position import Position

WHOSE = {
    "application": "iotstream",
    "stream": "kinesis-stream",
    "stream_arn": "arn:aws:kinesis:us-east-1:123456789012:stream/kinesis-stream",
    "stream_created_ms": 1_700_000_000_000,
    "shard_id": "shardId-000000000006",
}
MANIFEST = Manifest(
    **WHOSE,
    first="49545115243490985018280067714973144582180062593244200961",
    last="49545115243490985018280067714973144582180062593244200999.17",
    previous=None,
    read_after="TRIM_HORIZON",
    kinesis_records=12,
    records=30,
    items=31,
    rows=29,
    rejects={"not_json": 1, "missing": 1},
    arrival_ms=(1_700_000_000_100, 1_700_000_000_900),
    objects=(WrittenObject(key="data/x.parquet", rows=29, row_hash="00" * 8, size=1234),),
    dead_letters=(WrittenLetters(key="dt=2026-01-31/x.jsonl.gz", lines=2),),
    deferred=("timestream",),
    schema="0123456789abcdef",
    layout="dt/hour",
    epoch=3,
    intended_ms=1_700_000_001_000,
)
GAP = Gap(
    **WHOSE, after=None, until="LATEST", cause=Cause.EXPIRED, found_ms=1, detail="gone", intent=MANIFEST
)


@given(
    st.builds(
        Manifest,
        **dict.fromkeys(["stream_created_ms", "rows", "items"], st.integers(0, 2**63 - 1)),
        rejects=st.dictionaries(st.text(), st.integers(0, 2**53)),
        format=st.just(FORMAT),
    )
)
def test_a_manifest_comes_back_as_it_was(manifest):
    assert decode_manifest(encode(manifest)) == manifest


@pytest.mark.parametrize("gap", [GAP, msgspec.structs.replace(GAP, after="12.3", until="14", intent=None)])
def test_a_gap_comes_back_as_it_was(gap):
    assert decode_gap(encode(gap)) == gap


def test_positions_are_text_which_every_json_reader_keeps():
    facts = json.loads(encode(MANIFEST), parse_int=float)
    assert facts["first"] == MANIFEST.first
    assert facts["rejects"] == {"not_json": 1, "missing": 1}


def test_keys():
    prefix = "spans/kinesis-stream/shardId-000000000006/"
    assert MANIFEST.key == f"{prefix}{MANIFEST.first}-{MANIFEST.last}.json"
    assert GAP.key == f"{prefix}gap-start-LATEST.json"
    assert msgspec.structs.replace(GAP, after="12.3", until="14").key == f"{prefix}gap-12.3-14.json"
    assert MANIFEST.ends[0] == Position(int(MANIFEST.first))
    assert MANIFEST.ends[1].sub_sequence_number == 17


@pytest.mark.parametrize("decode", [decode_manifest, decode_gap])
@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b"\xff\xfe", b'"text"', encode(MANIFEST)[:-20]])
def test_what_is_none_is_a_value_error(decode, body):
    with pytest.raises(ValueError, match=r"^no (manifest|gap): "):
        decode(body)


def test_a_gap_is_no_manifest_and_a_manifest_no_gap():
    with pytest.raises(ValueError, match="no manifest"):
        decode_manifest(encode(GAP))
    with pytest.raises(ValueError, match="no gap"):
        decode_gap(encode(MANIFEST))


def test_a_later_format_is_refused_whatever_else_it_holds():
    for decode, one in ((decode_manifest, MANIFEST), (decode_gap, GAP)):
        for body in ({"format": FORMAT + 1}, msgspec.to_builtins(one) | {"format": FORMAT + 1}):
            with pytest.raises(ValueError, match=f"format {FORMAT + 1}: .* upgrade iotstream"):
                decode(json.dumps(body).encode())


@given(st.binary(max_size=40))
def test_any_bytes_are_a_value_error_or_a_manifest(body):
    with pytest.raises(ValueError):
        decode_manifest(body)
