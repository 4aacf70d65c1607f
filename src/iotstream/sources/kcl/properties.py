"""The daemon's properties: from settings to the text of a Java properties file. Pure.

https://github.com/awslabs/amazon-kinesis-client/blob/v3.1.3/amazon-kinesis-client-multilang/src/main/java/software/amazon/kinesis/multilang/config/MultiLangDaemonConfiguration.java
has every property; those that aren't named here keep KCL's defaults.
"""

from __future__ import annotations

import datetime as dt
import re
import sys
from collections.abc import Mapping

from iotstream.errors import ConfigurationError
from iotstream.manifest import LATEST, TRIM_HORIZON
from iotstream.settings import Settings

EXIT_RESERVE_S = 2.0
"""Of `consumer.shutdown_s`, for the JVM's own end."""
OURS = frozenset({"applicationName", "executableName", "streamArn", "streamName"})
"""A file of further properties must not set these: journal and lake depend on them."""
_KEY = re.compile(rb"^[ \t\f]*([\w.]+)", re.MULTILINE)


def application_name(settings: Settings) -> str:
    """KCL's name of the application, which its three DynamoDB tables bear. A run has its own."""
    journal = settings.journal
    return f"{journal.application}-{journal.run}" if journal.run else journal.application


def properties(
    settings: Settings, *, executable: str, worker: str, region: str, environ: Mapping[str, str]
) -> dict[str, str]:
    """The properties for these settings.

    Args:
        settings: of the consumer.
        executable: the command of a shard's process; the daemon splits it at blanks.
        worker: a name that no other worker has, or had.
        region: of stream and tables.
        environ: has `AWS_ENDPOINT_URL…`.
    """
    consumer = settings.consumer
    grace_s = max(consumer.shutdown_s - EXIT_RESERVE_S, 1.0)
    chosen = {
        "executableName": executable,
        "streamName": settings.stream.name,
        "applicationName": application_name(settings),
        "workerId": worker,
        "regionName": region,
        "processingLanguage": f"python/{sys.version_info[0]}.{sys.version_info[1]}",
        "AwsCredentialsProvider": "DefaultCredentialsProvider",
        "retrievalMode": consumer.retrieval.upper(),
        **_initial_position(consumer.initial_position),
        # Few large messages cost the least; the service's own maximum.
        "maxRecords": "10000",
        # One of a shard's five GetRecords a second: four are left for other consumers, and 10 MB a call
        # are more than the 2 MB/s that a shard gives.
        "idleTimeBetweenReadsInMillis": "1000",
        # Without it an idle shard's last span would never reach its age.
        "callProcessRecordsEvenForEmptyRecordList": "true",
        # KCL looks up a shard's hash key range at each batch unless this is set, and drops every KPL
        # aggregate whole that holds a key outside the range: of other tools, or of a KPL that had not
        # noticed a split. A KPL sends those again, so that rows may double; dropped ones may be lost.
        # New shards are found all the same: children when their parents end, others by the leader's
        # audit of the leases; and an empty lease table is always filled at the start.
        "skipShardSyncAtWorkerInitializationIfLeasesExist": "true",
        # A worker begins to read when it has reported what it can bear, the leader has looked at the leases
        # and at the stream's shards. KCL's defaults (30 s, 20 s, 60 s) make that two minutes; these, which
        # cost a few small writes a minute, about forty seconds.
        "workerMetricsReporterFreqInMillis": "10000",
        "inMemoryWorkerMetricsCaptureFrequencyMillis": "1000",
        "leaseAssignmentIntervalMillis": "10000",
        "shardSyncIntervalMillis": "10000",
        "schedulerInitializationBackoffTimeMillis": "1000",
        # A shard is given up, or the worker ends, only after its span is written, if that takes no longer.
        "shutdownGraceMillis": str(round(grace_s * 1000)),
        # KCL 3.1.3 can leave a lease between two workers for ever when one is asked to hand over a shard that
        # it has not begun to read: https://github.com/awslabs/amazon-kinesis-client/pull/1743. By the journal
        # a shard may change hands at any moment; the new holder reads the open span again.
        "isGracefulLeaseHandoffEnabled": "false",
        # A shard's process that hangs would keep its lease for ever. All that it does has deadlines well
        # below this; the JVM ends at once then, and the parent with it.
        "timeoutInSeconds": "900",
        # What KCL would write to CloudWatch costs by metric and shard, and `/metrics` says as much.
        "metricsLevel": "NONE",
    }
    for name, service in (("kinesisEndpoint", "KINESIS"), ("dynamoDBEndpoint", "DYNAMODB")):
        endpoint = environ.get(f"AWS_ENDPOINT_URL_{service}") or environ.get("AWS_ENDPOINT_URL")
        if endpoint:
            chosen[name] = endpoint
    return chosen


def encode(chosen: Mapping[str, str], further: bytes = b"") -> bytes:
    """The file: of two values of a key the last one holds.

    Args:
        chosen: ours.
        further: a properties file, whose values win.

    Raises:
        ConfigurationError: it sets what iotstream's own settings say.
    """
    for match in _KEY.finditer(further):
        key = match[1].decode()
        if key in OURS:
            raise ConfigurationError(
                f"consumer.kcl_properties sets {key}: leave it out; stream.name, journal.application and "
                "journal.run say that"
            )
    lines = [f"{key} = {_escaped(value)}\n" for key, value in chosen.items()]
    return "".join(lines).encode("ascii") + further


def _initial_position(position: str) -> dict[str, str]:
    """A time is given in whole seconds: what arrived in that second is read, rather than left out."""
    if position in {TRIM_HORIZON, LATEST}:
        return {"initialPositionInStream": position}
    moment = dt.datetime.fromisoformat(position)
    return {"initialPositionInStreamExtended": str(int(moment.timestamp() // 1))}


def _escaped(value: str) -> str:
    """A value as `Properties.load` reads it.

    https://docs.oracle.com/en/java/javase/17/docs/api/java.base/java/util/Properties.html#load(java.io.Reader)
    """
    units = value.encode("utf-16-be", "surrogatepass")
    codes = (int.from_bytes(units[at : at + 2]) for at in range(0, len(units), 2))
    return "".join(_escaped_unit(code) for code in codes)


def _escaped_unit(code: int) -> str:
    if chr(code) == "\\":
        return "\\\\"
    return chr(code) if 32 <= code < 127 else f"\\u{code:04x}"
