data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.name
  account   = data.aws_caller_identity.current.account_id
}

# --- where alarms go -------------------------------------------------------------------------------------

resource "aws_sns_topic" "this" {
  #checkov:skip=CKV_AWS_26: CloudWatch can't publish to a topic encrypted with AWS's own key; kms_key_arn brings one's own
  name              = "${var.name_prefix}iotstream-alarms"
  kms_master_key_id = var.kms_key_arn

  tags = var.tags
}

data "aws_iam_policy_document" "topic" {
  statement {
    sid       = "AlarmsOfThisAccount"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.this.arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:${local.partition}:cloudwatch:${local.region}:${local.account}:alarm:*"]
    }
  }
}

resource "aws_sns_topic_policy" "this" {
  arn    = aws_sns_topic.this.arn
  policy = data.aws_iam_policy_document.topic.json
}

resource "aws_sns_topic_subscription" "email" {
  for_each = toset(var.alarm_emails)

  topic_arn = aws_sns_topic.this.arn
  protocol  = "email"
  endpoint  = each.value
}

# --- alarms (alarms.tf says which) -----------------------------------------------------------------------

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name_prefix}${each.key}"
  alarm_description   = each.value.description
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  evaluation_periods  = each.value.periods
  treat_missing_data  = each.value.missing

  # Either one metric, or an expression over several.
  namespace   = each.value.expression == null ? each.value.namespace : null
  metric_name = each.value.expression == null ? each.value.metric : null
  dimensions  = each.value.expression == null ? each.value.dimensions : null
  statistic   = each.value.expression == null ? each.value.statistic : null
  period      = each.value.expression == null ? each.value.period : null

  dynamic "metric_query" {
    for_each = each.value.expression == null ? [] : [each.value.expression]

    content {
      id          = "result"
      expression  = metric_query.value
      label       = each.key
      return_data = true
    }
  }

  dynamic "metric_query" {
    for_each = each.value.operands

    content {
      id          = metric_query.key
      return_data = false

      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.metric
        dimensions  = metric_query.value.dimensions
        stat        = metric_query.value.statistic
        period      = each.value.period
      }
    }
  }

  alarm_actions = [aws_sns_topic.this.arn]
  ok_actions    = [aws_sns_topic.this.arn]

  tags = var.tags
}

# How many objects there are is a metric of S3 once a day only; how many are put, if that is asked for.
resource "aws_s3_bucket_metric" "errors" {
  for_each = local.error_prefixes

  bucket = var.iot_errors_bucket
  name   = each.key

  filter {
    prefix = each.value
  }
}

# --- the audit, every hour -------------------------------------------------------------------------------

resource "aws_cloudwatch_event_rule" "audit" {
  count = var.audit_function_name == null ? 0 : 1

  name                = "${var.name_prefix}iotstream-audit"
  description         = "Runs iotstream audit; the alarms audit-findings and audit-silent watch its result."
  schedule_expression = var.audit_schedule

  tags = var.tags
}

resource "aws_cloudwatch_event_target" "audit" {
  count = var.audit_function_name == null ? 0 : 1

  rule = aws_cloudwatch_event_rule.audit[0].name
  arn  = "arn:${local.partition}:lambda:${local.region}:${local.account}:function:${var.audit_function_name}"
}

resource "aws_lambda_permission" "audit" {
  count = var.audit_function_name == null ? 0 : 1

  statement_id   = "AuditSchedule"
  action         = "lambda:InvokeFunction"
  function_name  = var.audit_function_name
  principal      = "events.amazonaws.com"
  source_arn     = aws_cloudwatch_event_rule.audit[0].arn
  source_account = local.account
}
