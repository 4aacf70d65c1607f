# Without an account: the provider is mocked. What the modules decide by themselves is tested beside them.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_region" {
    defaults = { name = "us-east-1" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }
  mock_data "aws_iot_endpoint" {
    defaults = { endpoint_address = "a1-ats.iot.us-east-1.amazonaws.com" }
  }
  mock_data "aws_ssm_parameter" {
    defaults = { insecure_value = "ami-0123456789abcdef0" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/mock" }
  }
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000" }
  }
  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:us-east-1:123456789012:q", url = "https://sqs.us-east-1.amazonaws.com/123456789012/q" }
  }
  mock_resource "aws_kinesis_stream" {
    defaults = { arn = "arn:aws:kinesis:us-east-1:123456789012:stream/s" }
  }
  mock_resource "aws_kinesis_stream_consumer" {
    defaults = { arn = "arn:aws:kinesis:us-east-1:123456789012:stream/s/consumer/c:1" }
  }
  mock_resource "aws_dynamodb_table" {
    defaults = { arn = "arn:aws:dynamodb:us-east-1:123456789012:table/t" }
  }
  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:us-east-1:123456789012:function:f" }
  }
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:us-east-1:123456789012:t" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::b" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:us-east-1:123456789012:log-group:g" }
  }
  mock_resource "aws_cloudwatch_event_rule" {
    defaults = { arn = "arn:aws:events:us-east-1:123456789012:rule/r" }
  }
  mock_resource "aws_iot_certificate" {
    defaults = { arn = "arn:aws:iot:us-east-1:123456789012:cert/c" }
  }
  mock_resource "aws_secretsmanager_secret" {
    defaults = { arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:s" }
  }
  mock_resource "aws_timestreamwrite_table" {
    defaults = { arn = "arn:aws:timestream:us-east-1:123456789012:database/d/table/t" }
  }
  mock_resource "aws_subnet" {
    defaults = { id = "subnet-0123456789abcdef0" }
  }
  mock_resource "aws_security_group" {
    defaults = { id = "sg-0123456789abcdef0" }
  }
  mock_resource "aws_instance" {
    defaults = { arn = "arn:aws:ec2:us-east-1:123456789012:instance/i-0123456789abcdef0" }
  }
  mock_resource "aws_ecr_repository" {
    defaults = {
      arn            = "arn:aws:ecr:us-east-1:123456789012:repository/r"
      repository_url = "123456789012.dkr.ecr.us-east-1.amazonaws.com/r"
    }
  }
  mock_resource "aws_ecs_task_definition" {
    defaults = { arn = "arn:aws:ecs:us-east-1:123456789012:task-definition/t:1" }
  }
  mock_resource "aws_appautoscaling_policy" {
    defaults = { arn = "arn:aws:autoscaling:us-east-1:123456789012:scalingPolicy:p" }
  }
}

variables {
  lambda_package_path = "versions.tf" # any file: nothing runs it
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
}

run "both_stores" {
  command = plan
  variables {
    consumer           = "ecs"
    create_kcl_tables  = false
    tsdb               = "both"
    enable_nat_gateway = true
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
  }
  expect_failures = [
    var.aws_region, var.consumer, var.consumer_settings, var.log_retention_days, var.name_prefix, var.tsdb,
  ]
}

run "parts_that_need_each_other" {
  command = plan
  variables {
    enable_vpc     = false
    enable_budgets = true
  }
  expect_failures = [var.enable_budgets, var.enable_vpc]
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
