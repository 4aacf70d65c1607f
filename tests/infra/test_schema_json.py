"""The table that Terraform makes is the default schema's."""

from __future__ import annotations

import json

from terraform import MODULES

from iotstream.schema import Schema
from iotstream.schema_exports import glue_table

PLACEHOLDER = "s3://BUCKET/PREFIX/data/"


def test_terraforms_copy_of_the_default_schema_is_what_the_command_prints():
    kept = (MODULES / "schema" / "telemetry.json").read_text()
    table = glue_table(Schema.load(), name="iot_table", location=PLACEHOLDER)
    printed = json.dumps(table, indent=2, ensure_ascii=False) + "\n"
    assert kept == printed, "iotstream schema glue > infra/terraform/schema/telemetry.json"
