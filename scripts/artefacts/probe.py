"""Starts the Lambda's handler from a directory and gives it a record: `probe.py TASK_ROOT LAKE_DIRECTORY`.

It is run by the artefact's own kind of Python, perhaps another machine's, with the standard library alone,
and prints one JSON object: milliseconds from the start of the handler's import to its end, and to the first
event's answer, and how many of these the CPU took; and what became of the event's three records, two good
ones and a bad one.
"""

import base64
import json
import os
import platform
import sys
import time
from pathlib import Path

ARRIVAL_S = 1_734_604_200.0
GOOD = b'{"timestamp":"2024-12-19T10:30:00Z","deviceId":"a","temperature":21.5,"humidity":40}'


class Context:
    """Lambda's, as far as the handler uses it."""

    function_name = "transform-function"

    def get_remaining_time_in_millis(self) -> int:
        """Enough."""
        return 60_000


def event(payloads: list[bytes]) -> dict[str, list[dict[str, object]]]:
    """What the event source mapping makes of records."""
    return {
        "Records": [
            {
                "eventID": f"shardId-000000000000:{number}",
                "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/kinesis-stream",
                "kinesis": {
                    "sequenceNumber": str(number),
                    "data": base64.b64encode(payload).decode(),
                    "approximateArrivalTimestamp": ARRIVAL_S,
                },
            }
            for number, payload in enumerate(payloads, 1)
        ]
    }


def main() -> None:
    """Import, answer, and tell."""
    task_root, lake = sys.argv[1:]
    os.environ["IOTSTREAM_LAKE_URI"] = f"file://{lake}"
    records = event([GOOD, b"bad", GOOD])
    # Metrics go to stdout, as CloudWatch wants them; here they are in the way.
    out = os.dup(1)
    os.dup2(2, 1)
    sys.path.insert(0, task_root)

    cpu, began = time.process_time(), time.perf_counter()
    import kinesis_lambda  # type: ignore[import-not-found] # noqa: PLC0415 - it is what is measured

    imported = time.perf_counter()
    answer = kinesis_lambda.handler(records, Context())
    answered, busy = time.perf_counter(), time.process_time() - cpu

    import pyarrow.parquet  # noqa: PLC0415

    from iotstream.decode import decoder  # noqa: PLC0415

    objects = Path(lake).glob("data/**/*.parquet")
    facts = {
        "import_ms": (imported - began) * 1000,
        "first_record_ms": (answered - began) * 1000,
        "cpu_ms": busy * 1000,
        "answer": answer,
        "rows": sum(pyarrow.parquet.ParquetFile(path).metadata.num_rows for path in objects),
        "dead_letters": len(list(Path(lake).glob("quarantine/**/*.jsonl.gz"))),
        "decoder": decoder(),
        "machine": platform.machine(),
        "python": platform.python_version(),
    }
    os.write(out, json.dumps(facts).encode())


if __name__ == "__main__":
    main()
