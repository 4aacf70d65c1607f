# Who may do what. Each action is for the resource that it is needed on; where AWS has no resource for an
# action, the statement says so.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.name
  account   = data.aws_caller_identity.current.account_id

  lambda        = var.consumer == "lambda"
  influxdb      = contains(["influxdb", "both"], var.tsdb)
  liveanalytics = contains(["liveanalytics", "both"], var.tsdb)

  lake_objects       = "${var.lake_bucket_arn}/${var.lake_prefix}/*"
  quarantine_objects = "${var.quarantine_bucket_arn}/${var.quarantine_prefix}/*"

  kcl_tables = [for suffix in ["", "-WorkerMetricStats", "-CoordinatorState"] :
    "arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.application}${suffix}"
  ]

  function_log_groups = { for name in [var.function_name, var.audit_function_name] :
    name => "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/lambda/${name}"
  }
}

# --- trust -----------------------------------------------------------------------------------------------

# Services act for this account's resources only, not for somebody else's.
data "aws_iam_policy_document" "trust" {
  for_each = toset(["glue", "iot", "lambda"])

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["${each.key}.amazonaws.com"]
    }

    # Lambda's service sends no account along when it takes on a function's role.
    dynamic "condition" {
      for_each = each.key == "lambda" ? [] : [1]

      content {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [local.account]
      }
    }
  }
}

# --- what both consumers do ------------------------------------------------------------------------------

data "aws_iam_policy_document" "lake" {
  # Spans that were half written are read from the stream again.
  statement {
    sid = "ReadStream"
    actions = [
      "kinesis:DescribeStreamSummary",
      "kinesis:GetRecords",
      "kinesis:GetShardIterator",
      "kinesis:ListShards",
    ]
    resources = [var.stream_arn]
  }

  # Objects are immutable: nothing is deleted.
  statement {
    sid       = "WriteObjects"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = [local.lake_objects, local.quarantine_objects]
  }

  # Without it S3 says "forbidden" of an object that isn't there, where "not found" is waited for.
  statement {
    sid       = "FindObjects"
    actions   = ["s3:ListBucket"]
    resources = [var.lake_bucket_arn, var.quarantine_bucket_arn]
  }

  # Only a consumer that reads all shards by itself asks for all of their items at once.
  statement {
    sid       = "Journal"
    actions   = concat(["dynamodb:GetItem", "dynamodb:UpdateItem"], local.lambda ? [] : ["dynamodb:Query"])
    resources = [var.journal_table_arn]
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

data "aws_iam_policy_document" "stores" {
  #checkov:skip=CKV_AWS_356: timestream:DescribeEndpoints has no resource
  dynamic "statement" {
    for_each = local.liveanalytics ? [1] : []

    content {
      sid       = "WriteTimestream"
      actions   = ["timestream:WriteRecords"]
      resources = [var.timestream_table_arn]
    }
  }

  dynamic "statement" {
    for_each = local.liveanalytics ? [1] : []

    content {
      sid       = "FindTimestream"
      actions   = ["timestream:DescribeEndpoints"]
      resources = ["*"] # the action has no resource
    }
  }

  # Timestream writes its reports on refused rows in the name of whoever wrote them.
  dynamic "statement" {
    for_each = local.liveanalytics ? [1] : []

    content {
      sid       = "TimestreamErrorReports"
      actions   = ["s3:PutObject"]
      resources = ["${var.timestream_error_reports_arn}/*"]
    }
  }

  dynamic "statement" {
    for_each = local.influxdb ? [1] : []

    content {
      sid       = "ReadInfluxToken"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = [var.influxdb_token_secret_arn]
    }
  }
}

# --- the consumer on ECS: KCL's own ------------------------------------------------------------------------
# https://docs.aws.amazon.com/streams/latest/dev/kcl-iam-permissions.html

data "aws_iam_policy_document" "kcl" {
  #checkov:skip=CKV_AWS_356: cloudwatch:PutMetricData has no resource; its namespace is the condition
  statement {
    sid       = "DescribeStream"
    actions   = ["kinesis:DescribeStream"]
    resources = [var.stream_arn]
  }

  dynamic "statement" {
    for_each = var.enable_fan_out ? [1] : []

    content {
      sid       = "RegisterFanOut"
      actions   = ["kinesis:RegisterStreamConsumer"]
      resources = [var.stream_arn]
    }
  }

  # Of this application's consumer, whose name KCL takes from it.
  dynamic "statement" {
    for_each = var.enable_fan_out ? [1] : []

    content {
      sid       = "ReadByFanOut"
      actions   = ["kinesis:DescribeStreamConsumer", "kinesis:SubscribeToShard"]
      resources = [var.stream_arn, "${var.stream_arn}/consumer/${var.application}:*"]
    }
  }

  statement {
    sid = "Leases"
    actions = concat(
      [
        "dynamodb:DeleteItem",
        "dynamodb:DescribeTable",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Scan",
        "dynamodb:UpdateItem",
      ],
      var.kcl_creates_tables ? ["dynamodb:CreateTable", "dynamodb:UpdateTable"] : [],
    )
    resources = local.kcl_tables
  }

  statement {
    sid       = "LeasesOfAWorker"
    actions   = ["dynamodb:Query"]
    resources = ["${local.kcl_tables[0]}/index/LeaseOwnerToLeaseKeyIndex"]
  }

  # iotstream's metrics go by the log (EMF). KCL's own, if consumer.kcl_properties turns them on, by this.
  dynamic "statement" {
    for_each = var.enable_put_metric_data ? [1] : []

    content {
      sid       = "PutMetrics"
      actions   = ["cloudwatch:PutMetricData"]
      resources = ["*"] # the action has no resource

      condition {
        test     = "StringEquals"
        variable = "cloudwatch:namespace"
        values   = [var.application, var.metrics_namespace]
      }
    }
  }
}
