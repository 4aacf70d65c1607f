"""What should be in the lake and the quarantine, against what is listed there. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from iotstream.audit.chains import Chain
from iotstream.audit.findings import Code, Finding
from iotstream.audit.names import ObjectName, data_object, letters_object, span_name
from iotstream.manifest import Manifest


class Expected(NamedTuple):
    """An object that a manifest names.

    Attributes:
        chain, span: whose; the index of the span in the chain.
        size: bytes; None: not known.
    """

    chain: Chain
    span: int
    size: int | None


class Stranger(NamedTuple):
    """A listed object that no manifest names.

    Attributes:
        key: its key.
        name: what the key says; None: it is named as no object of ours.
        in_quarantine: letters, else Parquet.
    """

    key: str
    name: ObjectName | None
    in_quarantine: bool


@dataclass
class Inventory:
    """Collects what manifests name, then takes the listings. Holds a key for each object.

    Attributes:
        abandoned: names of spans that were written in part, as a gap says.
        spans: names of spans that have a manifest.
        bytes: of the Parquet objects that are listed and named.
    """

    abandoned: set[str] = field(default_factory=set)
    spans: set[str] = field(default_factory=set)
    bytes: int = 0
    _objects: dict[str, Expected] = field(default_factory=dict)
    _letters: dict[str, Expected] = field(default_factory=dict)

    def expect(self, chain: Chain, index: int, manifest: Manifest) -> None:
        """Note what the manifest names."""
        self.spans.add(span_name(manifest))
        for one in manifest.objects or ():
            self._objects[one.key] = Expected(chain, index, one.size)
        for letters in manifest.dead_letters:
            self._letters[letters.key] = Expected(chain, index, None)

    def objects(self, listed: Iterable[tuple[str, int]]) -> Iterator[Finding | Stranger]:
        """What is wrong with the objects of `data/`, given their keys and sizes."""
        for key, size in listed:
            expected = self._objects.pop(key, None)
            if expected is None:
                name = data_object(key)
                if name is None or name.replay or name.span not in self.abandoned:
                    yield Stranger(key, name, in_quarantine=False)
                continue
            self.bytes += size
            if size != expected.size:
                expected.chain.mark(expected.span)
                message = f"{size} bytes, but {expected.size} in the manifest"
                yield expected.chain.finding(Code.OBJECT_ALTERED, key, message)

    def letters(self, listed: Iterable[tuple[str, int]]) -> Iterator[Stranger]:
        """The dead letters that no manifest names, given the keys and sizes of the quarantine.

        A sink's refusals need a span, not a manifest that names them: they may differ between two tries.
        """
        for key, _ in listed:
            if self._letters.pop(key, None) is not None:
                continue
            name = letters_object(key)
            if name is None or not (name.span in self.abandoned or (name.sink and name.span in self.spans)):
                yield Stranger(key, name, in_quarantine=True)

    def missing(self) -> Iterator[Finding]:
        """What was named, and listed nowhere."""
        for code, left in ((Code.OBJECT_MISSING, self._objects), (Code.LETTERS_MISSING, self._letters)):
            for key, expected in left.items():
                expected.chain.mark(expected.span)
                name = expected.chain.briefs[expected.span].name
                yield expected.chain.finding(code, key, f"the manifest of span {name} names it")
