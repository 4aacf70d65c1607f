resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_158: encrypted by CloudWatch's own key; kms_key_arn brings one's own
  name              = "/aws/lambda/${var.name_prefix}${var.function_name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn

  tags = var.tags
}

# Module monitoring calls it every hour, and alarms on what it finds and on its silence.
resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_116: an audit that fails is seen: monitoring alarms when none has come to its end
  #checkov:skip=CKV_AWS_117: it needs nothing that is in the VPC
  #checkov:skip=CKV_AWS_173: its variables are settings without secrets; kms_key_arn encrypts them all the same
  #checkov:skip=CKV_AWS_272: the artefact is built and its hash kept by Terraform; signing profiles are the account's affair
  function_name     = "${var.name_prefix}${var.function_name}"
  description       = "iotstream audit: is every record in the lake, once and unaltered?"
  role              = var.role_arn
  handler           = var.handler
  runtime           = var.runtime
  architectures     = [var.architecture]
  filename          = var.package_path
  source_code_hash  = var.package_path == null ? null : filebase64sha256(var.package_path)
  s3_bucket         = one(var.package_s3[*].bucket)
  s3_key            = one(var.package_s3[*].key)
  s3_object_version = one(var.package_s3[*].version)
  memory_size       = var.memory_size_mib
  timeout           = var.timeout_seconds
  # Two at once would only read the same twice.
  reserved_concurrent_executions = 1
  kms_key_arn                    = var.kms_key_arn

  environment {
    variables = var.environment
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.this.name
  }

  tracing_config {
    mode = "Active"
  }

  tags = var.tags

  lifecycle {
    precondition {
      condition     = (var.package_path == null) != (var.package_s3 == null)
      error_message = "Give the function's code by package_path or by package_s3, one of them."
    }
  }
}

# What failed will be tried again within the hour anyway.
resource "aws_lambda_function_event_invoke_config" "this" {
  function_name                = aws_lambda_function.this.function_name
  maximum_retry_attempts       = 0
  maximum_event_age_in_seconds = 900
}
