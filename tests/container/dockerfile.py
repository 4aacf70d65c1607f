"""A Dockerfile as what it says: instructions, in stages. Only the forms that ours uses; others are refused.

https://docs.docker.com/reference/dockerfile/
"""

from __future__ import annotations

import json
import re
import shlex
import string
from dataclasses import dataclass
from pathlib import Path, PurePosixPath


@dataclass(frozen=True)
class Instruction:
    """One instruction: `RUN --mount=… uv sync` has the name RUN, a flag, and the text `uv sync`."""

    name: str
    flags: tuple[tuple[str, str], ...]
    text: str

    def flag(self, name: str) -> str | None:
        return dict(self.flags).get(name)

    def words(self) -> list[str]:
        return shlex.split(self.text)

    def exec_form(self) -> list[str]:
        """What is run without a shell."""
        assert self.text.startswith("["), f"{self.name} {self.text}: wants a shell"
        return json.loads(self.text)

    def pairs(self) -> dict[str, str]:
        """Of `NAME=value NAME=value`."""
        return dict(word.split("=", 1) for word in self.words())


def parse(text: str) -> list[Instruction]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    logical = re.sub(r"\\\n\s*", "", "\n".join(lines)).split("\n")
    return [_instruction(line) for line in logical if line.strip()]


def expand(text: str, variables: dict[str, str]) -> str:
    """Variables filled in; one that is not known is an error, where docker would leave nothing."""
    return string.Template(text).substitute(variables)


def _instruction(line: str) -> Instruction:
    name, _, rest = line.partition(" ")
    flags = []
    while match := re.match(r"\s*--([a-z-]+)=(\S+)\s+", rest):
        flags.append((match[1], match[2]))
        rest = rest[match.end() :]
    return Instruction(name, tuple(flags), rest.strip())


class Ignored:
    """The patterns of a .dockerignore: of those that match a path, or a folder above it, the last one holds.

    https://docs.docker.com/build/concepts/context/#dockerignore-files
    """

    def __init__(self, text: str) -> None:
        lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
        self._rules = [(_regex(line.removeprefix("!")), not line.startswith("!")) for line in lines]

    def __contains__(self, path: str) -> bool:
        chain = [path, *(str(above) for above in PurePosixPath(path).parents)]
        ignored = False
        for pattern, excludes in self._rules:
            if any(pattern.fullmatch(one) for one in chain):
                ignored = excludes
        return ignored


def _regex(pattern: str) -> re.Pattern[str]:
    parts = {"**/": "(?:.*/)?", "*": "[^/]*"}
    return re.compile("".join(parts.get(one, re.escape(one)) for one in re.split(r"(\*\*/|\*)", pattern)))


def context(directory: Path) -> list[str]:
    """The files that a build may copy, relative to the directory."""
    text = (directory / ".dockerignore").read_text()
    ignored, within = Ignored(text), set(re.findall(r"^!([^/\n]+)/", text, re.MULTILINE))
    tops = [one for one in directory.iterdir() if one.name not in ignored or one.name in within]
    files = [file for top in tops for file in (top.rglob("*") if top.is_dir() else [top]) if file.is_file()]
    names = [file.relative_to(directory).as_posix() for file in files]
    return sorted(name for name in names if name not in ignored)
