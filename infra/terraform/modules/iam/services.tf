# The roles with which IoT Core and Glue act.

# --- IoT rules: the stream, the error bucket, the log ------------------------------------------------------

data "aws_iam_policy_document" "iot_rule" {
  statement {
    sid       = "PutRecords"
    actions   = ["kinesis:PutRecord", "kinesis:PutRecords"]
    resources = [var.stream_arn]
  }

  statement {
    sid       = "PutErrors"
    actions   = ["s3:PutObject"]
    resources = ["${var.iot_errors_bucket_arn}/*"]
  }

  statement {
    sid       = "WriteEvents"
    actions   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    resources = ["${local.iot_log_groups}:${var.iot_log_group_name}:*"]
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [1]

    content {
      sid       = "UseKey"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [var.kms_key_arn]
    }
  }
}

locals {
  iot_log_groups = "arn:${local.partition}:logs:${local.region}:${local.account}:log-group"
}

resource "aws_iam_role" "iot_rule" {
  name               = "${var.name_prefix}iot-rule-role"
  description        = "IoT rules: records into the stream, what fails to S3."
  assume_role_policy = data.aws_iam_policy_document.trust["iot"].json

  tags = var.tags
}

resource "aws_iam_role_policy" "iot_rule" {
  name   = "iot-rule"
  role   = aws_iam_role.iot_rule.id
  policy = data.aws_iam_policy_document.iot_rule.json
}

# --- IoT Core's own log ----------------------------------------------------------------------------------

# https://docs.aws.amazon.com/iot/latest/developerguide/configure-logging.html
data "aws_iam_policy_document" "iot_logging" {
  statement {
    sid = "WriteLogs"
    actions = [
      "logs:CreateLogGroup",
      "logs:CreateLogStream",
      "logs:PutLogEvents",
      "logs:PutMetricFilter",
      "logs:PutRetentionPolicy",
    ]
    resources = ["${local.iot_log_groups}:AWSIotLogsV2", "${local.iot_log_groups}:AWSIotLogsV2:*"]
  }
}

resource "aws_iam_role" "iot_logging" {
  count = var.enable_iot_account_logging ? 1 : 0

  name               = "${var.name_prefix}iot-logging-role"
  description        = "IoT Core: its own log."
  assume_role_policy = data.aws_iam_policy_document.trust["iot"].json

  tags = var.tags
}

resource "aws_iam_role_policy" "iot_logging" {
  count = var.enable_iot_account_logging ? 1 : 0

  name   = "iot-logging"
  role   = aws_iam_role.iot_logging[0].id
  policy = data.aws_iam_policy_document.iot_logging.json
}

# --- Glue's crawler --------------------------------------------------------------------------------------

data "aws_iam_policy_document" "crawler" {
  #checkov:skip=CKV_AWS_356: glue:GetSecurityConfiguration has no resource
  statement {
    sid       = "ReadData"
    actions   = ["s3:GetObject"]
    resources = ["${var.lake_bucket_arn}/${var.lake_prefix}/data/*"]
  }

  statement {
    sid       = "ListData"
    actions   = ["s3:ListBucket"]
    resources = [var.lake_bucket_arn]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["${var.lake_prefix}/data", "${var.lake_prefix}/data/*"]
    }
  }

  statement {
    sid       = "FindBucket"
    actions   = ["s3:GetBucketLocation"]
    resources = [var.lake_bucket_arn]
  }

  # It adds partitions; columns it only compares.
  statement {
    sid = "Catalogue"
    actions = [
      "glue:BatchCreatePartition",
      "glue:BatchGetPartition",
      "glue:GetDatabase",
      "glue:GetPartition",
      "glue:GetPartitions",
      "glue:GetTable",
      "glue:UpdatePartition",
      "glue:UpdateTable",
    ]
    resources = [
      "arn:${local.partition}:glue:${local.region}:${local.account}:catalog",
      "arn:${local.partition}:glue:${local.region}:${local.account}:database/${var.glue_database_name}",
      "arn:${local.partition}:glue:${local.region}:${local.account}:table/${var.glue_database_name}/${var.glue_table_name}",
    ]
  }

  statement {
    sid       = "WriteLogs"
    actions   = ["logs:AssociateKmsKey", "logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${local.iot_log_groups}:/aws-glue/crawlers*"]
  }

  dynamic "statement" {
    for_each = var.enable_crawler && var.kms_key_arn != null ? [1] : []

    content {
      sid       = "ReadSecurityConfiguration"
      actions   = ["glue:GetSecurityConfiguration"]
      resources = ["*"] # the action has no resource
    }
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [1]

    content {
      sid       = "UseKey"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [var.kms_key_arn]
    }
  }
}

resource "aws_iam_role" "crawler" {
  count = var.enable_crawler ? 1 : 0

  name               = "${var.name_prefix}iot-crawler-role"
  description        = "Glue's crawler: reads data/, writes partitions of one table."
  assume_role_policy = data.aws_iam_policy_document.trust["glue"].json

  tags = var.tags
}

resource "aws_iam_role_policy" "crawler" {
  count = var.enable_crawler ? 1 : 0

  name   = "crawler"
  role   = aws_iam_role.crawler[0].id
  policy = data.aws_iam_policy_document.crawler.json
}
