data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  iot_arn = "arn:${data.aws_partition.current.partition}:iot:${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}"

  # Names of rules have no hyphens.
  rule_prefix = replace(var.name_prefix, "-", "_")

  # AWS's `#` does not match the level above it, so no message meets both.
  # https://docs.aws.amazon.com/iot/latest/developerguide/topics.html (topic filters)
  rules = {
    mqtt_devices = { filter = "${var.topic_prefix}/#", description = "Messages of devices, each on its own topic" }
    mqtt         = { filter = var.topic_prefix, description = "Messages on the topic itself" }
  }
}

# --- devices ---------------------------------------------------------------------------------------------

resource "aws_iot_thing_type" "this" {
  name = "${var.name_prefix}iot-sensor"

  tags = var.tags
}

resource "aws_iot_thing" "this" {
  for_each = toset(var.thing_names)

  name            = each.key
  thing_type_name = aws_iot_thing_type.this.name
}

# Without a request of one's own, AWS makes the key too, and shows it this once: it goes to Secrets Manager.
resource "aws_iot_certificate" "this" {
  for_each = toset(var.thing_names)

  active = true
}

resource "aws_iot_thing_principal_attachment" "this" {
  for_each = toset(var.thing_names)

  thing     = aws_iot_thing.this[each.key].name
  principal = aws_iot_certificate.this[each.key].arn
}

# One policy for all: the variables stand for the thing to which the certificate is attached.
data "aws_iam_policy_document" "device" {
  statement {
    sid       = "ConnectAsItself"
    actions   = ["iot:Connect"]
    resources = ["${local.iot_arn}:client/&{iot:Connection.Thing.ThingName}"]

    condition {
      test     = "Bool"
      variable = "iot:Connection.Thing.IsAttached"
      values   = ["true"]
    }
  }

  statement {
    sid       = "PublishOnItsOwnTopic"
    actions   = ["iot:Publish"]
    resources = ["${local.iot_arn}:topic/${var.topic_prefix}/&{iot:Connection.Thing.ThingName}"]
  }
}

resource "aws_iot_policy" "device" {
  name   = "${var.name_prefix}iot-device"
  policy = data.aws_iam_policy_document.device.json

  tags = var.tags
}

resource "aws_iot_policy_attachment" "device" {
  for_each = toset(var.thing_names)

  policy = aws_iot_policy.device.name
  target = aws_iot_certificate.this[each.key].arn
}

data "aws_iot_endpoint" "this" {
  endpoint_type = "iot:Data-ATS"
}

# --- rules: to the stream, and what can't get there with its bytes to S3 ---------------------------------

resource "aws_iot_topic_rule" "this" {
  for_each = local.rules

  name        = "${local.rule_prefix}${each.key}"
  description = each.value.description
  enabled     = true
  sql         = "SELECT * FROM '${each.value.filter}'"
  sql_version = "2016-03-23"

  kinesis {
    role_arn      = var.rule_role_arn
    stream_name   = var.stream_name
    partition_key = "$${clientid()}"
  }

  # Its document holds the message as it came, in base64OriginalPayload.
  error_action {
    s3 {
      role_arn    = var.rule_role_arn
      bucket_name = var.errors_bucket
      key         = "${var.errors_prefix}/$${parse_time(\"yyyy/MM/dd\", timestamp())}/$${newuuid()}.json"
    }
  }

  tags = var.tags
}

# --- logs ------------------------------------------------------------------------------------------------

resource "aws_cloudwatch_log_group" "iot" {
  #checkov:skip=CKV_AWS_158: encrypted by CloudWatch's own key; kms_key_arn brings one's own
  name              = "${var.log_group_prefix}/aws/iot/logs"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn

  tags = var.tags
}

# Who connects, disconnects and why, and who subscribes.
# https://docs.aws.amazon.com/iot/latest/developerguide/life-cycle-events.html
resource "aws_iot_topic_rule" "events" {
  name        = "${local.rule_prefix}connections_to_logs"
  description = "Connections of devices, to the log"
  enabled     = true
  sql         = "SELECT * FROM '$aws/events/#'"
  sql_version = "2016-03-23"

  cloudwatch_logs {
    role_arn       = var.rule_role_arn
    log_group_name = aws_cloudwatch_log_group.iot.name
  }

  error_action {
    s3 {
      role_arn    = var.rule_role_arn
      bucket_name = var.errors_bucket
      key         = "events/$${parse_time(\"yyyy/MM/dd\", timestamp())}/$${newuuid()}.json"
    }
  }

  tags = var.tags
}

# IoT Core's own log, whose name AWS has chosen. Both are of the whole account in this region.
resource "aws_cloudwatch_log_group" "account" {
  #checkov:skip=CKV_AWS_158: encrypted by CloudWatch's own key; kms_key_arn brings one's own
  count = var.enable_account_logging ? 1 : 0

  name              = "AWSIotLogsV2"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn

  tags = var.tags
}

resource "aws_iot_logging_options" "this" {
  count = var.enable_account_logging ? 1 : 0

  default_log_level = var.account_log_level
  role_arn          = var.logging_role_arn

  depends_on = [aws_cloudwatch_log_group.account]
}
