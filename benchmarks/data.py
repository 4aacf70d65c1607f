"""Made-up telemetry that looks like the real: seeded, about 100 bytes a message."""

import base64
import gzip
import json
import random
import time

from iotstream.testing import kpl_aggregate

DAY = "2026-11-24"
DAY_MS = 1_795_478_400_000


def flat(count=10_000, seed=0):
    """Messages of the default schema."""
    source = random.Random(seed)
    hours = 2 * count // 10_000
    return [
        json.dumps(
            {
                # In order of time, over two hours for 10,000 messages, as a shard gives them.
                "timestamp": _time(7 * 3600 + i * min(hours, 12) * 3600 // count, source.randrange(1000)),
                "deviceId": f"device-{source.randrange(1000):04}",
                "temperature": round(source.uniform(-20, 45), 2),
                "humidity": round(source.uniform(10, 99), 1),
            },
            separators=(",", ":"),
        ).encode()
        for i in range(count)
    ]


def _time(second, ms):
    return f"{DAY}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.{ms:03}Z"


def nested(count=10_000, seed=0):
    """Messages in the shape of examples/environmental-sensors."""
    source = random.Random(seed)
    return [
        json.dumps(
            {
                "data": {
                    "co": source.uniform(0.001, 0.01),
                    "humidity": round(source.uniform(1, 99), 1),
                    "light": source.random() < 0.5,
                    "lpg": source.uniform(0.002, 0.01),
                    "motion": False,
                    "smoke": source.uniform(0.01, 0.04),
                    "temp": round(source.uniform(0, 30), 1),
                },
                "device_id": source.choice(["00:11:22:33:44:01", "00:11:22:33:44:02", "00:11:22:33:44:03"]),
                "ts": 1594419195.292461 + i * 0.5173,
                "device": f"iot-device-{source.randrange(3):02}",
            }
        ).encode()
        for i in range(count)
    ]


def spoilt(payloads, share, seed=0):
    """That share of the messages gone wrong, in five ways."""
    source = random.Random(seed)
    out = list(payloads)
    for place in source.sample(range(len(out)), round(share * len(out))):
        good = out[place]
        out[place] = source.choice(
            [
                good[:-5],
                b"\xff" + good,
                good.replace(b'"temperature":', b'"temperature":null,"was":'),
                good.replace(DAY.encode(), b"2026-11-31"),
                b"",
            ]
        )
    return out


def packed(payloads, form, rows=100):
    """Records of 100 rows each, as `array`, `ndjson`, `gzip` (an array, compressed) or `kpl`."""
    groups = [payloads[start : start + rows] for start in range(0, len(payloads), rows)]
    if form == "kpl":
        return [kpl_aggregate(group) for group in groups]
    if form == "ndjson":
        return [b"\n".join(group) for group in groups]
    arrays = [b"[" + b",".join(group) + b"]" for group in groups]
    return arrays if form == "array" else [gzip.compress(array) for array in arrays]


def kinesis_records(payloads, first=0):
    """The `Records` of a Lambda event as the managed runtime parses them, from a shard's `first` on."""
    stream = "arn:aws:kinesis:us-east-1:123456789012:stream/kinesis-stream"
    number = 49_545_115_243_490_985_018_280_067_714_973_144_582_180_062_593_244_200_961 + first
    return [
        {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": f"device-{index % 1000:04}",
                "sequenceNumber": str(number + index),
                "data": base64.b64encode(payload).decode(),
                "approximateArrivalTimestamp": (DAY_MS + 9 * 3_600_000 + index) / 1000,
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"shardId-000000000006:{number + index}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": "arn:aws:iam::123456789012:role/transform-function",
            "awsRegion": "us-east-1",
            "eventSourceARN": stream,
        }
        for index, payload in enumerate(payloads)
    ]


def event(payloads, first=0):
    """The Lambda event as it comes over the wire."""
    return json.dumps({"Records": kinesis_records(payloads, first)}, separators=(",", ":")).encode()


BEGIN_MS, STEP_MS = DAY_MS + 8 * 3_600_000, 4
FIRST = 49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898


def kcl_message(payloads, first=0, *, begin_ms=BEGIN_MS):
    """A line of KCL's daemon: `telemetry` from `first` on, as KCL 3.1.3 writes it; each arrives at once."""
    encode = base64.b64encode
    records = b",".join(
        b'{"data":"%b","partitionKey":"device-%04d","sequenceNumber":"%d","approximateArrivalTimestamp":%d,'
        b'"subSequenceNumber":0,"action":"record"}'
        % (encode(payload), index % 1000, FIRST + first + index, begin_ms + (first + index) * STEP_MS)
        for index, payload in enumerate(payloads)
    )
    return b'{"action":"processRecords","records":[%b],"millisBehindLatest":0}\n' % records


def telemetry(count, *, first=0, devices=1000, begin_ms=BEGIN_MS, step_ms=STEP_MS, seed=0):
    """Messages number `first` and following of a shard, in order of time; quicker to make than `flat`."""
    source = random.Random(seed * 1_000_003 + first)
    choose = source.random
    out, second, text = [], -1, b""
    for index in range(first, first + count):
        moment = begin_ms + int(index * step_ms)
        if moment // 1000 != second:
            second = moment // 1000
            text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)).encode()
        out.append(
            b'{"timestamp":"%b.%03dZ","deviceId":"device-%04d","temperature":%.2f,"humidity":%.1f}'
            % (text, moment % 1000, choose() * devices, choose() * 65 - 20, choose() * 89 + 10)
        )
    return out
