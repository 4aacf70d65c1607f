"""A handler as Powertools' users write it: its batch processor, with a pydantic model for its parser.

https://docs.aws.amazon.com/powertools/python/latest/utilities/batch/#pydantic-integration
"""

from datetime import datetime

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.parser.models import (
    KinesisDataStreamRecord,
    KinesisDataStreamRecordPayload,
)
from pydantic import BaseModel, Json


class Telemetry(BaseModel):
    """A message of the default schema."""

    timestamp: datetime
    deviceId: str  # noqa: N815 - as in the message
    temperature: float
    humidity: float


class Payload(KinesisDataStreamRecordPayload):
    """A record's `kinesis`, its data parsed."""

    data: Json[Telemetry]


class Record(KinesisDataStreamRecord):
    """A record."""

    kinesis: Payload


processor = BatchProcessor(event_type=EventType.KinesisDataStreams, model=Record)


def lambda_handler(event, context):
    """Nothing is written: rows are collected, as a handler does before it writes them."""
    rows = []
    answer = process_partial_response(
        event=event,
        record_handler=lambda record: rows.append(record.kinesis.data),
        processor=processor,
        context=context,
    )
    return answer, rows
