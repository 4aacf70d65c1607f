mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  role_arn         = "arn:aws:iam::123456789012:role/r"
  event_source_arn = "arn:aws:kinesis:us-east-1:123456789012:stream/s"
  package_path     = "versions.tf" # any file: nothing runs it
  environment      = { IOTSTREAM_LAKE_URI = "s3://lake/telemetry", IOTSTREAM_JOURNAL_URI = "dynamodb://journal" }
}

run "defaults" {
  command = plan
  module {
    source = "./modules/lambda"
  }
  assert {
    condition = (
      aws_lambda_function.this.function_name == "transform-function" && aws_lambda_function.this.runtime == "python3.12" &&
      aws_lambda_function.this.architectures == tolist(["arm64"]) && aws_lambda_function.this.reserved_concurrent_executions == 100 &&
      aws_lambda_function.this.handler == "kinesis_lambda.handler"
    )
    error_message = "The function differs from the original's."
  }
  assert {
    condition = (
      aws_lambda_event_source_mapping.this.function_response_types == toset(["ReportBatchItemFailures"]) &&
      aws_lambda_event_source_mapping.this.parallelization_factor == 1 && !aws_lambda_event_source_mapping.this.bisect_batch_on_function_error &&
      aws_lambda_event_source_mapping.this.maximum_retry_attempts == -1 && aws_lambda_event_source_mapping.this.maximum_record_age_in_seconds == -1
    )
    error_message = "The mapping's settings are not those that the journal needs."
  }
  assert {
    condition = (
      aws_cloudwatch_log_group.this.name == "/aws/lambda/transform-function" && aws_cloudwatch_log_group.this.retention_in_days == 365 &&
      aws_lambda_function.this.tracing_config[0].mode == "Active" && length(aws_lambda_function.this.vpc_config) == 0
    )
    error_message = "Logs are kept a year, calls are traced, and no VPC is needed."
  }
  assert {
    condition     = aws_sqs_queue.on_failure.name == "transform-function-on-failure" && aws_sqs_queue.on_failure.sqs_managed_sse_enabled
    error_message = "The queue of what is given up."
  }
  assert {
    condition     = !contains(keys(aws_lambda_function.this.environment[0].variables), "AWS_LAMBDA_EXEC_WRAPPER")
    error_message = "The managed runtime has no wrapper."
  }
}

run "raw_runtime_in_a_vpc_from_s3" {
  command = plan
  module {
    source = "./modules/lambda"
  }
  variables {
    handler_runtime    = "raw"
    package_path       = null
    package_s3         = { bucket = "code", key = "k.zip", version = "7" }
    subnet_ids         = ["subnet-1"]
    security_group_ids = ["sg-1"]
    name_prefix        = "dev-"
  }
  assert {
    condition     = aws_lambda_function.this.environment[0].variables["AWS_LAMBDA_EXEC_WRAPPER"] == "/var/task/raw-runtime"
    error_message = "The raw runtime is a wrapper in the zip."
  }
  assert {
    condition     = aws_lambda_function.this.s3_bucket == "code" && aws_lambda_function.this.s3_object_version == "7" && aws_lambda_function.this.filename == null
    error_message = "The code comes from S3."
  }
  assert {
    condition     = aws_lambda_function.this.vpc_config[0].subnet_ids == toset(["subnet-1"]) && aws_lambda_function.this.function_name == "dev-transform-function"
    error_message = "It is in the VPC."
  }
}

run "without_the_journal_more_is_allowed" {
  command = plan
  module {
    source = "./modules/lambda"
  }
  variables {
    environment            = { IOTSTREAM_LAKE_URI = "s3://lake/telemetry" }
    parallelization_factor = 4
    maximum_retry_attempts = 10
  }
  assert {
    condition     = aws_lambda_event_source_mapping.this.parallelization_factor == 4 && aws_lambda_event_source_mapping.this.maximum_retry_attempts == 10
    error_message = "Without the journal it is at least once, whatever is set."
  }
}

run "refused_with_the_journal" {
  command = plan
  module {
    source = "./modules/lambda"
  }
  variables {
    parallelization_factor         = 2
    bisect_batch_on_function_error = true
    maximum_retry_attempts         = 3
    maximum_record_age_in_seconds  = 3600
  }
  expect_failures = [
    var.parallelization_factor, var.bisect_batch_on_function_error, var.maximum_retry_attempts,
    var.maximum_record_age_in_seconds,
  ]
}

run "refused" {
  command = plan
  module {
    source = "./modules/lambda"
  }
  variables {
    runtime                            = "python3.11"
    architecture                       = "arm"
    handler_runtime                    = "fast"
    package_path                       = "no-such.zip"
    batch_size                         = 20000
    maximum_batching_window_in_seconds = 301
    reserved_concurrent_executions     = 0
    starting_position                  = "AT_TIMESTAMP"
    environment                        = { IOTSTREAM_INFLUXDB_TOKEN = "secret" }
  }
  expect_failures = [
    var.runtime, var.architecture, var.handler_runtime, var.package_path, var.batch_size,
    var.maximum_batching_window_in_seconds, var.reserved_concurrent_executions, var.starting_position, var.environment,
  ]
}

run "code_by_one_way" {
  command = plan
  module {
    source = "./modules/lambda"
  }
  variables {
    package_s3 = { bucket = "code", key = "k.zip" }
  }
  expect_failures = [aws_lambda_function.this]
}

run "the_audit" {
  command = plan
  module {
    source = "./modules/audit"
  }
  assert {
    condition = (
      aws_lambda_function.this.function_name == "audit-function" && aws_lambda_function.this.handler == "audit_lambda.handler" &&
      aws_lambda_function.this.timeout == 900 && aws_lambda_function.this.reserved_concurrent_executions == 1 &&
      aws_lambda_function_event_invoke_config.this.maximum_retry_attempts == 0
    )
    error_message = "One audit at a time, and none twice."
  }
}
