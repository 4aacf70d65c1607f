"""What an audit reads from: the stores, several threads, the schemas in the lake."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from typing import TypeVar

import orjson

from iotstream.audit.findings import Code, Finding
from iotstream.errors import ConfigurationError
from iotstream.ownership import OWNER_KEY, load_schema
from iotstream.schema import Schema
from iotstream.sinks.objects import Store

READ_AHEAD = 32
"""Objects that are asked for before the first of them is needed."""

Progress = Callable[[str, int], None]
"""Is told what is looked at, and how many of it so far."""
Key = TypeVar("Key")
Answer = TypeVar("Answer")


class Lake:
    """A lake that is looked at.

    Args:
        store, quarantine: under their prefixes.
        pool: reads.
        progress: is told how far it is.

    Attributes:
        findings: about the schemas.
    """

    def __init__(self, store: Store, quarantine: Store, pool: Executor, progress: Progress) -> None:
        self.store = store
        self.quarantine = quarantine
        self.pool = pool
        self.progress = progress
        self.findings: list[Finding] = []
        self._schemas: dict[str, Schema | None] = {}

    def owner(self) -> str | None:
        """The application whose lake it is; None: owner.json is not there, or doesn't say."""
        body = self.store.get(OWNER_KEY)
        try:
            return None if body is None else str(orjson.loads(body)["application"])
        except (ValueError, KeyError, TypeError):
            return None

    def schema(self, fingerprint: str) -> Schema | None:
        """The schema; None, and a finding, if the lake doesn't hold it."""
        if fingerprint not in self._schemas:
            self._schemas[fingerprint] = self._load(fingerprint)
        return self._schemas[fingerprint]

    def ahead(self, ask: Callable[[Key], Answer], keys: Iterable[Key]) -> Iterator[tuple[Key, Answer]]:
        """Ask for each key, in order, by several threads; no more than `READ_AHEAD` answers wait."""
        rest = iter(keys)
        waiting = [(key, self.pool.submit(ask, key)) for key in itertools.islice(rest, READ_AHEAD)]
        while waiting:
            key, future = waiting.pop(0)
            waiting += [(one, self.pool.submit(ask, one)) for one in itertools.islice(rest, 1)]
            yield key, future.result()

    def _load(self, fingerprint: str) -> Schema | None:
        try:
            return load_schema(self.store, fingerprint)
        except (ConfigurationError, UnicodeDecodeError) as error:
            key = f"schemas/{fingerprint}.toml"
            code = Code.SCHEMA_ALTERED if self.store.exists(key) else Code.SCHEMA_MISSING
            self.findings.append(Finding(code, "", "", key, str(error)))
            return None
