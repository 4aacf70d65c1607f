"""The files of one shard's directory below `spans/`, read and sorted into chains."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from iotstream.audit import spans
from iotstream.audit.chains import Chain, SpanFacts
from iotstream.audit.context import Lake
from iotstream.audit.findings import Code, Finding
from iotstream.audit.names import Kind, SpanFile, span_file
from iotstream.journal.base import ShardKey
from iotstream.manifest import Gap, Manifest
from iotstream.sinks.objects import Store

Which = tuple[str, int, str]


@dataclass
class Directory:
    """What a directory of `spans/` holds.

    Attributes:
        manifests, gaps: by the shard that they name.
        backfilled: keys of the markers of backfills.
        replays: ids of replays.
        findings: files that are not what their names say.
    """

    manifests: dict[Which, list[Manifest]] = field(default_factory=dict)
    gaps: dict[Which, list[Gap]] = field(default_factory=dict)
    backfilled: set[str] = field(default_factory=set)
    replays: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)

    def chains(self, application: str) -> Iterator[Chain]:
        """The shards: a stream that was made anew has others, of the same names."""
        for which in sorted(self.manifests.keys() | self.gaps.keys()):
            found = [SpanFacts.of(manifest) for manifest in self.manifests.get(which, [])]
            yield Chain(ShardKey(application, *which), found, self.gaps.get(which, []))


def directories(store: Store) -> Iterator[list[SpanFile]]:
    """The files of each shard's directory."""
    files = (found for key, _ in store.list("spans") if (found := span_file(key)) is not None)
    # Keys come in their order.
    for _, group in itertools.groupby(files, key=lambda one: (one.stream, one.shard)):
        yield list(group)


def load(lake: Lake, files: Sequence[SpanFile], application: str) -> Directory:
    """Read a directory.

    Args:
        lake: where it is.
        files: of one directory.
        application: whose the lake is.

    Raises:
        SinkUnavailable: the store stayed down.
    """
    directory, there = Directory(), {one.key for one in files}
    directory.backfilled = {one.key for one in files if one.kind is Kind.BACKFILL}
    directory.replays = {
        one.name.removeprefix("replay/").removesuffix(".json") for one in files if one.kind is Kind.REPLAY
    }
    wanted = [one for one in files if one.kind in {Kind.MANIFEST, Kind.GAP}]
    for file, body in lake.ahead(lambda one: lake.store.get(one.key), wanted):
        if body is not None:
            _take(directory, file, body, application, there)
    return directory


def _take(directory: Directory, file: SpanFile, body: bytes, application: str, there: set[str]) -> None:
    def found(code: Code, message: str) -> None:
        directory.findings.append(Finding(code, file.stream, file.shard, file.key, message))

    try:
        one = spans.read_gap(body) if file.kind is Kind.GAP else spans.read_manifest(body)
    except ValueError as error:
        found(Code.MANIFEST_UNREADABLE, str(error))
        return
    if one.application != application:
        found(
            Code.MANIFEST_FOREIGN, f"it is of application {one.application!r}, the lake is of {application!r}"
        )
    if one.key != file.key:
        found(Code.MANIFEST_MISNAMED, f"by its content it is {one.key}")
        if one.key in there:
            return  # a copy: the original counts
    which = (one.stream_arn, one.stream_created_ms, one.shard_id)
    if isinstance(one, Gap):
        directory.gaps.setdefault(which, []).append(one)
    else:
        directory.manifests.setdefault(which, []).append(one)
