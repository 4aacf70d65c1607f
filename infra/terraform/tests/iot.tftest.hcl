mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  stream_name      = "kinesis-stream"
  errors_bucket    = "errors"
  rule_role_arn    = "arn:aws:iam::123456789012:role/rule"
  logging_role_arn = "arn:aws:iam::123456789012:role/logging"
}

run "rules" {
  command = plan
  module {
    source = "./modules/iot"
  }
  assert {
    condition = { for name, rule in aws_iot_topic_rule.this : rule.name => rule.sql } == {
      mqtt_devices = "SELECT * FROM 'topic/mqtt/#'", mqtt = "SELECT * FROM 'topic/mqtt'"
    }
    error_message = "Rules for the topic, and for all below it."
  }
  assert {
    condition = alltrue([for rule in aws_iot_topic_rule.this :
      rule.sql_version == "2016-03-23" && one(rule.kinesis).partition_key == "$${clientid()}" && one(rule.kinesis).stream_name == "kinesis-stream"
    ])
    error_message = "Each device's messages keep their order: the partition key is its client id."
  }
  assert {
    condition = alltrue([for rule in aws_iot_topic_rule.this :
      one(one(rule.error_action).s3).bucket_name == "errors"
    ])
    error_message = "What can't be put into the stream goes to S3."
  }
  assert {
    condition     = aws_cloudwatch_log_group.iot.name == "/aws/iot/logs" && aws_cloudwatch_log_group.account[0].name == "AWSIotLogsV2"
    error_message = "The logs."
  }
}

run "a_device_is_itself_only" {
  command = plan
  module {
    source = "./modules/iot"
  }
  variables {
    thing_names            = ["device-001", "device-002"]
    enable_account_logging = false
    name_prefix            = "dev-"
  }
  assert {
    condition = [for one in data.aws_iam_policy_document.device.statement : [one.actions, one.resources]] == [
      [toset(["iot:Connect"]), toset(["arn:aws:iot:us-east-1:123456789012:client/&{iot:Connection.Thing.ThingName}"])],
      [toset(["iot:Publish"]), toset(["arn:aws:iot:us-east-1:123456789012:topic/topic/mqtt/&{iot:Connection.Thing.ThingName}"])],
    ]
    error_message = "A device connects as itself, publishes on its own topic, and nothing more."
  }
  assert {
    condition     = length(aws_iot_certificate.this) == 2 && alltrue([for one in aws_iot_certificate.this : one.active && one.csr == null])
    error_message = "Each device has a certificate of its own."
  }
  assert {
    condition     = length(aws_iot_logging_options.this) == 0 && aws_iot_policy.device.name == "dev-iot-device"
    error_message = "The account's log belongs to one deployment."
  }
}

run "refused" {
  command = plan
  module {
    source = "./modules/iot"
  }
  variables {
    thing_names        = ["a/b"]
    topic_prefix       = "topic/#"
    account_log_level  = "verbose"
    log_retention_days = 42
    logging_role_arn   = null
  }
  expect_failures = [var.thing_names, var.topic_prefix, var.account_log_level, var.log_retention_days, var.logging_role_arn]
}

run "secrets" {
  command = plan
  module {
    source = "./modules/secrets"
  }
  variables {
    thing_names        = ["device-001"]
    device_credentials = { device-001 = { certificate_pem = "c", private_key = "k" } }
    iot_endpoint       = "a1-ats.iot.us-east-1.amazonaws.com"
  }
  assert {
    condition = (
      aws_secretsmanager_secret.device["device-001"].name == "iot/devices/device-001" &&
      jsondecode(nonsensitive(aws_secretsmanager_secret_version.device["device-001"].secret_string)) == { certificate_pem = "c", private_key = "k" }
    )
    error_message = "The secret is what the device's start-up script reads."
  }
  assert {
    condition     = aws_ssm_parameter.iot_endpoint.name == "/iot/endpoint" && aws_ssm_parameter.iot_endpoint.type == "String"
    error_message = "The endpoint is in Parameter Store."
  }
}

run "secrets_refused" {
  command = plan
  module {
    source = "./modules/secrets"
  }
  variables {
    iot_endpoint         = "e"
    recovery_window_days = 3
  }
  expect_failures = [var.recovery_window_days]
}
