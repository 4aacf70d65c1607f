"""A program: reads each shard of a stream to its tip by boto3, and only counts."""

import json
import sys
import time

import boto3


def main(stream):
    client = boto3.client("kinesis")
    records = 0
    began, used = time.perf_counter(), time.process_time()
    for shard in client.list_shards(StreamName=stream)["Shards"]:
        iterator = client.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        behind_ms = 1
        while behind_ms:
            answer = client.get_records(ShardIterator=iterator)
            records += len(answer["Records"])
            iterator, behind_ms = answer["NextShardIterator"], answer["MillisBehindLatest"]
    cpu_s, seconds = time.process_time() - used, time.perf_counter() - began
    print(json.dumps({"records": records, "cpu_s": cpu_s, "seconds": seconds}))


if __name__ == "__main__":
    main(sys.argv[1])
