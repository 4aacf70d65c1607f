"""Generated parts of docs/cost.md and docs/capacity.md; `python tests/cost/cost_pages.py` writes them anew.

A part stands between `<!-- begin: COMMAND -->` and `<!-- end -->`, and is what the command prints.
"""

import re
import shlex
from pathlib import Path

from typer.testing import CliRunner

from iotstream.cli.app import app

DOCS = Path(__file__).parents[2] / "docs"
PAGES = (DOCS / "cost.md", DOCS / "capacity.md")
PART = re.compile(r"(<!-- begin: (iotstream [^\n]*?) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def printed(command):
    done = CliRunner().invoke(app, shlex.split(command)[1:], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def parts(page):
    return [(match[2], match[3]) for match in PART.finditer(page.read_text(encoding="utf-8"))]


def renewed(text):
    return PART.sub(lambda match: match[1] + printed(match[2]) + match[4], text)


if __name__ == "__main__":
    for one in PAGES:
        one.write_text(renewed(one.read_text(encoding="utf-8")), encoding="utf-8")
