locals {
  journaled = lookup(var.environment, "IOTSTREAM_JOURNAL_URI", "") != ""

  # The runtime's loop hands the handler an event parsed; the raw one its bytes, which is faster.
  wrapper = var.handler_runtime == "raw" ? { AWS_LAMBDA_EXEC_WRAPPER = "/var/task/raw-runtime" } : {}
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_158: encrypted by CloudWatch's own key; kms_key_arn brings one's own
  name              = "/aws/lambda/${var.name_prefix}${var.function_name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn

  tags = var.tags
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_116: Lambda's dead letter queue is for asynchronous calls; the mapping has its own destination
  #checkov:skip=CKV_AWS_117: subnet_ids put it into a VPC, which only InfluxDB in private subnets needs
  #checkov:skip=CKV_AWS_173: its variables are settings without secrets; kms_key_arn encrypts them all the same
  #checkov:skip=CKV_AWS_272: the artefact is built and its hash kept by Terraform; signing profiles are the account's affair
  function_name                  = "${var.name_prefix}${var.function_name}"
  description                    = "Kinesis records to rows in the lake and in the time-series store, rejects to the quarantine"
  role                           = var.role_arn
  handler                        = var.handler
  runtime                        = var.runtime
  architectures                  = [var.architecture]
  filename                       = var.package_path
  source_code_hash               = var.package_path == null ? null : filebase64sha256(var.package_path)
  s3_bucket                      = one(var.package_s3[*].bucket)
  s3_key                         = one(var.package_s3[*].key)
  s3_object_version              = one(var.package_s3[*].version)
  memory_size                    = var.memory_size_mib
  timeout                        = var.timeout_seconds
  reserved_concurrent_executions = var.reserved_concurrent_executions
  kms_key_arn                    = var.kms_key_arn

  environment {
    variables = merge(local.wrapper, var.environment)
  }

  logging_config {
    log_format = "Text" # lines of EMF become metrics in either; ours are JSON already
    log_group  = aws_cloudwatch_log_group.this.name
  }

  tracing_config {
    mode = "Active"
  }

  dynamic "vpc_config" {
    for_each = length(var.subnet_ids) > 0 ? [1] : []

    content {
      subnet_ids         = var.subnet_ids
      security_group_ids = var.security_group_ids
    }
  }

  tags = var.tags

  lifecycle {
    precondition {
      condition     = (var.package_path == null) != (var.package_s3 == null)
      error_message = "Give the function's code by package_path or by package_s3, one of them."
    }
  }
}

# --- from the stream -------------------------------------------------------------------------------------

resource "aws_sqs_queue" "on_failure" {
  #checkov:skip=CKV_AWS_27: encrypted by SQS's own key; kms_key_arn brings one's own
  name                              = "${var.name_prefix}${var.function_name}-on-failure"
  message_retention_seconds         = 14 * 24 * 3600
  sqs_managed_sse_enabled           = var.kms_key_arn == null ? true : null
  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = var.kms_key_arn == null ? null : 3600

  tags = var.tags
}

data "aws_iam_policy_document" "queue" {
  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [aws_sqs_queue.on_failure.arn]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_sqs_queue_policy" "on_failure" {
  queue_url = aws_sqs_queue.on_failure.url
  policy    = data.aws_iam_policy_document.queue.json
}

resource "aws_lambda_event_source_mapping" "this" {
  event_source_arn                   = var.event_source_arn
  function_name                      = aws_lambda_function.this.arn
  enabled                            = var.mapping_enabled
  starting_position                  = var.starting_position
  batch_size                         = var.batch_size
  maximum_batching_window_in_seconds = var.maximum_batching_window_in_seconds
  parallelization_factor             = var.parallelization_factor
  bisect_batch_on_function_error     = var.bisect_batch_on_function_error
  maximum_retry_attempts             = var.maximum_retry_attempts
  maximum_record_age_in_seconds      = var.maximum_record_age_in_seconds
  function_response_types            = ["ReportBatchItemFailures"]

  destination_config {
    on_failure {
      destination_arn = aws_sqs_queue.on_failure.arn
    }
  }

  tags = var.tags
}
