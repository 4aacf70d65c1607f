"""`InfluxSink`: rows to InfluxDB as points."""

from __future__ import annotations

import threading

from iotstream.batch import Batch
from iotstream.rejects import Rejects
from iotstream.schema import Schema
from iotstream.sinks.influxdb.lines import bodies
from iotstream.sinks.influxdb.mapping import Mapping
from iotstream.sinks.influxdb.points import points_of
from iotstream.sinks.influxdb.settings import InfluxSettings, Version
from iotstream.sinks.points import Refused, rejects


class InfluxSink:
    """Writes each row as one point.

    The measurement bears the schema's name; dimension fields become tags, measures fields, the time field
    the time in ms. A null, and an empty tag, is left out. InfluxDB has no version: a point that comes again
    is written over, field by field, so that writing again changes nothing. Of rows of one series and time in
    the same write the last one goes; the others are *superseded*: counted, not refused.

    What becomes of errors:

    - A line that the server refuses (another type than the field has, outside the retention, beyond a limit),
      a row without any measure, and a tag that line protocol can't say, is in the `Rejects`. v3 names the
      lines; for v1 and v2 a call is halved until they are found: writing the others again is harmless.
    - A call that is too large is halved.
    - 429, errors of the server (5xx), of the network, and calls that take too long are tried again with
      backoff, `Retry-After` kept, until the deadline; then `SinkUnavailable`.
    - No access, a database that isn't there, an answer that isn't InfluxDB's: `SinkUnavailable` at once, with
      a message that says what to do. A token from Secrets Manager is read anew first.

    Args:
        schema: of the rows.
        settings: where they go.

    Attributes:
        name: "influxdb".
        points: points that were written, since the sink was made.
        superseded: rows that a later row in the same write stands for.

    Raises:
        ConfigurationError: the schema doesn't fit InfluxDB, or a secret is named and there is no region.
        MissingDependencyError: a secret is named and botocore is not installed.
    """

    name = "influxdb"

    def __init__(self, schema: Schema, settings: InfluxSettings) -> None:
        self._mapping = Mapping.of(schema)
        self._settings = settings
        self._version = Version(settings.version)
        from iotstream.sinks.influxdb.access import Access  # noqa: PLC0415 - see the package
        from iotstream.sinks.influxdb.sender import Sender  # noqa: PLC0415

        self._sender = Sender(Access(settings), settings)
        self._counting = threading.Lock()
        self.points = 0
        self.superseded = 0

    def write(self, batch: Batch) -> Rejects:
        """Write the rows; see the class. Threads may share the sink: each write has its own calls in flight.

        Returns:
            The rows that InfluxDB will never take; `record` and `item` are the origin's, or the row and 0 in
            a batch without an origin. All other rows are durable or superseded.

        Raises:
            SinkUnavailable: see the class. Some rows may be written; the same batch may come again.
        """
        if not batch.data.num_rows:
            return Rejects()
        points = points_of(batch.data, self._mapping, self._version)
        size = self._settings.lines_per_call
        calls = -(-points.data.num_rows // size)
        refusals = self._sender.send(bodies(points, self._mapping, self._version, size), calls)
        refused = [Refused(points.rows[one.point].as_py(), "", one.reason) for one in refusals]
        with self._counting:
            self.superseded += points.superseded
            self.points += points.data.num_rows - len(refused)
        return rejects([*points.refused, *refused], batch.origin)

    def close(self) -> None:
        """Close the connections. Closing twice is fine."""
        self._sender.close()
