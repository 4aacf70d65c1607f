mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { name = "eu-west-1" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-west-1:123456789012:iotstream-alarms" }
  }
  mock_resource "aws_cloudwatch_metric_alarm" {
    defaults = { arn = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:one" }
  }
  mock_resource "aws_cloudwatch_event_rule" {
    defaults = { arn = "arn:aws:events:eu-west-1:123456789012:rule/audit" }
  }
}

variables {
  consumer                  = "lambda"
  stream_name               = "kinesis-stream"
  lambda_function_name      = "transform-function"
  lambda_timeout_seconds    = 120
  event_source_mapping_uuid = "5e5b1cd9"
  on_failure_queue_name     = "given-up"
  iot_rule_names            = ["telemetry"]
  iot_errors_bucket         = "iot-errors"
  influxdb_instance_name    = "iotstream"
  audit_function_name       = "audit-function"
}

# Name => metric, statistic, comparison, threshold, seconds x periods, what a missing value is.
run "alarms_with_lambda" {
  command = apply

  assert {
    condition = jsonencode({ for name, one in aws_cloudwatch_metric_alarm.this : name => join(" ", [
      one.namespace, one.metric_name, one.statistic, one.comparison_operator, one.threshold, "${one.period}x${one.evaluation_periods}", one.treat_missing_data,
      ]) if local.alarms[name].expression == null }) == jsonencode({
      audit-findings                   = "iotstream AuditFindings Maximum GreaterThanThreshold 0 3600x1 ignore"
      audit-silent                     = "iotstream AuditFindings SampleCount LessThanThreshold 1 10800x1 breaching"
      gaps                             = "iotstream Gaps Sum GreaterThanThreshold 0 300x1 notBreaching"
      influxdb-disk                    = "AWS/Timestream/InfluxDB DiskUtilization Maximum GreaterThanThreshold 75 300x2 breaching"
      iot-error-objects                = "AWS/S3 PutRequests Sum GreaterThanThreshold 0 300x1 notBreaching"
      iot-rule-failures-telemetry      = "AWS/IoT Failure Sum GreaterThanThreshold 0 300x1 notBreaching"
      iot-rule-lost-messages-telemetry = "AWS/IoT ErrorActionFailure Sum GreaterThanThreshold 0 300x1 notBreaching"
      kinesis-high-iterator-age        = "AWS/Kinesis GetRecords.IteratorAgeMilliseconds Maximum GreaterThanThreshold 60000 300x2 notBreaching"
      kinesis-no-incoming-data         = "AWS/Kinesis IncomingRecords Sum LessThanThreshold 1 900x1 breaching"
      kinesis-write-throttled          = "AWS/Kinesis WriteProvisionedThroughputExceeded Sum GreaterThanThreshold 0 300x1 notBreaching"
      lambda-duration                  = "AWS/Lambda Duration Maximum GreaterThanThreshold 96000 300x2 notBreaching"
      lambda-errors                    = "AWS/Lambda Errors Sum GreaterThanThreshold 0 300x1 notBreaching"
      lambda-high-iterator-age         = "AWS/Lambda IteratorAge Maximum GreaterThanThreshold 60000 300x2 notBreaching"
      lambda-on-failure-queue          = "AWS/SQS ApproximateNumberOfMessagesVisible Maximum GreaterThanThreshold 0 300x1 notBreaching"
      lambda-sink-unavailable          = "iotstream SinkUnavailable Sum GreaterThanThreshold 0 300x2 notBreaching"
      lambda-throttles                 = "AWS/Lambda Throttles Sum GreaterThanThreshold 0 300x2 notBreaching"
      lost-claims                      = "iotstream ClaimsLost Sum GreaterThanThreshold 10 3600x1 notBreaching"
      oldest-intent                    = "iotstream OldestIntentAge Maximum GreaterThanThreshold 3600 3600x1 ignore"
      timeseries-deferred-influxdb     = "iotstream Deferred.influxdb Sum GreaterThanThreshold 0 300x1 notBreaching"
      timeseries-refused-influxdb      = "iotstream Refused.influxdb Sum GreaterThanThreshold 0 300x1 notBreaching"
    })
    error_message = "alarms on one metric: ${jsonencode({ for name, one in aws_cloudwatch_metric_alarm.this : name => join(" ", [one.namespace, one.metric_name, one.statistic, one.comparison_operator, one.threshold, "${one.period}x${one.evaluation_periods}", one.treat_missing_data]) if local.alarms[name].expression == null })}"
  }
  assert {
    condition     = toset([for name, one in local.alarms : name if one.expression != null]) == toset(["lambda-not-invoked", "quarantine-rate"])
    error_message = "alarms on an expression"
  }
  assert {
    condition     = output.alarm_names == sort([for one in aws_cloudwatch_metric_alarm.this : one.alarm_name]) && length(output.alarm_names) == 22
    error_message = "output: ${length(output.alarm_names)}"
  }
  assert {
    condition     = alltrue([for one in aws_cloudwatch_metric_alarm.this : one.alarm_actions == toset([aws_sns_topic.this.arn]) && one.ok_actions == toset([aws_sns_topic.this.arn]) && length(one.alarm_description) > 20])
    error_message = "each tells the topic, and says what is wrong"
  }
}

run "dimensions_with_lambda" {
  command = plan

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["kinesis-high-iterator-age"].dimensions == tomap({ StreamName = "kinesis-stream" }) && aws_cloudwatch_metric_alarm.this["lambda-errors"].dimensions == tomap({ FunctionName = "transform-function" })
    error_message = "stream and function"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["gaps"].dimensions == tomap({ FunctionName = "transform-function", Stream = "kinesis-stream" })
    error_message = "the handler's own"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["oldest-intent"].dimensions == tomap({ Application = "iotstream", Stream = "kinesis-stream" })
    error_message = "the audit's own"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["iot-rule-failures-telemetry"].dimensions == tomap({ RuleName = "telemetry", ActionType = "Kinesis" }) && aws_cloudwatch_metric_alarm.this["iot-rule-lost-messages-telemetry"].dimensions == tomap({ RuleName = "telemetry", ActionType = "S3" })
    error_message = "the rule's action and error action"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["iot-error-objects"].dimensions == tomap({ BucketName = "iot-errors", FilterId = aws_s3_bucket_metric.errors["iot-errors"].name })
    error_message = "S3 counts requests only if it is asked to"
  }
  assert {
    condition     = { for name, one in aws_s3_bucket_metric.errors : name => one.filter[0].prefix } == { iot-errors = "errors/" }
    error_message = "and only the rules' errors"
  }
}

run "what_stops_quietly_with_lambda" {
  command = plan

  assert {
    condition     = one([for one in aws_cloudwatch_metric_alarm.this["lambda-not-invoked"].metric_query : one.expression if one.return_data]) == "IF(FILL(incoming, 0) > 0 AND FILL(invocations, 0) == 0, 1, 0)"
    error_message = "records come in and the handler is not invoked"
  }
  assert {
    condition     = toset([for one in aws_cloudwatch_metric_alarm.this["lambda-not-invoked"].metric_query : "${one.id} ${one.metric[0].namespace} ${one.metric[0].metric_name} ${one.metric[0].stat} ${one.metric[0].period}" if !one.return_data]) == toset(["incoming AWS/Kinesis IncomingRecords Sum 300", "invocations AWS/Lambda Invocations Sum 300"])
    error_message = "of these metrics"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["lambda-not-invoked"].threshold == 1 && aws_cloudwatch_metric_alarm.this["lambda-not-invoked"].evaluation_periods == 3 && aws_cloudwatch_metric_alarm.this["lambda-not-invoked"].treat_missing_data == "breaching"
    error_message = "three times in a row, or silence"
  }
  assert {
    condition     = strcontains(aws_cloudwatch_metric_alarm.this["lambda-not-invoked"].alarm_description, "get-event-source-mapping --uuid 5e5b1cd9")
    error_message = "it says where to look"
  }
}

run "quarantine_rate" {
  command = plan

  variables { quarantine_percent = 12.5 }

  assert {
    condition     = one([for one in aws_cloudwatch_metric_alarm.this["quarantine-rate"].metric_query : one.expression if one.return_data]) == "IF(rows + rejects > 0, 100 * rejects / (rows + rejects), 0)" && aws_cloudwatch_metric_alarm.this["quarantine-rate"].threshold == 12.5 && aws_cloudwatch_metric_alarm.this["quarantine-rate"].evaluation_periods == 3
    error_message = "percent of all items"
  }
  assert {
    condition     = toset([for one in aws_cloudwatch_metric_alarm.this["quarantine-rate"].metric_query : one.metric[0].metric_name if !one.return_data]) == toset(["Rows", "Rejects"])
    error_message = "of rows and rejects"
  }
}

run "thresholds_are_variables" {
  command = plan

  variables {
    iterator_age_ms           = 1000
    no_data_minutes           = 5
    lambda_duration_percent   = 50
    write_throttles_count     = 1
    lambda_errors_count       = 2
    lambda_throttles_count    = 3
    rule_failures_count       = 4
    iot_error_objects_count   = 5
    on_failure_messages_count = 6
    deferred_spans_count      = 7
    refused_rows_count        = 8
    gaps_count                = 9
    lost_claims_per_hour      = 11
    oldest_intent_minutes     = 30
    audit_findings_count      = 12
    audit_silent_hours        = 6
    influxdb_disk_percent     = 60
    sink_failures_count       = 13
  }

  assert {
    condition = jsonencode({ for name, one in aws_cloudwatch_metric_alarm.this : name => one.threshold if local.alarms[name].expression == null }) == jsonencode({
      audit-findings                   = 12
      audit-silent                     = 1
      gaps                             = 9
      influxdb-disk                    = 60
      iot-error-objects                = 5
      iot-rule-failures-telemetry      = 4
      iot-rule-lost-messages-telemetry = 0
      kinesis-high-iterator-age        = 1000
      kinesis-no-incoming-data         = 1
      kinesis-write-throttled          = 1
      lambda-duration                  = 60000
      lambda-errors                    = 2
      lambda-high-iterator-age         = 1000
      lambda-on-failure-queue          = 6
      lambda-sink-unavailable          = 13
      lambda-throttles                 = 3
      lost-claims                      = 11
      oldest-intent                    = 1800
      timeseries-deferred-influxdb     = 7
      timeseries-refused-influxdb      = 8
    })
    error_message = "thresholds"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["kinesis-no-incoming-data"].period == 300 && aws_cloudwatch_metric_alarm.this["audit-silent"].period == 21600
    error_message = "times"
  }
}

run "alarms_with_ecs_and_both_stores" {
  command = apply

  variables {
    name_prefix               = "dev-"
    consumer                  = "ecs"
    lambda_function_name      = null
    lambda_timeout_seconds    = null
    event_source_mapping_uuid = null
    on_failure_queue_name     = null
    ecs_cluster_name          = "iotstream"
    ecs_service_name          = "iotstream-consumer"
    desired_count             = 2
    application               = "fleet"
    metrics_namespace         = "Fleet"
    tsdb                      = "both"
    timestream_database       = "iot_timestream_db"
    timestream_table          = "iot_table"
    timestream_reports_prefix = "timestream"
    audit_function_name       = null
  }

  assert {
    condition = jsonencode(sort(keys(aws_cloudwatch_metric_alarm.this))) == jsonencode([
      "ecs-consumer-lag", "ecs-tasks-missing", "gaps", "influxdb-disk", "iot-error-objects", "iot-rule-failures-telemetry",
      "iot-rule-lost-messages-telemetry", "kinesis-high-iterator-age", "kinesis-no-incoming-data", "kinesis-write-throttled",
      "lost-claims", "quarantine-rate", "timeseries-deferred", "timeseries-refused-influxdb", "timeseries-refused-timestream",
      "timestream-late-refused", "timestream-system-errors", "timestream-user-errors",
    ])
    error_message = "alarms: ${jsonencode(keys(aws_cloudwatch_metric_alarm.this))}"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["gaps"].alarm_name == "dev-gaps" && aws_cloudwatch_metric_alarm.this["gaps"].namespace == "Fleet"
    error_message = "prefix and namespace"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["ecs-consumer-lag"].metric_name == "MaxLag" && aws_cloudwatch_metric_alarm.this["ecs-consumer-lag"].statistic == "Maximum" && aws_cloudwatch_metric_alarm.this["ecs-consumer-lag"].threshold == 60000 && aws_cloudwatch_metric_alarm.this["ecs-consumer-lag"].treat_missing_data == "breaching" && aws_cloudwatch_metric_alarm.this["ecs-consumer-lag"].dimensions == tomap({ Application = "fleet", Stream = "kinesis-stream" })
    error_message = "the consumer's own lag; silence alarms"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["timeseries-deferred"].metric_name == "Deferred"
    error_message = "the consumer on ECS counts deferred spans in all"
  }
  assert {
    condition     = one([for one in aws_cloudwatch_metric_alarm.this["ecs-tasks-missing"].metric_query : one.expression if one.return_data]) == "IF(running < desired OR running < 2, 1, 0)" && aws_cloudwatch_metric_alarm.this["ecs-tasks-missing"].treat_missing_data == "breaching"
    error_message = "fewer tasks than wanted, or than the least"
  }
  assert {
    condition     = toset([for one in aws_cloudwatch_metric_alarm.this["ecs-tasks-missing"].metric_query : "${one.metric[0].namespace} ${one.metric[0].metric_name} ${one.metric[0].stat} ${one.metric[0].dimensions.ServiceName}" if !one.return_data]) == toset(["ECS/ContainerInsights RunningTaskCount Maximum iotstream-consumer", "ECS/ContainerInsights DesiredTaskCount Minimum iotstream-consumer"])
    error_message = "of Container Insights"
  }
  assert {
    condition     = { for name, one in aws_s3_bucket_metric.errors : name => one.filter[0].prefix } == { iot-errors = "errors/", timestream-reports = "timestream/" } && aws_cloudwatch_metric_alarm.this["timestream-late-refused"].dimensions == tomap({ BucketName = "iot-errors", FilterId = "timestream-reports" })
    error_message = "reports on late rows are no errors of the rules"
  }
  assert {
    # They have no other dimension.
    condition     = aws_cloudwatch_metric_alarm.this["timestream-user-errors"].dimensions == tomap({ Operation = "WriteRecords" }) && aws_cloudwatch_metric_alarm.this["timestream-system-errors"].dimensions == tomap({ Operation = "WriteRecords" }) && aws_cloudwatch_metric_alarm.this["timestream-system-errors"].metric_name == "SystemErrors"
    error_message = "LiveAnalytics' errors"
  }
  assert {
    condition     = length(aws_cloudwatch_event_rule.audit) == 0 && length(aws_lambda_permission.audit) == 0
    error_message = "no audit function, no schedule"
  }
}

run "without_a_time_series_store_or_optional_parts" {
  command = plan

  variables {
    tsdb                   = "none"
    influxdb_instance_name = null
    iot_errors_bucket      = null
    on_failure_queue_name  = null
    audit_function_name    = null
    iot_log_group          = null
    iot_rule_names         = []
  }

  assert {
    condition     = !anytrue([for name in keys(aws_cloudwatch_metric_alarm.this) : can(regex("^(time|influxdb|iot-|audit|oldest|lambda-on-failure)", name))])
    error_message = "alarms: ${jsonencode(keys(aws_cloudwatch_metric_alarm.this))}"
  }
  assert {
    condition     = length(aws_s3_bucket_metric.errors) == 0
    error_message = "no bucket, no metrics of it"
  }
}

run "the_audit_runs_every_hour" {
  command = apply

  assert {
    condition     = aws_cloudwatch_event_rule.audit[0].schedule_expression == "rate(1 hour)" && aws_cloudwatch_event_target.audit[0].arn == "arn:aws:lambda:eu-west-1:123456789012:function:audit-function"
    error_message = "the schedule calls the function"
  }
  assert {
    condition     = aws_lambda_permission.audit[0].principal == "events.amazonaws.com" && aws_lambda_permission.audit[0].source_arn == aws_cloudwatch_event_rule.audit[0].arn && aws_lambda_permission.audit[0].source_account == "123456789012"
    error_message = "this rule alone may call it"
  }
}

run "the_topic_takes_alarms_of_this_account_only" {
  command = apply

  variables { alarm_emails = ["ops@example.com", "lead@example.com"] }

  assert {
    condition     = length(data.aws_iam_policy_document.topic.statement) == 1 && one(data.aws_iam_policy_document.topic.statement[0].principals).identifiers == toset(["cloudwatch.amazonaws.com"]) && data.aws_iam_policy_document.topic.statement[0].actions == toset(["sns:Publish"]) && data.aws_iam_policy_document.topic.statement[0].resources == toset([aws_sns_topic.this.arn])
    error_message = "CloudWatch may publish"
  }
  assert {
    condition     = { for one in data.aws_iam_policy_document.topic.statement[0].condition : one.variable => join(",", one.values) } == { "aws:SourceAccount" = "123456789012", "aws:SourceArn" = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:*" }
    error_message = "for this account's alarms"
  }
  assert {
    condition     = toset(keys(aws_sns_topic_subscription.email)) == toset(["ops@example.com", "lead@example.com"]) && alltrue([for one in aws_sns_topic_subscription.email : one.protocol == "email"])
    error_message = "mails"
  }
}

run "the_dashboard_shows_every_metric_with_lambda" {
  command = apply

  variables {
    tsdb                = "both"
    timestream_database = "iot_timestream_db"
    timestream_table    = "iot_table"
  }

  assert {
    condition = length([for name in [
      # The original's.
      "PublishIn.Success", "RulesExecuted", "Failure", "IncomingRecords", "IncomingBytes", "GetRecords.IteratorAgeMilliseconds",
      "WriteProvisionedThroughputExceeded", "Invocations", "Errors", "Duration", "Throttles", "SystemErrors", "UserErrors", "SuccessfulRequestLatency",
      # Ours.
      "Records", "Rows", "Rejects", "Skipped", "PayloadBytes", "Spans", "Gaps", "ClaimsLost", "SinkUnavailable", "IteratorAge",
      "Deferred.influxdb", "Deferred.timestream", "Refused.influxdb", "Refused.timestream", "AuditFindings", "AuditNotes", "AuditSpans",
      "AuditProvedSpans", "OldestIntentAge", "DiskUtilization",
    ] : name if !strcontains(aws_cloudwatch_dashboard.this.dashboard_body, "\"${name}\"")]) == 0
    error_message = "dashboard: ${aws_cloudwatch_dashboard.this.dashboard_body}"
  }
  assert {
    condition     = strcontains(aws_cloudwatch_dashboard.this.dashboard_body, "{\\\"iotstream\\\",FunctionName,Stream} MetricName=Rejects Stream=\\\"kinesis-stream\\\"")
    error_message = "dead letters by reason"
  }
  assert {
    condition     = length([for one in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : one if one.type == "alarm"][0].properties.alarms) == length(aws_cloudwatch_metric_alarm.this)
    error_message = "all alarms"
  }
  assert {
    condition     = strcontains([for one in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : one if one.type == "log"][0].properties.query, "SOURCE '/aws/iot/logs'")
    error_message = "IoT's errors"
  }
  assert {
    condition     = length(distinct([for one in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : "${one.x},${one.y}"])) == length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets)
    error_message = "no two widgets at one place"
  }
}

run "the_dashboard_shows_every_metric_with_ecs" {
  command = apply

  variables {
    consumer               = "ecs"
    lambda_function_name   = null
    lambda_timeout_seconds = null
    ecs_cluster_name       = "iotstream"
    ecs_service_name       = "iotstream-consumer"
  }

  assert {
    condition     = length([for name in ["MaxLag", "Shards", "BufferedBytes", "Deferred", "Refused.influxdb", "RunningTaskCount", "DesiredTaskCount", "CPUUtilization", "MemoryUtilization"] : name if !strcontains(aws_cloudwatch_dashboard.this.dashboard_body, "\"${name}\"")]) == 0
    error_message = "dashboard: ${aws_cloudwatch_dashboard.this.dashboard_body}"
  }
  assert {
    condition     = !strcontains(aws_cloudwatch_dashboard.this.dashboard_body, "AWS/Lambda")
    error_message = "nothing of Lambda"
  }
}

run "refuses_another_consumer" {
  command = plan
  variables { consumer = "both" }
  expect_failures = [var.consumer]
}

run "refuses_lambda_without_its_name" {
  command = plan
  variables { lambda_function_name = null }
  expect_failures = [var.consumer]
}

run "refuses_ecs_without_its_service" {
  command = plan
  variables {
    consumer         = "ecs"
    ecs_cluster_name = "iotstream"
  }
  expect_failures = [var.consumer]
}

run "refuses_another_store" {
  command = plan
  variables { tsdb = "timestream" }
  expect_failures = [var.tsdb]
}

run "refuses_a_namespace_of_aws" {
  command = plan
  variables { metrics_namespace = "AWS/IoTStream" }
  expect_failures = [var.metrics_namespace]
}

run "refuses_a_day_and_more" {
  command = plan
  variables { no_data_minutes = 2000 }
  expect_failures = [var.no_data_minutes]
}

run "refuses_more_than_the_timeout" {
  command = plan
  variables { lambda_duration_percent = 120 }
  expect_failures = [var.lambda_duration_percent]
}

run "refuses_a_schedule_that_is_none" {
  command = plan
  variables { audit_schedule = "hourly" }
  expect_failures = [var.audit_schedule]
}

run "refuses_what_is_no_address" {
  command = plan
  variables { alarm_emails = ["ops"] }
  expect_failures = [var.alarm_emails]
}

run "refuses_all_as_a_quarantine_rate" {
  command = plan
  variables { quarantine_percent = 100 }
  expect_failures = [var.quarantine_percent]
}
