"""What an audit finds: `Code`, the closed list, and `Finding`, one that was found."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Code(StrEnum):
    """What is wrong, or, from `UNPROVED` on, worth knowing without being wrong. The codes are stable."""

    BROKEN_CHAIN = "broken_chain"
    OVERLAP = "overlap"
    HOLE = "hole"
    GAP = "gap"
    OBJECT_MISSING = "object_missing"
    OBJECT_WITHOUT_SPAN = "object_without_span"
    OBJECT_ALTERED = "object_altered"
    LETTERS_MISSING = "letters_missing"
    LETTERS_WITHOUT_SPAN = "letters_without_span"
    LETTERS_ALTERED = "letters_altered"
    ITEMS_UNBALANCED = "items_unbalanced"
    ROWS_UNBALANCED = "rows_unbalanced"
    REJECTS_UNBALANCED = "rejects_unbalanced"
    SCHEMA_MISSING = "schema_missing"
    SCHEMA_ALTERED = "schema_altered"
    MANIFEST_UNREADABLE = "manifest_unreadable"
    MANIFEST_FOREIGN = "manifest_foreign"
    MANIFEST_MISNAMED = "manifest_misnamed"
    OWNER_MISSING = "owner_missing"
    COMMITTED_WITHOUT_SPAN = "committed_without_span"
    INTENT_STALE = "intent_stale"
    PARENT_UNFINISHED = "parent_unfinished"
    STREAM_DIFFERS = "stream_differs"

    UNPROVED = "unproved"
    NO_SPANS = "no_spans"
    BEGINS_LATE = "begins_late"
    IN_PROGRESS = "in_progress"
    DEFERRED = "deferred"
    RECOVERABLE = "recoverable"
    NOT_RETAINED = "not_retained"
    NOT_COMPARED = "not_compared"
    PARENT_UNKNOWN = "parent_unknown"
    NOT_BEGUN = "not_begun"


NOTES = frozenset(list(Code)[list(Code).index(Code.UNPROVED) :])
"""Codes of what is not wrong."""

_UNBALANCED = "The manifest was altered, or written by a faulty version: restore it, or report it."
REMEDIES: dict[Code, str] = {
    Code.BROKEN_CHAIN: (
        "A manifest is missing. Restore it (bucket versioning, a backup), or read the range again into a run "
        "of its own while the stream keeps it."
    ),
    Code.OVERLAP: (
        "Rows may be double. Two writers without a common journal wrote here, or a manifest was copied: "
        "find out which of the two the journal committed, and move the other with its objects away."
    ),
    Code.HOLE: (
        "Records were skipped. While the stream keeps them, read them again into a run of its own "
        "(journal.run), and promote it."
    ),
    Code.GAP: (
        "Records were gone, or skipped, when they were to be read. What the stream still keeps can be read "
        "into a run of its own (journal.run); else they are lost: alarm on the consumer's lag."
    ),
    Code.OBJECT_MISSING: "Restore it (bucket versioning, a backup). Look for lifecycle rules on data/.",
    Code.OBJECT_WITHOUT_SPAN: (
        "Queries count its rows, and no span accounts for them: move it out of data/. If a consumer runs "
        "now, ask again with its journal: its span may be in progress."
    ),
    Code.OBJECT_ALTERED: "Restore the first version (bucket versioning, a backup); find out who wrote it.",
    Code.LETTERS_MISSING: "Restore it (bucket versioning, a backup). Look for lifecycle rules.",
    Code.LETTERS_WITHOUT_SPAN: (
        "Move it out of the quarantine. If a consumer runs now, ask again with its journal: its span may be "
        "in progress."
    ),
    Code.LETTERS_ALTERED: "Restore the first version (bucket versioning, a backup); find out who wrote it.",
    Code.ITEMS_UNBALANCED: _UNBALANCED,
    Code.ROWS_UNBALANCED: _UNBALANCED,
    Code.REJECTS_UNBALANCED: _UNBALANCED,
    Code.SCHEMA_MISSING: "Put the schema file there again, under its fingerprint (`iotstream schema show`).",
    Code.SCHEMA_ALTERED: "Put the schema file there again, under its fingerprint (`iotstream schema show`).",
    Code.MANIFEST_UNREADABLE: "Restore it (bucket versioning, a backup), or upgrade iotstream.",
    Code.MANIFEST_FOREIGN: "A lake belongs to one application: move the other's files out of it.",
    Code.MANIFEST_MISNAMED: "It was moved or copied: put it back under the name that it gives itself.",
    Code.OWNER_MISSING: (
        "Restore owner.json: without it another application may take the lake for its own. "
        "A consumer that starts writes it again."
    ),
    Code.COMMITTED_WITHOUT_SPAN: (
        "Manifests are missing, or this is not the journal's lake. Restore them (bucket versioning, a "
        "backup), or read the range again into a run of its own."
    ),
    Code.INTENT_STALE: "No worker has finished it: see whether a consumer runs and has this shard.",
    Code.PARENT_UNFINISHED: (
        "Its last records were never read, and its children have been. While the stream keeps them, read "
        "them again into a run of its own."
    ),
    Code.STREAM_DIFFERS: (
        "The lake does not hold what the stream holds. If iotstream was upgraded since, another version of "
        "the decoder may decide otherwise; else report it. Read the range again into a run of its own."
    ),
    Code.UNPROVED: "Ask with --stream, while the stream keeps the records.",
    Code.NO_SPANS: "A lake that is written without a journal (at least once) has none.",
    Code.BEGINS_LATE: "",
    Code.IN_PROGRESS: "",
    Code.DEFERRED: "iotstream backfill",
    Code.RECOVERABLE: "Read them again into a run of its own (journal.run), before they expire.",
    Code.NOT_RETAINED: "",
    Code.NOT_COMPARED: "",
    Code.PARENT_UNKNOWN: "Ask with --stream, while the stream keeps the records.",
    Code.NOT_BEGUN: "",
}


class Finding(NamedTuple):
    """One thing that is wrong, or a note.

    Attributes:
        code: which kind.
        stream, shard: where; empty where no shard is concerned.
        key: the object, relative to the lake's or the quarantine's prefix; empty if none.
        message: in words, with the values.
    """

    code: Code
    stream: str
    shard: str
    key: str
    message: str

    def to_dict(self) -> dict[str, str]:
        """For JSON: also what to do."""
        return {**self._asdict(), "code": str(self.code), "remedy": REMEDIES[self.code]}
