mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  consumer                     = "lambda"
  tsdb                         = "influxdb"
  stream_arn                   = "arn:aws:kinesis:us-east-1:123456789012:stream/s"
  lake_bucket_arn              = "arn:aws:s3:::lake"
  lake_prefix                  = "telemetry"
  quarantine_bucket_arn        = "arn:aws:s3:::quarantine"
  quarantine_prefix            = "telemetry"
  journal_table_arn            = "arn:aws:dynamodb:us-east-1:123456789012:table/journal"
  application                  = "iotstream"
  influxdb_token_secret_arn    = "arn:aws:secretsmanager:us-east-1:123456789012:secret:token"
  timestream_table_arn         = "arn:aws:timestream:us-east-1:123456789012:database/d/table/t"
  timestream_error_reports_arn = "arn:aws:s3:::errors/timestream"
  on_failure_queue_arn         = "arn:aws:sqs:us-east-1:123456789012:q"
  iot_errors_bucket_arn        = "arn:aws:s3:::errors"
}

run "lambda" {
  command = plan
  module {
    source = "./modules/iam"
  }
  assert {
    condition     = sort(keys(aws_iam_role_policy.lambda)) == tolist(["lake", "logs", "mapping", "stores"])
    error_message = "The handler's policies."
  }
  assert {
    condition = alltrue(flatten([for one in data.aws_iam_policy_document.lake.statement : [for resource in one.resources :
      resource != "*" && !startswith(resource, "arn:aws:s3:::*")
    ]]))
    error_message = "Each action is for its resource."
  }
  assert {
    condition     = !anytrue(flatten([for one in data.aws_iam_policy_document.lake.statement : [for action in one.actions : can(regex("Delete|\\*", action))]]))
    error_message = "Nothing of the lake is ever deleted by a consumer."
  }
  assert {
    condition     = flatten([for one in data.aws_iam_policy_document.stores.statement : tolist(one.actions)]) == ["secretsmanager:GetSecretValue"]
    error_message = "With InfluxDB alone there is nothing of LiveAnalytics'."
  }
  assert {
    condition     = length(aws_iam_role.crawler) == 0 && length(aws_iam_role.audit) == 1
    error_message = "A role for what there is."
  }
}

run "lambda_in_a_vpc_with_fan_out" {
  command = plan
  module {
    source = "./modules/iam"
  }
  variables {
    lambda_in_vpc             = true
    lambda_subnet_ids         = ["subnet-1"]
    lambda_security_group_ids = ["sg-1"]
    enable_fan_out            = true
    fan_out_consumer_arn      = "arn:aws:kinesis:us-east-1:123456789012:stream/s/consumer/c:1"
    tsdb                      = "none"
  }
  assert {
    condition     = sort(keys(aws_iam_role_policy.lambda)) == tolist(["lake", "logs", "mapping", "vpc"])
    error_message = "Policies for the VPC, none for a store."
  }
  assert {
    condition = [for one in data.aws_iam_policy_document.mapping[0].statement : one.resources if one.sid == "ReadByFanOut"] == [
      toset(["arn:aws:kinesis:us-east-1:123456789012:stream/s/consumer/c:1"])
    ]
    error_message = "Fan-out is for its consumer only."
  }
}

run "ecs" {
  command = plan
  module {
    source = "./modules/iam"
  }
  variables {
    consumer               = "ecs"
    tsdb                   = "both"
    on_failure_queue_arn   = null
    kcl_creates_tables     = false
    enable_put_metric_data = true
  }
  assert {
    condition     = length(aws_iam_role.lambda) == 0 && sort(keys(output.consumer_policy_json)) == tolist(["kcl", "lake", "stores"])
    error_message = "The consumer's policies go to the task's role."
  }
  assert {
    condition = one([for one in data.aws_iam_policy_document.kcl.statement : one.resources if one.sid == "Leases"]) == toset([
      "arn:aws:dynamodb:us-east-1:123456789012:table/iotstream",
      "arn:aws:dynamodb:us-east-1:123456789012:table/iotstream-WorkerMetricStats",
      "arn:aws:dynamodb:us-east-1:123456789012:table/iotstream-CoordinatorState",
    ])
    error_message = "KCL's tables, by name."
  }
  assert {
    condition     = !contains(one([for one in data.aws_iam_policy_document.kcl.statement : one.actions if one.sid == "Leases"]), "dynamodb:CreateTable")
    error_message = "Who finds the tables there needs no right to make them."
  }
  assert {
    condition = one(one([for one in data.aws_iam_policy_document.kcl.statement : one.condition if one.sid == "PutMetrics"])) == {
      test = "StringEquals", variable = "cloudwatch:namespace", values = tolist(["iotstream", "iotstream"])
    }
    error_message = "Metrics go into their namespace only."
  }
}

run "kcl_may_make_its_tables" {
  command = plan
  module {
    source = "./modules/iam"
  }
  variables {
    consumer       = "ecs"
    enable_fan_out = true
  }
  assert {
    condition     = contains(one([for one in data.aws_iam_policy_document.kcl.statement : one.actions if one.sid == "Leases"]), "dynamodb:CreateTable")
    error_message = "The right to make them."
  }
  assert {
    condition     = length([for one in data.aws_iam_policy_document.kcl.statement : one if one.sid == "PutMetrics"]) == 0
    error_message = "PutMetricData is an option."
  }
  assert {
    condition     = contains([for one in data.aws_iam_policy_document.kcl.statement : one.sid], "RegisterFanOut")
    error_message = "KCL registers its consumer."
  }
}

run "the_crawler_reads_data_only" {
  command = plan
  module {
    source = "./modules/iam"
  }
  variables {
    enable_crawler = true
  }
  assert {
    condition = one([for one in data.aws_iam_policy_document.crawler.statement : one.resources if one.sid == "ReadData"]) == toset([
      "arn:aws:s3:::lake/telemetry/data/*"
    ])
    error_message = "Manifests are none of its business."
  }
}

run "refused" {
  command = plan
  module {
    source = "./modules/iam"
  }
  variables {
    tsdb                         = "both"
    on_failure_queue_arn         = null
    influxdb_token_secret_arn    = null
    timestream_table_arn         = null
    timestream_error_reports_arn = null
    enable_fan_out               = true
  }
  expect_failures = [
    var.on_failure_queue_arn, var.influxdb_token_secret_arn, var.timestream_table_arn, var.timestream_error_reports_arn,
    var.fan_out_consumer_arn,
  ]
}
