# Without an account: the provider is mocked. What the modules decide by themselves is tested beside them.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  lambda_package_path = "versions.tf" # any file: nothing runs it
  simulator_package   = "iotstream==0.1.0"
}

run "defaults_are_the_originals" {
  assert {
    condition = (
      output.stream_name == "kinesis-stream" && output.topic == "topic/mqtt" &&
      output.lambda_function_name == "transform-function" && output.consumer == "lambda"
    )
    error_message = "Stream, topic or function have other names than the original's."
  }
  assert {
    condition     = output.glue_database_name == "iot_database" && output.glue_table_name == "iot_table"
    error_message = "The catalogue has other names than the original's."
  }
  assert {
    condition     = module.lambda[0].timeout_seconds == 120 && output.ecs_service_name == null
    error_message = "By default Lambda consumes, and ECS does not."
  }
  assert {
    condition     = output.influxdb_url != null && output.timestream_database_name == null
    error_message = "By default InfluxDB is the time-series store, and LiveAnalytics isn't made."
  }
  assert {
    condition     = sort(keys(output.device_secret_arns)) == tolist(["device-001", "device-002"])
    error_message = "Each device has a secret."
  }
  assert {
    condition     = output.consumer_environment["IOTSTREAM_JOURNAL_URI"] == "dynamodb://iotstream-journal"
    error_message = "The journal is always on."
  }
  assert {
    condition     = output.consumer_environment["IOTSTREAM_LAKE_URI"] == output.lake_uri && endswith(output.lake_uri, "/telemetry")
    error_message = "The consumer writes to the lake."
  }
  assert {
    condition     = output.buckets.artefacts != null && output.kms_key_arn == null && length(module.budgets) == 0
    error_message = "KMS and Budgets are options."
  }
}

run "ecs_instead_of_lambda" {
  command = plan
  variables {
    consumer = "ecs"
  }
  assert {
    condition     = output.lambda_function_name == null && output.event_source_mapping_uuid == null && length(module.lambda) == 0
    error_message = "Two consumers must not write one lake."
  }
  assert {
    condition     = output.ecs_service_name != null && sort(values(output.kcl_table_names)) == tolist(["iotstream", "iotstream-CoordinatorState", "iotstream-WorkerMetricStats"])
    error_message = "The consumer on ECS has its service and KCL's tables."
  }
  assert {
    condition     = output.consumer_environment["IOTSTREAM_CONSUMER_RETRIEVAL"] == "polling"
    error_message = "Fan-out is an option."
  }
  assert {
    condition     = local.interface_endpoints == tolist(["ecr.api", "ecr.dkr", "logs", "kinesis-streams", "secretsmanager"])
    error_message = "An endpoint for each service that is called, for it costs by the hour."
  }
}

run "both_stores" {
  command = plan
  variables {
    consumer                     = "ecs"
    create_kcl_tables            = false
    tsdb                         = "both"
    extra_endpoint_service_names = { timestream = "com.amazonaws.us-east-1.timestream.ingest-cell1" }
    timestream_endpoint_url      = "https://ingest-cell1.timestream.us-east-1.amazonaws.com"
  }
  assert {
    condition     = output.consumer_environment["AWS_ENDPOINT_URL_TIMESTREAM_WRITE"] == "https://ingest-cell1.timestream.us-east-1.amazonaws.com"
    error_message = "Without NAT nothing answers DescribeEndpoints, so the consumer is told the cell's endpoint."
  }
  assert {
    condition     = length(output.kcl_table_names) == 0
    error_message = "The tables are left to KCL."
  }
  assert {
    condition = (
      output.timestream_database_name == "iot_timestream_db" && output.timestream_table_name == "iot_table" &&
      output.consumer_environment["IOTSTREAM_TIMESTREAM_DATABASE"] == "iot_timestream_db" &&
      output.consumer_environment["IOTSTREAM_INFLUXDB_VERSION"] == "v2"
    )
    error_message = "Both stores, and the consumer knows both."
  }
}

run "least" {
  command = plan
  variables {
    tsdb              = "none"
    enable_vpc        = false
    enable_devices    = false
    enable_monitoring = false
    enable_audit      = false
    enable_athena     = false
    device_names      = []
    simulator_package = null # no device, no simulator
  }
  assert {
    condition = alltrue([for one in [module.vpc, module.security_groups, module.ec2, module.ecs, module.monitoring, module.audit, module.athena, module.budgets] :
      length(one) == 0
    ])
    error_message = "Each optional part has its own switch."
  }
  assert {
    condition     = !anytrue([for name in keys(output.consumer_environment) : can(regex("INFLUX|TIMESTREAM", name))])
    error_message = "Without a time-series store the consumer must not write to one."
  }
}

run "everything" {
  command = plan
  variables {
    enable_kms     = true
    enable_budgets = true
    enable_crawler = true
    alarm_emails   = ["ops@example.com"]
    key_name       = "ops"
    ssh_cidrs      = ["192.0.2.0/28"]
  }
  assert {
    condition     = length(aws_kms_key.this) == 1 && length(module.budgets) == 1
    error_message = "KMS and Budgets are there if they are wanted."
  }
}

run "a_second_deployment_has_names_of_its_own" {
  command = plan
  variables {
    name_prefix = "dev-"
  }
  assert {
    condition = (
      output.stream_name == "dev-kinesis-stream" && output.lambda_function_name == "dev-transform-function" &&
      output.glue_database_name == "dev_iot_database" && output.journal_table_name == "dev-iotstream-journal" &&
      output.consumer_environment["IOTSTREAM_JOURNAL_APPLICATION"] == "dev-iotstream"
    )
    error_message = "name_prefix must be before each name."
  }
  assert {
    condition     = alltrue([for rule in output.iot_rule_names : startswith(rule, "dev_")])
    error_message = "Names of IoT rules have no hyphens."
  }
}

run "the_journal_refuses_other_settings_of_the_mapping" {
  command = plan
  variables {
    parallelization_factor         = 2
    bisect_batch_on_function_error = true
    maximum_retry_attempts         = 3
    maximum_record_age_in_seconds  = 3600
    lambda_in_vpc                  = false # and InfluxDB is reached from inside only
  }
  expect_failures = [
    var.bisect_batch_on_function_error, var.lambda_in_vpc, var.maximum_record_age_in_seconds,
    var.maximum_retry_attempts, var.parallelization_factor,
  ]
}

run "unknown_values_are_refused" {
  command = plan
  variables {
    aws_region         = "us-east"
    consumer           = "both"
    tsdb               = "timescale"
    name_prefix        = "Dev"
    log_retention_days = 42
    consumer_settings  = { IOTSTREAM_LAKE_URI = "s3://elsewhere" }
    device_names       = [for n in range(21) : "device-${n}"] # too many for an instance each
  }
  expect_failures = [
    var.aws_region, var.consumer, var.consumer_settings, var.device_names, var.log_retention_days, var.name_prefix, var.tsdb,
  ]
}

run "parts_that_need_each_other" {
  command = plan
  variables {
    enable_vpc     = false
    enable_budgets = true
    ssh_cidrs      = ["192.0.2.0/28"]
  }
  expect_failures = [var.enable_budgets, var.enable_vpc, var.ssh_cidrs]
}

run "what_must_be_there" {
  command = plan
  variables {
    aws_region          = "eu-west-1"
    lambda_package_path = "no-such.zip"
    consumer            = "ecs"
    tsdb                = "liveanalytics" # not reached from private subnets as they are
  }
  expect_failures = [var.azs, var.enable_nat_gateway, var.lambda_package_path]
}

run "the_devices_wheel_must_be_there" {
  command = plan
  variables {
    simulator_package    = null
    simulator_wheel_path = "no-such.whl"
  }
  expect_failures = [var.simulator_wheel_path]
}
