"""Stacks to a flame graph: an SVG whose size is bounded, since what is hardly seen is left out."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from figures.svg import document, text

WIDTH, ROW = 1200.0, 17.0
LEAST_SHARE = 0.003
"""A frame that takes less than this of all is not drawn."""
LETTER = 6.3
"""Pixels of a letter, about."""
STYLE = "text { font-size: 11px; } .frame { stroke-width: 0.5; } .frame text, text.in { fill: #16160f; }"


@dataclass
class Frame:
    """A function, as called from the one below.

    Attributes:
        samples: in which it, or what it called, was at work.
        called: by name.
    """

    samples: int = 0
    called: dict[str, Frame] = field(default_factory=dict)

    def add(self, stack: Iterable[str], samples: int) -> None:
        """Count samples of a stack, the outermost function first."""
        frame = self
        frame.samples += samples
        for name in stack:
            frame = frame.called.setdefault(name, Frame())
            frame.samples += samples


def read(lines: Iterable[str], keep: Callable[[Sequence[str]], Sequence[str]]) -> Frame:
    """Collapsed stacks, `outer;inner;… samples` a line.

    Args:
        lines: as py-spy and perf's scripts write them.
        keep: the part of a stack that counts; empty: none of it.
    """
    root = Frame()
    for line in lines:
        stack, _, count = line.rpartition(" ")
        kept = keep([_name(one) for one in stack.split(";")])
        if kept:
            root.add(kept, int(count))
    return root


def draw(title: str, root: Frame) -> str:
    """The SVG: the outermost function at the bottom, as wide as its share of the samples."""
    depth = _depth(root, root.samples)
    height = (depth + 1) * ROW + 34
    body = [text(8, 20, f"{title}: {root.samples:,} samples", bold=True)]
    body += _drawn(root, 0.0, height - ROW - 6, root.samples)
    return document(title, WIDTH, height, body, STYLE)


def shares(root: Frame, parts: Mapping[str, str]) -> dict[str, float]:
    """The share of the samples that belongs to each part.

    Args:
        root: of all samples.
        parts: a label, and a pattern of `caller;function`; a sample belongs to the innermost that matches.
    """
    patterns = [(label, re.compile(pattern)) for label, pattern in parts.items()]
    found = dict.fromkeys(parts, 0)
    _count("", root, patterns, found, None)
    return {label: count / max(root.samples, 1) for label, count in found.items()}


def _count(
    name: str,
    frame: Frame,
    patterns: Sequence[tuple[str, re.Pattern[str]]],
    found: dict[str, int],
    label: str | None,
) -> None:
    """Add the samples in which a frame itself was at work; then those of what it called."""
    if label is not None:
        found[label] += frame.samples - sum(called.samples for called in frame.called.values())
    for other, called in frame.called.items():
        own = next((one for one, pattern in patterns if pattern.search(f"{name};{other}")), label)
        _count(other, called, patterns, found, own)


def _name(frame: str) -> str:
    """Without the line, so that a function is one frame; addresses without a symbol are their library's."""
    name = re.sub(r":\d+\)$", ")", frame)
    return re.sub(r"^0x[0-9a-f]+ ", "", name)


def _depth(frame: Frame, whole: int) -> int:
    seen = [one for one in frame.called.values() if one.samples >= whole * LEAST_SHARE]
    return 1 + max((_depth(one, whole) for one in seen), default=0)


def _drawn(frame: Frame, x: float, y: float, whole: int) -> Iterator[str]:
    for name, called in sorted(frame.called.items()):
        width = called.samples / whole * WIDTH
        if called.samples >= whole * LEAST_SHARE:
            yield _box(name, x, y, width, called.samples / whole)
            yield from _drawn(called, x, y - ROW, whole)
        x += width


def _box(name: str, x: float, y: float, width: float, share: float) -> str:
    # Of one function always the same colour, in a light one on which dark letters are read in both themes.
    hue = 20 + zlib.crc32(name.encode()) % 190
    letters = int((width - 6) / LETTER)
    shown = name if len(name) <= letters else name[: max(letters - 1, 0)] + "…" if letters > 3 else ""
    label = f'<text class="in" x="{x + 3:.1f}" y="{y + 12:.1f}">{escape(shown)}</text>' if shown else ""
    return (
        f'<g class="frame"><title>{escape(name)}: {share:.1%}</title><rect x="{x:.1f}" y="{y:.1f}" '
        f'width="{max(width - 0.5, 0.3):.1f}" height="{ROW - 1:g}" rx="1" '
        f'fill="hsl({hue} 65% 74%)"/>{label}</g>'
    )
