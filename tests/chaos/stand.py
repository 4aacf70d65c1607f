"""The local stack of the chaos tests: Kinesis, S3 and DynamoDB behind the tap, Timestream."""

import contextlib
import os
from pathlib import Path
from typing import Any

import numbered
from tap import Tap

from iotstream.journal.dynamodb_table import create_table
from iotstream.local.process import ServiceProcess
from iotstream.local.provision import client

JOURNAL = "iotstream-journal"
BUCKET = "chaos"
DATABASE = "chaos_db"
FAST_KCL = {
    "leaseAssignmentIntervalMillis": "1000",
    "workerMetricsReporterFreqInMillis": "1000",
    "inMemoryWorkerMetricsCaptureFrequencyMillis": "500",
    "failoverTimeMillis": "2000",
    "shardSyncIntervalMillis": "1000",
    "parentShardPollIntervalMillis": "500",
    "skipShardSyncAtWorkerInitializationIfLeasesExist": "true",
    "schedulerInitializationBackoffTimeMillis": "200",
    "idleTimeBetweenReadsInMillis": "200",
}


class Stand:
    """Started once for many rounds."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._files = contextlib.ExitStack()
        self.services: dict[str, ServiceProcess] = {}
        self._start("aws")
        self._start("kinesis", "--limits", "off")
        self._start(
            *("timestream", "--directory", str(directory / "timestream"), "--database", DATABASE),
            *("--table", "unused", "--magnetic-writes"),
        )
        self.tap = Tap(self.services["aws"].port, JOURNAL, seed)
        self.schema = directory / "numbered.toml"
        self.schema.write_text(numbered.SCHEMA)
        self.properties = directory / "kcl.properties"
        self.properties.write_text("".join(f"{name} = {value}\n" for name, value in FAST_KCL.items()))
        self.client("s3").create_bucket(Bucket=BUCKET)
        create_table(self.environment, JOURNAL)

    def _start(self, name: str, *arguments: str) -> None:
        log = self._files.enter_context((self.directory / f"{name}.log").open("ab"))
        self.services[name] = ServiceProcess(f"iotstream.local.{name}", list(arguments), log=log)

    @property
    def environment(self) -> dict[str, str]:
        """For SDKs that bypass the tap."""
        at = {name: f"http://127.0.0.1:{service.port}" for name, service in self.services.items()}
        return {
            "AWS_ENDPOINT_URL": at["aws"],
            "AWS_ENDPOINT_URL_KINESIS": at["kinesis"],
            "AWS_ENDPOINT_URL_TIMESTREAM_WRITE": at["timestream"],
            "AWS_ENDPOINT_URL_TIMESTREAM_QUERY": at["timestream"],
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def consumer_environment(self, name: str, **settings: str) -> dict[str, str]:
        """For a consumer of that round: everything it writes goes through the tap."""
        tap = f"http://127.0.0.1:{self.tap.port}"
        base = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "IOTSTREAM_"))}
        return {
            **base,
            **self.environment,
            "AWS_ENDPOINT_URL_S3": tap,
            "AWS_ENDPOINT_URL_DYNAMODB": tap,
            "IOTSTREAM_STREAM_NAME": name,
            "IOTSTREAM_LAKE_URI": f"s3://{BUCKET}/{name}/lake",
            "IOTSTREAM_QUARANTINE_URI": f"s3://{BUCKET}/{name}/quarantine",
            "IOTSTREAM_SCHEMA_PATH": str(self.schema),
            "IOTSTREAM_JOURNAL_URI": f"dynamodb://{JOURNAL}",
            "IOTSTREAM_JOURNAL_APPLICATION": name,
            "IOTSTREAM_TIMESTREAM_DATABASE": DATABASE,
            "IOTSTREAM_TIMESTREAM_TABLE": table_of(name),
            "IOTSTREAM_TIMESTREAM_DEADLINE_S": "2",
            "IOTSTREAM_RETRY_DEADLINE_S": "5",
            "IOTSTREAM_CONSUMER_PORT": "0",
            "IOTSTREAM_CONSUMER_SHUTDOWN_S": "20",
            "IOTSTREAM_CONSUMER_KCL_PROPERTIES": str(self.properties),
            "IOTSTREAM_CONSUMER_JAVA_HEAP": "256m",
            **settings,
        }

    def client(self, service: str) -> Any:
        return client(self.environment, service)

    def close(self) -> None:
        self.tap.close()
        for service in self.services.values():
            service.stop()
        self._files.close()


def table_of(name: str) -> str:
    return f"{name}-points"
