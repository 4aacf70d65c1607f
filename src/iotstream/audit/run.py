"""`audit`: lists, reads and checks, by several threads, and changes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor

from iotstream.audit import chains, journaled, parents, rereading, spans
from iotstream.audit.chains import Chain, Link
from iotstream.audit.context import Lake, Progress
from iotstream.audit.findings import NOTES, Code, Finding
from iotstream.audit.inventory import Inventory, Stranger
from iotstream.audit.loading import Directory, directories, load
from iotstream.audit.names import Kind, ObjectName, span_file, span_name
from iotstream.audit.reading import read_objects
from iotstream.audit.report import Report, ShardReport, Totals
from iotstream.audit.stream import Comparison
from iotstream.journal.base import Journal, ShardKey, ShardState
from iotstream.manifest import position_of, shard_prefix
from iotstream.ownership import OWNER_KEY
from iotstream.position import Position
from iotstream.sinks.objects import Store
from iotstream.stream_reader import StreamDescription, StreamReader

READS_AT_ONCE = 8
COUNTED_EVERY = 1_000


def audit(
    store: Store,
    quarantine: Store,
    *,
    journal: Journal | None = None,
    reader: StreamReader | None = None,
    deep: bool = False,
    stream: bool = False,
    shards: Collection[str] = (),
    configured: Callable[[], ShardKey | None] = lambda: None,
    progress: Progress = lambda _what, _done: None,
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> Report:
    """Check a lake. Consumers may go on writing meanwhile.

    Memory: the manifests of one shard, the rows of one span (or of several that are small), one page of
    the stream, and a key for each object.

    Args:
        store: under the lake's prefix.
        quarantine: under the prefix of the dead letters.
        journal: of the spans; without it a span in progress can't be told from what was left over.
        reader: of the stream; without it shards' parents are not looked at.
        deep: read every object, and count and hash its rows again.
        stream: read again what the stream still keeps, and compare; needs a reader.
        shards: only these; all by default.
        configured: any shard of the stream that the lake is for, known or not. Asked for where there is a
            journal, but no manifest yet that says whose items to look for in it.
        progress: is told what is looked at, and how many of it so far.
        now_ms: ms since the epoch.

    Raises:
        SinkUnavailable: a store or the journal stayed down.
        StreamUnavailable: the stream can't be read.
        ValueError: `stream` without a reader.
    """
    if stream and reader is None:
        raise ValueError("stream=True needs a reader")
    with ThreadPoolExecutor(READS_AT_ONCE, thread_name_prefix="audit") as pool:
        lake = Lake(store, quarantine, pool, progress)
        run = _Run(
            lake,
            journal=journal,
            reader=reader,
            configured=configured,
            now_ms=now_ms,
            only=frozenset(shards),
        )
        run.shards(deep=deep, stream=stream)
        run.journal_only()
        run.inventory()
        run.parents(stream=stream)
    return run.report(deep=deep, stream=stream)


class _Run:
    """The steps, and what they found."""

    def __init__(
        self,
        lake: Lake,
        *,
        journal: Journal | None,
        reader: StreamReader | None,
        configured: Callable[[], ShardKey | None],
        now_ms: Callable[[], int],
        only: frozenset[str],
    ) -> None:
        self._lake = lake
        self._journal = journal
        self._reader = reader
        self._configured = configured
        self._now_ms = now_ms
        self._only = only
        self._application = lake.owner()
        self._chains: list[Chain] = []
        self._groups: dict[str, ShardKey] = {}
        self._streams: dict[str, StreamDescription] = {}
        self._compared: dict[ShardKey, Comparison] = {}
        self._inventory = Inventory()
        self._replays: set[str] = set()
        self._totals = Totals()
        self._oldest_intent_ms: int | None = None
        self._found: dict[tuple[str, ...], Finding] = {}

    def shards(self, *, deep: bool, stream: bool) -> None:
        """Each shard by itself: its manifests, and, if asked, its objects and its stream."""
        for files in directories(self._lake.store):
            if self._only and files[0].shard not in self._only:
                continue
            if self._application is None:
                self._application = self._first_application(files[0].key)
            directory = load(self._lake, files, self._application)
            self._replays |= directory.replays
            self._add(*directory.findings)
            for chain in directory.chains(self._application):
                self._shard(chain, directory, deep=deep, stream=stream)
                chain.forget()
                self._chains.append(chain)
                self._groups.setdefault(chain.key.group, chain.key)

    def journal_only(self) -> None:
        """Shards that the journal knows, and the lake does not."""
        if self._journal is None:
            return
        known = {chain.key for chain in self._chains}
        if not known and (configured := self._configured()) is not None:
            self._groups = {configured.group: configured}
        for group, some in self._groups.items():
            for shard_id, state in self._journal.shards(group).items():
                key = some._replace(shard_id=shard_id)
                if key not in known and self._is_wanted(shard_id):
                    self._add(*self._state(key, state, None))

    def inventory(self) -> None:
        """The objects and dead letters that are there, against those that should be."""
        store = self._lake.store
        if not self._chains and next(store.list("schemas"), None) is None:
            return  # written without a journal
        inventory = self._inventory
        listed = (one for one in self._lake.quarantine.list() if one[0].startswith("dt="))
        found = [
            *inventory.objects(self._counted("objects", store.list("data"))),
            *inventory.letters(self._counted("dead letters", listed)),
            *inventory.missing(),
        ]
        self._add(*(one for one in found if isinstance(one, Finding)))
        self._strangers([one for one in found if isinstance(one, Stranger)])
        self._totals.bytes = inventory.bytes

    def parents(self, *, stream: bool) -> None:
        """Shards that were split or merged."""
        reader = self._reader
        if reader is None:
            return
        for name in sorted({chain.key.stream for chain in self._chains}):
            of_stream = {
                chain.key.shard_id: chain
                for chain in self._chains
                if chain.key.stream == name and self._is_now(reader, chain.key)
            }
            listed = reader.shards(name)
            waited = parents.waited_for(listed, of_stream)
            rest = (
                {one: self._rest(reader, name, one, of_stream.get(one)) for one in waited} if stream else None
            )
            self._add(*parents.check(name, waited, rest, of_stream))
            if stream:
                others = {one.shard_id for one in listed} - of_stream.keys() - waited.keys()
                self._add(*self._not_begun(reader, name, sorted(filter(self._is_wanted, others))))

    def report(self, *, deep: bool, stream: bool) -> Report:
        """All of it."""
        self._add(*self._lake.findings)
        if not self._chains:
            self._add(
                Finding(Code.NO_SPANS, "", "", "", "there is no span in the lake, so nothing is proved")
            )
        found = list(self._found.values())
        return Report(
            findings=[one for one in found if one.code not in NOTES],
            notes=[one for one in found if one.code in NOTES],
            shards=[_shard_report(chain) for chain in self._chains],
            totals=self._totals,
            oldest_intent_ms=self._oldest_intent_ms,
            deep=deep,
            stream=stream,
        )

    # Parts of them

    def _first_application(self, key: str) -> str:
        """There is no word of the owner: the first manifest's is taken."""
        message = "it is not there, or does not say whose the lake is"
        self._add(Finding(Code.OWNER_MISSING, "", "", OWNER_KEY, message))
        try:
            return spans.read_manifest(self._lake.store.get(key) or b"").application
        except ValueError:
            return ""

    def _shard(self, chain: Chain, directory: Directory, *, deep: bool, stream: bool) -> None:
        self._add(*chains.check(chain))
        for index, span in enumerate(chain.spans):
            for code, message in spans.check(span.manifest):
                chain.mark(index)
                self._add(chain.finding(code, span.manifest.key, message))
            self._inventory.expect(chain, index, span.manifest)
            self._lake.schema(span.manifest.schema)
        self._inventory.abandoned |= {span_name(gap.intent) for gap in chain.gaps if gap.intent is not None}
        self._totals.count(span.manifest for span in chain.spans)
        self._lake.progress("spans", self._totals.spans)
        self._add(*_deferred(chain, directory.backfilled))
        if self._journal is not None:
            state = self._journal.read(chain.key)
            if state is None:
                self._add(chain.finding(Code.NOT_COMPARED, "", "the journal does not know this shard"))
            else:
                self._add(*self._state(chain.key, state, chain.end))
        if deep:
            self._add(*read_objects(self._lake, chain, self._read))
        if stream and self._reader is not None:
            self._reread(self._reader, chain)
        unproved = sum(link is Link.UNPROVED for link in chain.links)
        if unproved:
            message = (
                f"{unproved} of {len(chain.links)} spans do not say where the source read on from: not proved"
            )
            self._add(chain.finding(Code.UNPROVED, "", message))

    def _read(self, objects: int) -> None:
        self._totals.objects_read += objects
        self._lake.progress("objects read", self._totals.objects_read)

    def _reread(self, reader: StreamReader, chain: Chain) -> None:
        if not self._is_now(reader, chain.key):
            message = "there is another stream of that name now, so its records are not compared"
            self._add(chain.finding(Code.NOT_COMPARED, "", message))
            return
        result = rereading.reread(self._lake, reader, chain)
        self._compared[chain.key] = result
        self._totals.spans_compared += len(result.same) + len(result.differing)
        self._add(*rereading.judge(chain, result))

    def _is_now(self, reader: StreamReader, key: ShardKey) -> bool:
        if key.stream not in self._streams:
            self._streams[key.stream] = reader.describe(key.stream)
        stream = self._streams[key.stream]
        return (stream.arn, stream.created_ms) == (key.stream_arn, key.stream_created_ms)

    def _state(self, key: ShardKey, state: ShardState, end: Position | None) -> Iterator[Finding]:
        intent = journaled.intent_of(state)
        if intent is not None:
            self._oldest_intent_ms = min(self._oldest_intent_ms or intent.intended_ms, intent.intended_ms)
        yield from journaled.check_intent(key, state, self._now_ms())
        for finding in journaled.check_committed(key, state, end):
            # Spans may have been written since the manifests were listed.
            if finding.code is not Code.COMMITTED_WITHOUT_SPAN or self._newest(key, end) == end:
                yield finding

    def _newest(self, key: ShardKey, end: Position | None) -> Position | None:
        """Up to where manifests reach by now."""
        files = (span_file(one) for one, _ in self._lake.store.list(shard_prefix(key.stream, key.shard_id)))
        names = (one.name for one in files if one is not None and one.kind is Kind.MANIFEST)
        lasts = (position_of(name.removesuffix(".json").rpartition("-")[2]) for name in names)
        return max((one for one in (*lasts, end) if one is not None), default=None)

    def _strangers(self, strangers: list[Stranger]) -> None:
        if not strangers:
            return
        # In this order: what is committed between the two has its manifest.
        being_written = self._being_written()
        streams = {key.stream for key in self._groups.values()}
        for one in strangers:
            name = one.name
            if self._only and (name is None or name.shard not in self._only):
                continue
            if name is not None and (name.replay in self._replays or self._is_new(name, streams)):
                continue
            self._add(_judge(one, being_written))

    def _is_new(self, name: ObjectName, streams: set[str]) -> bool:
        """Whether its span was written since the manifests were listed."""
        return (
            not name.replay
            and name.span not in self._inventory.spans
            and any(
                self._lake.store.exists(f"{shard_prefix(stream, name.shard)}{name.range}.json")
                for stream in streams
            )
        )

    def _being_written(self) -> set[str]:
        """Names of the spans that the journal's workers write now."""
        if self._journal is None:
            return set()
        states = (state for group in self._groups for state in self._journal.shards(group).values())
        intents = (journaled.intent_of(state) for state in states)
        return {span_name(intent) for intent in intents if intent is not None}

    def _rest(self, reader: StreamReader, stream: str, shard: str, chain: Chain | None) -> Position | None:
        """The first record of a closed shard that the stream keeps and no span covers after the last."""
        if chain is None:
            return reader.oldest(stream, shard)
        compared = self._compared.get(chain.key)
        beyond = (
            [one.first for one in compared.uncovered if one.span == len(chain.briefs)] if compared else []
        )
        # It may have been finished, and its children begun, since its manifests were listed.
        return beyond[0] if beyond and self._newest(chain.key, chain.end) == chain.end else None

    @staticmethod
    def _not_begun(reader: StreamReader, stream: str, shards: list[str]) -> Iterator[Finding]:
        for shard in shards:
            oldest = reader.oldest(stream, shard)
            if oldest is not None:
                message = f"the stream keeps records of it, from {oldest} on, and the lake has none"
                yield Finding(Code.NOT_BEGUN, stream, shard, "", message)

    def _counted(self, what: str, listed: Iterator[tuple[str, int]]) -> Iterator[tuple[str, int]]:
        for count, one in enumerate(listed):
            if count % COUNTED_EVERY == 0:
                self._lake.progress(what, count)
            yield one

    def _is_wanted(self, shard_id: str) -> bool:
        return not self._only or shard_id in self._only

    def _add(self, *found: Finding) -> None:
        """Of two findings of one kind about one thing the first is enough."""
        for one in found:
            self._found.setdefault((one.code, one.stream, one.shard, one.key or one.message), one)


def _judge(stranger: Stranger, being_written: set[str]) -> Finding:
    key, name, in_quarantine = stranger
    code = Code.LETTERS_WITHOUT_SPAN if in_quarantine else Code.OBJECT_WITHOUT_SPAN
    if name is None:
        return Finding(code, "", "", key, "no consumer gives such a name")
    if name.replay:
        return Finding(code, "", name.shard, key, f"there is no replay {name.replay}")
    if name.span in being_written:
        return Finding(Code.IN_PROGRESS, "", name.shard, key, "its span is being written")
    return Finding(code, "", name.shard, key, "no manifest names it")


def _deferred(chain: Chain, backfilled: set[str]) -> Iterator[Finding]:
    manifests = [span.manifest for span in chain.spans]
    for sink in sorted({sink for one in manifests for sink in one.deferred}):
        left = [one for one in manifests if sink in one.deferred and one.backfill_key(sink) not in backfilled]
        if left:
            rows = sum(one.rows for one in left)
            message = f"{len(left)} spans with {rows} rows have not got to {sink} in full"
            yield chain.finding(Code.DEFERRED, "", message)


def _shard_report(chain: Chain) -> ShardReport:
    briefs, proved = chain.briefs, chain.proved
    until = briefs[proved - 1] if proved else None
    return ShardReport(
        stream=chain.key.stream,
        shard=chain.key.shard_id,
        spans=len(briefs),
        first=briefs[0].name.partition("-")[0] if briefs else None,
        last=briefs[-1].name.partition("-")[2] if briefs else None,
        proved_spans=proved,
        proved_until=until.name.partition("-")[2] if until else None,
        proved_until_ms=until.arrival_ms if until else None,
    )
