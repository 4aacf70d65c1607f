"""The span journal: `iotstream.journal.base` is the contract, `open_journal` opens the one of a URI."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from iotstream.errors import ConfigurationError
from iotstream.journal.base import Journal
from iotstream.retry import Backoff

__all__ = ["open_journal"]


def open_journal(
    uri: str, *, environ: Mapping[str, str] | None = None, backoff: Backoff | None = None
) -> Journal:
    """The journal of that URI.

    Args:
        uri: `dynamodb://table`, which must be there; `sqlite:///path/of/file`, which is made; `memory:`,
            which is new and empty each time.
        environ: the SDK's variables (endpoint, region, credentials); the process's own by default.
        backoff: how long a journal that is throttled, locked or down is tried again.

    Raises:
        ConfigurationError: the URI is of no known kind, the file can't be used, or no region is set.
        JournalUnavailable: the file stayed locked.
        MissingDependencyError: boto3, which DynamoDB needs, is not installed.
    """
    backoff = backoff or Backoff()
    scheme, _, rest = uri.partition("://")
    if uri == "memory:":
        from iotstream.journal.memory import MemoryJournal  # noqa: PLC0415 - each imports what it needs

        return MemoryJournal()
    if scheme == "sqlite" and rest.startswith("/") and not rest.endswith("/"):
        from iotstream.journal.sqlite import SqliteJournal  # noqa: PLC0415 - as above

        return SqliteJournal(Path(rest), backoff=backoff)
    if scheme == "dynamodb" and rest and "/" not in rest:
        from iotstream.journal.dynamodb import DynamoJournal  # noqa: PLC0415 - as above
        from iotstream.journal.dynamodb_table import Table  # noqa: PLC0415 - as above

        return DynamoJournal(Table(rest, os.environ if environ is None else environ, backoff))
    raise ConfigurationError(
        f"{uri!r} is no journal: dynamodb://table, sqlite:///path/of/file (with the path's own slash: three) "
        "or memory: is expected"
    )
