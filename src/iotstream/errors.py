"""Everything that iotstream raises.

Bad data is a value (see `iotstream.rejects`); a bad environment is an exception:

    IotstreamError
    ├── ConfigurationError      a setting is wrong; names the key, the value and what is allowed
    │   └── SchemaError         the schema file is wrong
    ├── MissingDependencyError  an optional part is not installed; says how to get it
    ├── QueryError              SQL that can't be answered; says why
    ├── SinkUnavailable         a sink stayed down past its deadline: nothing may be checkpointed
    │   └── JournalUnavailable  the span journal did
    ├── ClaimLost               another worker has the shard: stop, write nothing more for it
    ├── GapFound                records are gone from the stream unread, and the settings say to stop
    ├── StreamUnavailable       the stream can't be read
    │   └── RangeExpired        … because that range is no longer kept
    └── LocalStackError         a program of the local stack did not start or ended early
"""

from __future__ import annotations


class IotstreamError(Exception):
    """The root: catch this to catch all that iotstream raises."""


class ConfigurationError(IotstreamError):
    """A setting is wrong. The message names the key, the value and what is allowed."""


class SchemaError(ConfigurationError):
    """The schema file is wrong. The message names the file's key, the value and what is allowed."""


class MissingDependencyError(IotstreamError):
    """An optional part is not installed. The message says what it is for and how to get it."""


class SinkUnavailable(IotstreamError):  # noqa: N818 - the name is part of the published sink contract
    """A sink stayed down past its deadline; what was being written may not be checkpointed."""


class JournalUnavailable(SinkUnavailable):
    """The span journal stayed down past its deadline; nothing may be checkpointed."""


class ClaimLost(IotstreamError):  # noqa: N818 - what happened, not a mistake
    """Another worker has claimed the shard. Whoever sees this writes nothing more for the shard."""


class GapFound(IotstreamError):  # noqa: N818 - as above
    """Records are gone from the stream before they were read, and `journal.on_gap` is `stop`."""


class StreamUnavailable(IotstreamError):  # noqa: N818 - as above
    """The stream can't be read: it is not there, there is no right to, or it stayed down."""


class RangeExpired(StreamUnavailable):
    """A range of a shard can't be read again in full: the stream no longer keeps it."""


class LocalStackError(IotstreamError):
    """A program of the local stack did not start, or ended early. The message holds its last log lines."""


class QueryError(IotstreamError):
    """SQL that can't be answered. The message says why."""
