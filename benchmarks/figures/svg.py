"""SVG files that can be read on a light page and on a dark one, alone or as a page's image."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

STYLE = """
svg { color-scheme: light dark; font: 12px system-ui, sans-serif; }
.plane { fill: #ffffff; } .ink { fill: #16160f; } .soft { fill: #55544d; } .grid { stroke: #e6e5e0; }
.axis { stroke: #c4c2b8; } .ours { fill: #2a78d6; } .other { fill: #b9b7ad; }
.line { stroke: #2a78d6; fill: none; stroke-width: 2; } .dot { fill: #2a78d6; }
.expected { stroke: #85837a; fill: none; stroke-dasharray: 4 4; } .goal { stroke: #d03b3b; stroke-width: 2; }
.goal-text { fill: #b02a2a; }
@media (prefers-color-scheme: dark) {
.plane { fill: #1a1a19; } .ink { fill: #fafaf7; } .soft { fill: #c3c2b7; } .grid { stroke: #2f2f2c; }
.axis { stroke: #45453f; } .ours { fill: #3987e5; } .other { fill: #6b6a62; }
.line { stroke: #3987e5; } .dot { fill: #3987e5; } .expected { stroke: #8d8b82; }
.goal { stroke: #e66767; } .goal-text { fill: #f08c8c; }
}
"""


def document(title: str, width: float, height: float, body: Iterable[str], style: str = "") -> str:
    """The file's text."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" role="img"><title>{escape(title)}</title><style>{STYLE}{style}</style>'
        f'<rect class="plane" width="{width:g}" height="{height:g}"/>{"".join(body)}</svg>\n'
    )


def text(
    x: float, y: float, content: str, kind: str = "ink", *, anchor: str = "start", bold: bool = False
) -> str:
    """A line of text."""
    weight = ' font-weight="600"' if bold else ""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text class="{kind}" {place}{weight}>{escape(content)}</text>'
