"""The handler of the pipeline that this one succeeds: the baseline. It writes nothing anywhere.

It answered as a Firehose transformation does, with `recordId`; a Kinesis event has none, so that the
event's id stands in.
"""

import base64
import json


def lambda_handler(event, context):  # noqa: ARG001 - Lambda's signature
    output = []
    for record in event["Records"]:
        payload = base64.b64decode(record["kinesis"]["data"])
        data = json.loads(payload)
        transformed = {
            "timestamp": data["timestamp"],
            "device_id": data["deviceId"],
            "temperature": float(data["temperature"]),
            "humidity": float(data["humidity"]),
        }
        output.append(
            {
                "recordId": record["eventID"],
                "result": "Ok",
                "data": base64.b64encode(json.dumps(transformed).encode("utf-8")).decode("utf-8"),
            }
        )
    return {"records": output}


def loop(payloads):
    """The same work a record, from base64 on."""
    output = []
    for encoded in payloads:
        data = json.loads(base64.b64decode(encoded))
        transformed = {
            "timestamp": data["timestamp"],
            "device_id": data["deviceId"],
            "temperature": float(data["temperature"]),
            "humidity": float(data["humidity"]),
        }
        output.append(base64.b64encode(json.dumps(transformed).encode("utf-8")).decode("utf-8"))
    return output
