"""A program: async-kinesis reads a stream, awswrangler writes it as partitioned Parquet; nothing is checked.

As their documentation shows it: each record's JSON to a dict, dicts collected to a frame, a frame appended
to a dataset. Rejects, checkpoints and exactly-once are left out.
https://github.com/hampsterx/async-kinesis
https://aws-sdk-pd.readthedocs.io/en/stable/stubs/awswrangler.s3.to_parquet.html
"""

import asyncio
import json
import sys
import time

import awswrangler as wr
import pandas as pd
from kinesis import Consumer, JsonProcessor


async def read(stream, rows, span_rows, path):
    """CPU seconds and seconds until the rows are written."""
    began, used = time.perf_counter(), time.process_time()
    collected, written = [], 0
    # Five fetches a second, as many as a shard allows; its own default is one.
    async with Consumer(stream, processor=JsonProcessor(), shard_fetch_rate=5) as consumer:
        async for item in consumer:
            if isinstance(item, list):
                collected += item
            else:
                collected.append(item)
            if len(collected) >= span_rows:
                write(collected, path)
                written += len(collected)
                collected = []
            if written >= rows:
                break
        return time.process_time() - used, time.perf_counter() - began, written


def write(rows, path):
    frame = pd.DataFrame(rows).rename(columns={"deviceId": "device_id"})
    frame["timestamp"] = pd.to_datetime(frame["timestamp"])
    frame["dt"] = frame["timestamp"].dt.strftime("%Y-%m-%d")
    frame["hour"] = frame["timestamp"].dt.strftime("%H")
    wr.s3.to_parquet(
        df=frame, path=path, dataset=True, mode="append", partition_cols=["dt", "hour"], compression="zstd"
    )


def main(stream, rows, span_rows, path):
    cpu_s, seconds, written = asyncio.run(read(stream, int(rows), int(span_rows), path))
    print(json.dumps({"rows": written, "cpu_s": cpu_s, "seconds": seconds}))


if __name__ == "__main__":
    main(*sys.argv[1:])
