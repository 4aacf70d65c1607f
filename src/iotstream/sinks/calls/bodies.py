"""Bodies of calls: text made of many points at once, and slices of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Generic, Self, TypeVar


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """The text of some points.

    Attributes:
        text: the points, one after the other.
        bounds: where each begins in `text`, and where the last one ends.
        first: the index of the first point among all points.
    """

    text: memoryview
    bounds: memoryview
    first: int


C = TypeVar("C", bound=Chunk)


@dataclass(frozen=True, kw_only=True)
class Slice(Generic[C]):
    """The points `start` up to, not including, `stop` of a chunk: what one call sends."""

    chunk: C
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def first(self) -> int:
        """The index of the first point among all points."""
        return self.chunk.first + self.start

    def halves(self) -> tuple[Self, Self]:
        """Its first and its second half; there are two points at least."""
        middle = (self.start + self.stop) // 2
        return replace(self, stop=middle), replace(self, start=middle)
