"""Gives back the leadership of a dead worker, so that another can assign its leases at once.

KCL's leader, which assigns the leases, holds a lock: the row `Leader` of the table
`<application>-CoordinatorState`, for a constant 120 s. A daemon that ends in order releases it. One that
does not leaves its successors without leases until the lock expires; but its parent knows that it is dead.
https://github.com/awslabs/amazon-kinesis-client/blob/v3.1.3/amazon-kinesis-client/src/main/java/software/amazon/kinesis/leader/DynamoDBLockBasedLeaderDecider.java
"""

from __future__ import annotations

import logging

_TIMEOUT_S = 2

log = logging.getLogger("iotstream.kcl")


def give_back_leadership(application: str, worker: str, region: str) -> None:
    """Remove the lock if that worker holds it, as KCL itself does; where it can't be done, the lock expires.

    Args:
        application: KCL's name of it.
        worker: `workerId` of a daemon that has ended.
        region: of the table.
    """
    import boto3  # noqa: PLC0415 - it costs a second
    from botocore.config import Config  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    config = Config(connect_timeout=_TIMEOUT_S, read_timeout=_TIMEOUT_S, retries={"total_max_attempts": 2})
    try:
        client = boto3.session.Session(region_name=region).client("dynamodb", config=config)
        client.delete_item(
            TableName=f"{application}-CoordinatorState",
            Key={"key": {"S": "Leader"}},
            ConditionExpression="ownerName = :worker",
            ExpressionAttributeValues={":worker": {"S": worker}},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            log.warning("leadership not given back: %s", error)
    except BotoCoreError as error:
        log.warning("leadership not given back: %s", error)
    else:
        log.info("leadership given back")
