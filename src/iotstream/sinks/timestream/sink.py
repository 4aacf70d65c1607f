"""`TimestreamSink`: rows to Timestream as upserts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from iotstream.batch import Batch
from iotstream.rejects import Rejects
from iotstream.schema import Schema
from iotstream.sinks.calls.answers import Refusal
from iotstream.sinks.points import Refused, rejects
from iotstream.sinks.timestream.mapping import Mapping
from iotstream.sinks.timestream.points import Points, points_of, versions_of
from iotstream.sinks.timestream.request import MAX_RECORDS, Target, bodies
from iotstream.sinks.timestream.settings import TimestreamSettings


class TimestreamSink:
    """Writes each row as one multi-measure record.

    Dimension fields become dimensions, measure fields the measures of a record that bears the schema's
    name, the time field its time in ms. A null or an empty text is left out. `Version` is the arrival
    time of the row's record in ms, so that writing again changes nothing, and of two rows of one series
    and time the one that arrived later wins. The other one is *superseded*: counted, not refused.

    What becomes of errors:

    - A record that the service rejects (outside the retention, beyond a limit, of another type than
      the column), and a row without any dimension or measure, is in the `Rejects`.
    - A call that the service calls invalid is halved until the record at fault is found, which then is
      in the `Rejects`: one poisonous record never blocks the stream. Names and settings are checked
      when the sink is made, so that validity hangs on the records alone.
    - Throttling, errors of the service (5xx), of the network, and calls that take too long are tried
      again with backoff until the deadline; then `SinkUnavailable`.
    - No access, a table that isn't there, credentials that aren't known: `SinkUnavailable` at once,
      with a message that says what to do. The rows are good and the environment is not, so nothing is
      refused.

    Args:
        schema: of the rows.
        settings: where they go.
        session: a `botocore.session.Session`; None = one made from the environment.
        clock: seconds since the epoch; for signatures, and for the versions of rows whose arrival time
            is unknown.

    Attributes:
        name: "timestream".
        points: records that were written, since the sink was made.
        superseded: rows that a later version stands for: one in the same write, or one that was there.

    Raises:
        ConfigurationError: the schema doesn't fit Timestream, or there is no region or no credentials.
        MissingDependencyError: botocore is not installed.
    """

    name = "timestream"

    def __init__(
        self,
        schema: Schema,
        settings: TimestreamSettings,
        *,
        session: Any = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._mapping = Mapping.of(schema)
        self._settings = settings
        self._clock = clock
        self._target = Target(settings.database, settings.table)
        # The SDK takes a third of a second to import: only a sink that is used needs it.
        from iotstream.sinks.timestream.access import open_access  # noqa: PLC0415
        from iotstream.sinks.timestream.sender import Sender  # noqa: PLC0415

        self._sender = Sender(open_access(session), settings, clock)
        self._counting = threading.Lock()
        self.points = 0
        self.superseded = 0

    def write(self, batch: Batch) -> Rejects:
        """Write the rows; see the class. Threads may share the sink: each write has its own calls in flight.

        Returns:
            The rows that Timestream will never take; `record` and `item` are the origin's, or the row
            and 0 in a batch without an origin. All other rows are durable or superseded.

        Raises:
            SinkUnavailable: see the class. Some rows may be written; the same batch may come again.
        """
        if not batch.data.num_rows:
            return Rejects()
        versions = versions_of(batch.origin, batch.data.num_rows, self._version())
        points = points_of(batch.data, versions, self._mapping)
        calls = -(-points.data.num_rows // MAX_RECORDS)
        refusals = self._sender.send(bodies(points, self._mapping, self._target), calls)
        refused = _refused(points, refusals)
        outdated = len(refusals) - len(refused)
        with self._counting:
            self.superseded += points.superseded + outdated
            self.points += points.data.num_rows - len(refusals)
        return rejects([*points.refused, *refused], batch.origin)

    def close(self) -> None:
        """Close the connections. Closing twice is fine."""
        self._sender.close()

    def _version(self) -> int:
        version = self._settings.version
        return int(self._clock() * 1000) if version is None else version


def _refused(points: Points, refusals: Iterable[Refusal]) -> list[Refused]:
    """Those that were refused for good, and not because a later version is there."""
    found = []
    for one in refusals:
        version = points.versions[one.point].as_py()
        if one.existing_version is None or one.existing_version < version:
            found.append(Refused(points.rows[one.point].as_py(), "", one.reason))
    return found
