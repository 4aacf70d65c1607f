locals {
  own = flatten([for name, value in local.own_dimensions : [name, value]])
  # Dimensions of what the audit writes.
  application = flatten([for name, value in local.application_dimensions : [name, value]])

  # One word of a metric's name is enough for a search.
  search = "SEARCH('{\"${var.metrics_namespace}\",${join(",", keys(local.own_dimensions))}} MetricName=%s Stream=\"${var.stream_name}\"', 'Sum', 300)"

  panels = [for panel in [
    {
      shown = true, title = "IoT Core: messages", stat = "Sum"
      metrics = concat(
        [["AWS/IoT", "PublishIn.Success", "Protocol", "MQTT"], ["AWS/IoT", "RulesExecuted"]],
        [for rule in var.iot_rule_names : ["AWS/IoT", "TopicMatch", "RuleName", rule]],
      )
    },
    {
      shown = length(var.iot_rule_names) > 0, title = "IoT Core: rules", stat = "Sum"
      metrics = concat([], [for rule in var.iot_rule_names : [
        ["AWS/IoT", "Success", "RuleName", rule, "ActionType", "Kinesis"],
        ["AWS/IoT", "Failure", "RuleName", rule, "ActionType", "Kinesis"],
        ["AWS/IoT", "ErrorActionSuccess", "RuleName", rule, "ActionType", "S3"],
        ["AWS/IoT", "ErrorActionFailure", "RuleName", rule, "ActionType", "S3"],
        ["AWS/IoT", "RuleMessageThrottled", "RuleName", rule],
        ["AWS/IoT", "ParseError", "RuleName", rule],
      ]]...)
    },
    {
      shown = true, title = "Kinesis: records", stat = "Sum"
      metrics = [
        ["AWS/Kinesis", "IncomingRecords", "StreamName", var.stream_name],
        ["AWS/Kinesis", "WriteProvisionedThroughputExceeded", "StreamName", var.stream_name],
        ["AWS/Kinesis", "ReadProvisionedThroughputExceeded", "StreamName", var.stream_name],
      ]
    },
    {
      shown = true, title = "Kinesis: bytes", stat = "Sum"
      metrics = [
        ["AWS/Kinesis", "IncomingBytes", "StreamName", var.stream_name],
        ["AWS/Kinesis", "GetRecords.Bytes", "StreamName", var.stream_name],
      ]
    },
    {
      shown = true, title = "Age of records when they are read, ms", stat = "Maximum"
      metrics = concat(
        [["AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", "StreamName", var.stream_name]],
        [for row in [["AWS/Lambda", "IteratorAge", "FunctionName", var.lambda_function_name], concat([var.metrics_namespace, "IteratorAge"], local.own)] : row if local.lambda],
        [for name in ["MaxLag"] : concat([var.metrics_namespace, name], local.own) if local.ecs],
      )
    },
    {
      shown   = local.lambda, title = "Lambda: invocations", stat = "Sum"
      metrics = [for name in ["Invocations", "Errors", "Throttles"] : ["AWS/Lambda", name, "FunctionName", var.lambda_function_name]]
    },
    {
      shown = local.lambda, title = "Lambda: duration (ms), concurrency", stat = "Maximum"
      metrics = [
        ["AWS/Lambda", "Duration", "FunctionName", var.lambda_function_name],
        ["AWS/Lambda", "ConcurrentExecutions", "FunctionName", var.lambda_function_name, { yAxis = "right" }],
      ]
    },
    {
      shown   = local.lambda && var.on_failure_queue_name != null, title = "Records that Lambda gave up", stat = "Maximum"
      metrics = [["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", var.on_failure_queue_name]]
    },
    {
      shown = local.ecs, title = "ECS: tasks", stat = "Minimum"
      metrics = concat(
        [for name in ["DesiredTaskCount", "RunningTaskCount"] : ["ECS/ContainerInsights", name, "ClusterName", var.ecs_cluster_name, "ServiceName", var.ecs_service_name]],
        [concat([var.metrics_namespace, "Shards"], local.own, [{ yAxis = "right", stat = "Sum", period = 60 }])],
      )
    },
    {
      shown = local.ecs, title = "ECS: CPU and memory, %", stat = "Maximum"
      metrics = concat(
        [for name in ["CPUUtilization", "MemoryUtilization"] : ["AWS/ECS", name, "ClusterName", var.ecs_cluster_name, "ServiceName", var.ecs_service_name]],
        [concat([var.metrics_namespace, "BufferedBytes"], local.own, [{ yAxis = "right" }])],
      )
    },
    {
      shown   = true, title = "Items", stat = "Sum"
      metrics = [for name in ["Records", "Rows", "Rejects", "Skipped"] : concat([var.metrics_namespace, name], local.own)]
    },
    {
      shown = true, title = "Bytes and spans", stat = "Sum"
      metrics = [
        concat([var.metrics_namespace, "PayloadBytes"], local.own),
        concat([var.metrics_namespace, "Spans"], local.own, [{ yAxis = "right" }]),
      ]
    },
    {
      # By search: a reason has a metric only once it has occurred.
      shown   = true, title = "Dead letters by reason", stat = "Sum"
      metrics = [[{ expression = format(local.search, "Rejects") }]]
    },
    {
      shown   = true, title = "Time by stage, ms", stat = "Sum"
      metrics = [[{ expression = format(local.search, "Duration") }]]
    },
    {
      shown = length(local.stores) > 0, title = "Time-series store: deferred spans, refused rows", stat = "Sum"
      metrics = concat(
        [for name in local.ecs ? ["Deferred"] : [for store in local.stores : "Deferred.${store}"] : concat([var.metrics_namespace, name], local.own)],
        [for store in local.stores : concat([var.metrics_namespace, "Refused.${store}"], local.own)],
      )
    },
    {
      shown = local.liveanalytics, title = "Timestream for LiveAnalytics", stat = "Sum"
      metrics = concat(
        [for name in ["SystemErrors", "UserErrors"] : ["AWS/Timestream", name, "Operation", "WriteRecords"]],
        [for row in [[
          "AWS/Timestream", "SuccessfulRequestLatency", "DatabaseName", var.timestream_database, "TableName", var.timestream_table,
          "Operation", "WriteRecords", { stat = "p95", yAxis = "right" },
        ]] : row if var.timestream_database != null && var.timestream_table != null],
      )
    },
    {
      shown   = local.influxdb && var.influxdb_instance_name != null, title = "Timestream for InfluxDB, %", stat = "Maximum"
      metrics = [for name in ["CPUUtilization", "MemoryUtilization", "DiskUtilization"] : ["AWS/Timestream/InfluxDB", name, "DbInstanceName", var.influxdb_instance_name]]
    },
    {
      shown = true, title = "What must stay at 0", stat = "Sum"
      metrics = concat(
        [for name in ["Gaps", "ClaimsLost"] : concat([var.metrics_namespace, name], local.own)],
        [for name in ["SinkUnavailable"] : concat([var.metrics_namespace, name], local.own) if local.lambda],
        [for name in keys(local.error_prefixes) : ["AWS/S3", "PutRequests", "BucketName", var.iot_errors_bucket, "FilterId", name, { label = name }]],
      )
    },
    {
      shown = local.audit, title = "Audit: spans, proved ones; findings, notes", stat = "Maximum"
      metrics = concat(
        [for name in ["AuditSpans", "AuditProvedSpans"] : concat([var.metrics_namespace, name], local.application, [{ period = 3600 }])],
        [for name in ["AuditFindings", "AuditNotes"] : concat([var.metrics_namespace, name], local.application, [{ period = 3600, yAxis = "right" }])],
      )
    },
    {
      shown   = local.audit, title = "Oldest uncommitted intent, s", stat = "Maximum"
      metrics = [concat([var.metrics_namespace, "OldestIntentAge"], local.application, [{ period = 3600 }])]
    },
  ] : panel if panel.shown]

  alarm_widget = {
    type       = "alarm", x = 0, y = 0, width = 24, height = 4
    properties = { title = "Alarms", alarms = [for name in sort(keys(local.alarms)) : aws_cloudwatch_metric_alarm.this[name].arn] }
  }

  # Three in a row.
  metric_widgets = [for index, panel in local.panels : {
    type = "metric", x = index % 3 * 8, y = 4 + floor(index / 3) * 6, width = 8, height = 6
    properties = {
      title   = panel.title, region = local.region, view = "timeSeries", stat = panel.stat, period = 300
      metrics = panel.metrics
    }
  }]

  log_widgets = [for group in compact([var.iot_log_group]) : {
    type = "log", x = 0, y = 4 + ceil(length(local.panels) / 3) * 6, width = 24, height = 6
    properties = {
      title = "IoT Core: errors", region = local.region, view = "table"
      query = "SOURCE '${group}' | fields @timestamp, eventType, clientId, ruleName, topicName, reason, details | filter logLevel = 'ERROR' | sort @timestamp desc | limit 50"
    }
  }]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = "${var.name_prefix}iotstream"
  dashboard_body = jsonencode({ widgets = concat([local.alarm_widget], local.metric_widgets, local.log_widgets) })
}
