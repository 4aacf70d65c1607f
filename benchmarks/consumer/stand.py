"""Where consumers are compared: a Kinesis, S3 and DynamoDB on this machine, streams filled beforehand."""

import io
import json
import random
from datetime import UTC, datetime
from http.client import HTTPConnection
from urllib.parse import urlsplit

import boto3
import msgspec
import pyarrow.parquet as pq

from iotstream.journal.dynamodb_table import create_table
from iotstream.local.process import ServiceProcess

SHARDS = 2
BUCKET, JOURNAL = "bench-lake", "bench-journal"
PUT_RECORDS = 500
"""Records of a PutRecords call at most."""
PUT_HEADERS = {
    "Content-Type": "application/x-amz-json-1.1",
    "X-Amz-Target": "Kinesis_20131202.PutRecords",
    # The local Kinesis does not check signatures, but wants one.
    "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/kinesis/aws4_request, "
    "SignedHeaders=host;x-amz-target, Signature=0",
}
MS_A_ROW = 4
"""Rows are so far apart in event time: a span of 100,000 of a shard lies in one hour, or in two."""


class Stand:
    """Both services as processes, and clients of them."""

    def __init__(self):
        # Without the service's limits, which would be what is measured.
        self._processes = [
            ServiceProcess("iotstream.local.kinesis", ["--limits", "off"]),
            ServiceProcess("iotstream.local.aws"),
        ]
        kinesis, aws = (process.facts["endpoint"] for process in self._processes)
        self.environment = {
            "AWS_ENDPOINT_URL": aws,
            "AWS_ENDPOINT_URL_KINESIS": kinesis,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        self.kinesis = self.new_client("kinesis")
        self.dynamodb = self.new_client("dynamodb")
        self.s3 = self.new_client("s3")
        self.s3.create_bucket(Bucket=BUCKET)
        create_table(self.environment, JOURNAL)

    def close(self):
        for client in (self.kinesis, self.dynamodb, self.s3):
            client.close()
        for process in self._processes:
            process.stop()

    def fill(self, stream, payloads):
        """Make the stream and put the records into it."""
        self.kinesis.create_stream(StreamName=stream, ShardCount=SHARDS)
        self.put(stream, payloads)

    def put(self, stream, payloads):
        """Put the records into the stream's shards in turn, so that each gets as many."""
        keys = [one["HashKeyRange"]["StartingHashKey"] for one in self.shards(stream)]
        # The SDK takes four times as long over it.
        connection = HTTPConnection(urlsplit(self.environment["AWS_ENDPOINT_URL_KINESIS"]).netloc)
        for start in range(0, len(payloads), PUT_RECORDS):
            records = [
                {"Data": one, "PartitionKey": f"device-{i % 1000:04}", "ExplicitHashKey": keys[i % SHARDS]}
                for i, one in enumerate(payloads[start : start + PUT_RECORDS])
            ]
            body = msgspec.json.encode({"StreamName": stream, "Records": records})
            connection.request("POST", "/", body, PUT_HEADERS)
            assert json.loads(connection.getresponse().read())["FailedRecordCount"] == 0
        connection.close()

    def shards(self, stream):
        return self.kinesis.list_shards(StreamName=stream)["Shards"]

    def prime(self, application, stream):
        """Make KCL's lease table with a lease for each shard: KCL waits up to 30 s on an empty one."""
        self.dynamodb.create_table(
            TableName=application,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "leaseKey", "KeyType": "HASH"}],
            AttributeDefinitions=[
                {"AttributeName": "leaseKey", "AttributeType": "S"},
                {"AttributeName": "leaseOwner", "AttributeType": "S"},
            ],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "LeaseOwnerToLeaseKeyIndex",
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                    "KeySchema": [
                        {"AttributeName": "leaseOwner", "KeyType": "HASH"},
                        {"AttributeName": "leaseKey", "KeyType": "RANGE"},
                    ],
                }
            ],
        )
        for shard in self.shards(stream):
            lease = {
                "leaseKey": {"S": shard["ShardId"]},
                "leaseCounter": {"N": "0"},
                "ownerSwitchesSinceCheckpoint": {"N": "0"},
                "checkpoint": {"S": "TRIM_HORIZON"},
                "checkpointSubSequenceNumber": {"N": "0"},
                "startingHashKey": {"S": shard["HashKeyRange"]["StartingHashKey"]},
                "endingHashKey": {"S": shard["HashKeyRange"]["EndingHashKey"]},
            }
            self.dynamodb.put_item(TableName=application, Item=lease)

    def committed_rows(self, prefix):
        """Rows of the spans whose manifests are in our lake: they are written last."""
        return sum(json.loads(self._body(key))["rows"] for key in self.keys(prefix + "/spans/"))

    def lake_rows(self, prefix):
        """Rows of the Parquet objects of a lake, whoever wrote it."""
        return sum(
            pq.read_metadata(io.BytesIO(self._body(key))).num_rows
            for key in self.keys(prefix + "/")
            if key.endswith(".parquet")
        )

    def keys(self, prefix):
        """The lake's keys that begin so."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [one["Key"] for page in pages for one in page.get("Contents", ())]

    def _body(self, key):
        return self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()

    def new_client(self, service):
        variable = "AWS_ENDPOINT_URL_KINESIS" if service == "kinesis" else "AWS_ENDPOINT_URL"
        return boto3.client(
            service,
            endpoint_url=self.environment[variable],
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )


def payloads(count, seed=0):
    """Telemetry of the default schema that looks like the real, of the last hour, in order of time."""
    source = random.Random(seed)
    first = datetime.now(UTC).timestamp() - count * MS_A_ROW / 1000
    return [
        b'{"timestamp":"%b","deviceId":"device-%04d","temperature":%.2f,"humidity":%.1f}'
        % (
            _text(first + row * MS_A_ROW / 1000),
            source.randrange(1000),
            source.uniform(-20, 45),
            source.uniform(10, 99),
        )
        for row in range(count)
    ]


def _text(seconds):
    time = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return time.replace("+00:00", "Z").encode()
