mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  schema_json_path = "schema/telemetry.json"
  lake_uri         = "s3://lake/telemetry"
}

run "the_table_is_the_schemas" {
  command = plan
  module {
    source = "./modules/glue"
  }
  assert {
    condition     = aws_glue_catalog_database.this.name == "iot_database" && aws_glue_catalog_table.this.name == "iot_table"
    error_message = "The original's names."
  }
  assert {
    condition = [for one in aws_glue_catalog_table.this.storage_descriptor[0].columns : "${one.name} ${one.type}"] == [
      "timestamp timestamp", "device_id string", "temperature double", "humidity double",
    ]
    error_message = "The columns are the schema's."
  }
  assert {
    condition = (
      aws_glue_catalog_table.this.storage_descriptor[0].location == "s3://lake/telemetry/data/" &&
      aws_glue_catalog_table.this.parameters["storage.location.template"] == "s3://lake/telemetry/data/dt=$${dt}/hour=$${hour}/" &&
      aws_glue_catalog_table.this.parameters["projection.enabled"] == "true"
    )
    error_message = "Partitions are projected below the lake's data/."
  }
  assert {
    condition     = output.time_column == "timestamp" && output.dimension_columns == ["device_id"] && output.number_columns == ["temperature", "humidity"]
    error_message = "Roles of the columns, for the saved queries."
  }
  assert {
    condition     = length(aws_glue_crawler.this) == 0
    error_message = "The crawler is an option."
  }
}

run "the_crawler_only_logs" {
  command = plan
  module {
    source = "./modules/glue"
  }
  variables {
    enable_crawler   = true
    crawler_role_arn = "arn:aws:iam::123456789012:role/crawler"
    first_day        = "2026-01-01"
    name_prefix      = "dev-"
  }
  assert {
    condition = (
      aws_glue_crawler.this[0].name == "dev-iot_crawler" && length(aws_glue_crawler.this[0].s3_target) == 0 &&
      aws_glue_crawler.this[0].catalog_target[0].tables == tolist(["iot_table"]) &&
      aws_glue_crawler.this[0].schema_change_policy[0].update_behavior == "LOG" &&
      aws_glue_crawler.this[0].schema_change_policy[0].delete_behavior == "LOG"
    )
    error_message = "It looks at the table's data/, and logs what differs."
  }
  assert {
    condition     = aws_glue_catalog_table.this.parameters["projection.dt.range"] == "2026-01-01,NOW+1DAY"
    error_message = "The first day."
  }
}

run "refused" {
  command = plan
  module {
    source = "./modules/glue"
  }
  variables {
    lake_uri           = "s3://lake/telemetry/"
    glue_database_name = "iot-database"
    first_day          = "yesterday"
    enable_crawler     = true
    crawler_schedule   = "daily"
  }
  expect_failures = [var.lake_uri, var.glue_database_name, var.first_day, var.crawler_role_arn, var.crawler_schedule]
}

run "not_a_schema" {
  command = plan
  module {
    source = "./modules/glue"
  }
  variables {
    schema_json_path = "versions.tf"
  }
  expect_failures = [var.schema_json_path]
}

run "athena" {
  command = plan
  module {
    source = "./modules/athena"
  }
  variables {
    results_bucket = "results"
    database_name  = "iot_database"
    table_name     = "iot_table"
  }
  assert {
    condition = (
      aws_athena_workgroup.this.configuration[0].enforce_workgroup_configuration &&
      aws_athena_workgroup.this.configuration[0].bytes_scanned_cutoff_per_query == 107374182400 &&
      aws_athena_workgroup.this.configuration[0].result_configuration[0].output_location == "s3://results/results/"
    )
    error_message = "Each query has its limit, which nobody can get around."
  }
  assert {
    condition     = aws_athena_named_query.this["first-rows"].query == "SELECT * FROM \"iot_database\".\"iot_table\" LIMIT 100"
    error_message = "The original's query, with its names quoted."
  }
  assert {
    condition     = strcontains(aws_athena_named_query.this["devices-by-hour"].query, "GROUP BY \"device_id\", dt, hour")
    error_message = "Queries are made from the schema's columns."
  }
}

run "athena_refused" {
  command = plan
  module {
    source = "./modules/athena"
  }
  variables {
    results_bucket                 = "results"
    database_name                  = "d"
    table_name                     = "t"
    bytes_scanned_cutoff_per_query = 1000
    workgroup_name                 = "a group"
  }
  expect_failures = [var.bytes_scanned_cutoff_per_query, var.workgroup_name]
}
