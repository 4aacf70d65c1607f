# The roles of the two functions.

data "aws_iam_policy_document" "logs" {
  #checkov:skip=CKV_AWS_111: X-Ray's actions have no resource
  #checkov:skip=CKV_AWS_356: X-Ray's actions have no resource
  for_each = local.function_log_groups

  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
    resources = [each.value, "${each.value}:*"]
  }

  statement {
    sid       = "Trace"
    actions   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
    resources = ["*"] # the actions have no resource
  }
}

# --- transform-function ----------------------------------------------------------------------------------

data "aws_iam_policy_document" "mapping" {
  count = local.lambda ? 1 : 0

  # Lambda itself reads the stream with the function's role.
  statement {
    sid       = "DescribeStream"
    actions   = ["kinesis:DescribeStream"]
    resources = [var.stream_arn]
  }

  dynamic "statement" {
    for_each = var.enable_fan_out ? [1] : []

    content {
      sid       = "ReadByFanOut"
      actions   = ["kinesis:SubscribeToShard"]
      resources = [var.fan_out_consumer_arn]
    }
  }

  statement {
    sid       = "GiveUp"
    actions   = ["sqs:SendMessage"]
    resources = [var.on_failure_queue_arn]
  }
}

# Lambda makes the function's network interfaces with its role.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
data "aws_iam_policy_document" "vpc" {
  #checkov:skip=CKV_AWS_356: ec2:Describe… have no resource
  count = local.lambda && var.lambda_in_vpc ? 1 : 0

  statement {
    sid     = "MakeInterfaces"
    actions = ["ec2:CreateNetworkInterface"]
    resources = concat(
      ["arn:${local.partition}:ec2:${local.region}:${local.account}:network-interface/*"],
      [for id in var.lambda_subnet_ids : "arn:${local.partition}:ec2:${local.region}:${local.account}:subnet/${id}"],
      [for id in var.lambda_security_group_ids : "arn:${local.partition}:ec2:${local.region}:${local.account}:security-group/${id}"],
    )
  }

  statement {
    sid = "KeepInterfaces"
    actions = [
      "ec2:AssignPrivateIpAddresses",
      "ec2:DeleteNetworkInterface",
      "ec2:UnassignPrivateIpAddresses",
    ]
    resources = ["arn:${local.partition}:ec2:${local.region}:${local.account}:network-interface/*"] # Lambda names them
  }

  statement {
    sid       = "FindInterfaces"
    actions   = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"]
    resources = ["*"] # the actions have no resource
  }

  # Lambda's service needs them; the function's code does not.
  statement {
    sid    = "NotByTheCode"
    effect = "Deny"
    actions = [
      "ec2:AssignPrivateIpAddresses",
      "ec2:CreateNetworkInterface",
      "ec2:DeleteNetworkInterface",
      "ec2:DescribeNetworkInterfaces",
      "ec2:DescribeSubnets",
      "ec2:UnassignPrivateIpAddresses",
    ]
    resources = ["*"] # forbidden everywhere

    condition {
      test     = "ArnEquals"
      variable = "lambda:SourceFunctionArn"
      values   = ["arn:${local.partition}:lambda:${local.region}:${local.account}:function:${var.function_name}"]
    }
  }
}

locals {
  # Names first, since what a policy says may be known only after apply.
  lambda_policies = local.lambda ? merge(
    {
      logs    = data.aws_iam_policy_document.logs[var.function_name].json
      mapping = data.aws_iam_policy_document.mapping[0].json
      lake    = data.aws_iam_policy_document.lake.json
    },
    var.tsdb == "none" ? {} : { stores = data.aws_iam_policy_document.stores.json },
    var.lambda_in_vpc ? { vpc = data.aws_iam_policy_document.vpc[0].json } : {},
  ) : {}
}

resource "aws_iam_role" "lambda" {
  count = local.lambda ? 1 : 0

  name               = "${var.function_name}-role"
  description        = "The handler behind the stream, and Lambda's mapping for it."
  assume_role_policy = data.aws_iam_policy_document.trust["lambda"].json

  tags = var.tags
}

resource "aws_iam_role_policy" "lambda" {
  for_each = local.lambda_policies

  name   = each.key
  role   = aws_iam_role.lambda[0].id
  policy = each.value
}

# --- the audit -------------------------------------------------------------------------------------------

# The scheduled audit doesn't read the stream: `iotstream audit --stream` is for a person, with rights of their own.
data "aws_iam_policy_document" "audit" {
  # Of the dead letters it compares names and sizes; it does not read them.
  statement {
    sid       = "ReadObjects"
    actions   = ["s3:GetObject"]
    resources = [local.lake_objects]
  }

  statement {
    sid       = "FindObjects"
    actions   = ["s3:ListBucket"]
    resources = [var.lake_bucket_arn, var.quarantine_bucket_arn]
  }

  statement {
    sid       = "ReadJournal"
    actions   = ["dynamodb:GetItem", "dynamodb:Query"]
    resources = [var.journal_table_arn]
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [1]

    content {
      sid       = "Decrypt"
      actions   = ["kms:Decrypt"]
      resources = [var.kms_key_arn]
    }
  }
}

resource "aws_iam_role" "audit" {
  count = var.enable_audit ? 1 : 0

  name               = "${var.audit_function_name}-role"
  description        = "The audit: it only reads."
  assume_role_policy = data.aws_iam_policy_document.trust["lambda"].json

  tags = var.tags
}

resource "aws_iam_role_policy" "audit" {
  for_each = var.enable_audit ? {
    logs  = data.aws_iam_policy_document.logs[var.audit_function_name].json
    audit = data.aws_iam_policy_document.audit.json
  } : {}

  name   = each.key
  role   = aws_iam_role.audit[0].id
  policy = each.value
}
