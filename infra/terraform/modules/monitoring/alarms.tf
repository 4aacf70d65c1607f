# All alarms, as a table. `missing` is what CloudWatch makes of periods without a value; each has its reason.

locals {
  lambda        = var.consumer == "lambda"
  ecs           = var.consumer == "ecs"
  influxdb      = contains(["influxdb", "both"], var.tsdb)
  liveanalytics = contains(["liveanalytics", "both"], var.tsdb)
  # The sinks' names in iotstream's metrics (Refused.<sink>, Deferred.<sink>).
  stores = concat(local.influxdb ? ["influxdb"] : [], local.liveanalytics ? ["timestream"] : [])
  audit  = var.audit_function_name != null

  # What is put into the error bucket, by who puts it: name of the metric's filter => prefix.
  error_prefixes = var.iot_errors_bucket == null ? {} : merge(
    { iot-errors = "${var.iot_errors_prefix}/" },
    local.liveanalytics && var.timestream_reports_prefix != null ? { timestream-reports = "${var.timestream_reports_prefix}/" } : {},
  )

  stream_dimensions = { StreamName = var.stream_name }
  lambda_dimensions = { FunctionName = coalesce(var.lambda_function_name, "none") }
  ecs_dimensions = {
    ClusterName = coalesce(var.ecs_cluster_name, "none")
    ServiceName = coalesce(var.ecs_service_name, "none")
  }
  # As sources/lambda_handler.py and sources/kcl/consumer.py name them.
  application_dimensions = { Application = var.application, Stream = var.stream_name }
  own_dimensions         = local.lambda ? merge(local.lambda_dimensions, { Stream = var.stream_name }) : local.application_dimensions

  ok      = "notBreaching"
  alarm   = "breaching"
  stay    = "ignore"
  above   = "GreaterThanThreshold"
  reaches = "GreaterThanOrEqualToThreshold"
  below   = "LessThanThreshold"

  look_at_mapping = (
    var.event_source_mapping_uuid == null
    ? "aws lambda list-event-source-mappings --function-name ${coalesce(var.lambda_function_name, "none")}"
    : "aws lambda get-event-source-mapping --uuid ${var.event_source_mapping_uuid}"
  )

  stream_alarms = {
    kinesis-high-iterator-age = {
      enabled     = true
      description = "Records wait too long in ${var.stream_name} before they are read; when they are older than the retention they are lost."
      namespace   = "AWS/Kinesis", metric = "GetRecords.IteratorAgeMilliseconds", dimensions = local.stream_dimensions
      statistic   = "Maximum", comparison = local.above, threshold = var.iterator_age_ms, period = 300, periods = 2
      missing     = local.ok # nobody reads (or by fan-out, which has no such metric): other alarms are for that
    }
    kinesis-write-throttled = {
      enabled     = true
      description = "${var.stream_name} refuses records: too few shards, or one hot partition key."
      namespace   = "AWS/Kinesis", metric = "WriteProvisionedThroughputExceeded", dimensions = local.stream_dimensions
      statistic   = "Sum", comparison = local.above, threshold = var.write_throttles_count, period = 300, periods = 1
      missing     = local.ok # nothing was written, so nothing was refused
    }
    kinesis-no-incoming-data = {
      enabled     = true
      description = "No record has come into ${var.stream_name} for ${var.no_data_minutes} minutes: devices, certificates, IoT rule?"
      namespace   = "AWS/Kinesis", metric = "IncomingRecords", dimensions = local.stream_dimensions
      statistic   = "Sum", comparison = local.below, threshold = 1, period = var.no_data_minutes * 60, periods = 1
      missing     = local.alarm # a stream that gets nothing has no value: that is the case it is for
    }
  }

  lambda_alarms = {
    lambda-high-iterator-age = {
      enabled     = local.lambda
      description = "Records are old when the handler gets them."
      namespace   = "AWS/Lambda", metric = "IteratorAge", dimensions = local.lambda_dimensions
      statistic   = "Maximum", comparison = local.above, threshold = var.iterator_age_ms, period = 300, periods = 2
      missing     = local.ok # no invocation: lambda-not-invoked says whether there should have been one
    }
    lambda-errors = {
      enabled     = local.lambda
      description = "Invocations fail: a wrong setting, a missing right, or no memory or time. Bad data never does that."
      namespace   = "AWS/Lambda", metric = "Errors", dimensions = local.lambda_dimensions
      statistic   = "Sum", comparison = local.above, threshold = var.lambda_errors_count, period = 300, periods = 1
      missing     = local.ok # no invocation, no error
    }
    lambda-throttles = {
      enabled     = local.lambda
      description = "Invocations are throttled: more shards than reserved concurrency, or the account's is used up."
      namespace   = "AWS/Lambda", metric = "Throttles", dimensions = local.lambda_dimensions
      statistic   = "Sum", comparison = local.above, threshold = var.lambda_throttles_count, period = 300, periods = 2
      missing     = local.ok # no invocation, no throttling
    }
    lambda-duration = {
      enabled     = local.lambda
      description = "Invocations take more than ${var.lambda_duration_percent} % of the timeout of ${coalesce(var.lambda_timeout_seconds, 0)} s."
      namespace   = "AWS/Lambda", metric = "Duration", dimensions = local.lambda_dimensions
      statistic   = "Maximum", comparison = local.above, threshold = coalesce(var.lambda_timeout_seconds, 0) * 10 * var.lambda_duration_percent, period = 300, periods = 2
      missing     = local.ok # no invocation, no duration
    }
    lambda-sink-unavailable = {
      enabled     = local.lambda
      description = "Batches fail because a sink or the journal is down; the handler's log names it. Nothing is lost, the records come again."
      namespace   = var.metrics_namespace, metric = "SinkUnavailable", dimensions = local.own_dimensions
      statistic   = "Sum", comparison = local.above, threshold = var.sink_failures_count, period = 300, periods = 2
      missing     = local.ok # no invocation, no failure
    }
    lambda-on-failure-queue = {
      enabled     = local.lambda && var.on_failure_queue_name != null
      description = "Lambda gave records up: with unlimited retries and age that means a setting of the mapping was changed."
      namespace   = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", dimensions = { QueueName = coalesce(var.on_failure_queue_name, "none") }
      statistic   = "Maximum", comparison = local.above, threshold = var.on_failure_messages_count, period = 300, periods = 1
      missing     = local.ok # SQS stops counting a queue that nobody has used for six hours
    }
  }

  ecs_alarms = {
    ecs-consumer-lag = {
      enabled     = local.ecs
      description = "The consumer is behind the stream's end, or says nothing."
      namespace   = var.metrics_namespace, metric = "MaxLag", dimensions = local.own_dimensions
      statistic   = "Maximum", comparison = local.above, threshold = var.consumer_lag_ms, period = 300, periods = 2
      missing     = local.alarm # a consumer reports each minute, also when it is idle: silence is a fault
    }
  }

  iot_alarms = merge([for rule in var.iot_rule_names : {
    "iot-rule-failures-${rule}" = {
      enabled     = true
      description = "Rule ${rule} can't put records into the stream; they go to the error bucket."
      namespace   = "AWS/IoT", metric = "Failure", dimensions = { RuleName = rule, ActionType = "Kinesis" }
      statistic   = "Sum", comparison = local.above, threshold = var.rule_failures_count, period = 300, periods = 1
      missing     = local.ok # the metric is there only when something failed
    }
    "iot-rule-lost-messages-${rule}" = {
      enabled     = true
      description = "The error action of rule ${rule} failed as well: these messages are lost."
      namespace   = "AWS/IoT", metric = "ErrorActionFailure", dimensions = { RuleName = rule, ActionType = "S3" }
      statistic   = "Sum", comparison = local.above, threshold = 0, period = 300, periods = 1
      missing     = local.ok # the metric is there only when something failed
    }
  }]...)

  more_iot_alarms = {
    iot-error-objects = {
      enabled     = var.iot_errors_bucket != null
      description = "Messages that a rule could not deliver were put into ${coalesce(var.iot_errors_bucket, "none")}: they are not in the stream."
      namespace   = "AWS/S3", metric = "PutRequests", dimensions = { BucketName = coalesce(var.iot_errors_bucket, "none"), FilterId = "iot-errors" }
      statistic   = "Sum", comparison = local.above, threshold = var.iot_error_objects_count, period = 300, periods = 1
      missing     = local.ok # no request, no value
    }
  }

  store_alarms = merge(
    { for store in local.stores : "timeseries-refused-${store}" => {
      enabled     = true
      description = "${store} refuses rows for good; they are in the lake, and among the dead letters with the sink's name."
      namespace   = var.metrics_namespace, metric = "Refused.${store}", dimensions = local.own_dimensions
      statistic   = "Sum", comparison = local.above, threshold = var.refused_rows_count, period = 300, periods = 1
      missing     = local.ok # the metric is there only when something was refused
    } },
    # The handler counts deferred spans by store, the consumer on ECS in all.
    { for store in local.stores : "timeseries-deferred-${store}" => {
      enabled     = local.lambda
      description = "${store} was down: the lake has the rows, the store does not. Run iotstream backfill once it is back."
      namespace   = var.metrics_namespace, metric = "Deferred.${store}", dimensions = local.own_dimensions
      statistic   = "Sum", comparison = local.above, threshold = var.deferred_spans_count, period = 300, periods = 1
      missing     = local.ok # the metric is there only when something was deferred
    } },
    {
      timeseries-deferred = {
        enabled     = local.ecs && length(local.stores) > 0
        description = "A time-series store was down: the lake has the rows, the store does not. Run iotstream backfill once it is back."
        namespace   = var.metrics_namespace, metric = "Deferred", dimensions = local.own_dimensions
        statistic   = "Sum", comparison = local.above, threshold = var.deferred_spans_count, period = 300, periods = 1
        missing     = local.ok # ecs-consumer-lag is for a silent consumer
      }
      # These two have no other dimension: they count all of the account's tables.
      # https://docs.aws.amazon.com/timestream/latest/developerguide/metrics-dimensions.html
      timestream-system-errors = {
        enabled     = local.liveanalytics
        description = "Timestream for LiveAnalytics fails to write."
        namespace   = "AWS/Timestream", metric = "SystemErrors", dimensions = { Operation = "WriteRecords" }
        statistic   = "Sum", comparison = local.above, threshold = var.timestream_system_errors_count, period = 300, periods = 1
        missing     = local.ok # the metric is there only when something failed
      }
      timestream-user-errors = {
        enabled     = local.liveanalytics
        description = "Timestream for LiveAnalytics refuses writes: a right, a table, a quota, or values that do not fit."
        namespace   = "AWS/Timestream", metric = "UserErrors", dimensions = { Operation = "WriteRecords" }
        statistic   = "Sum", comparison = local.above, threshold = var.timestream_user_errors_count, period = 300, periods = 1
        missing     = local.ok # the metric is there only when something was refused
      }
      timestream-late-refused = {
        enabled     = contains(keys(local.error_prefixes), "timestream-reports")
        description = "Timestream for LiveAnalytics took late rows and refused them afterwards; its reports are in ${coalesce(var.iot_errors_bucket, "none")}, the rows in the lake."
        namespace   = "AWS/S3", metric = "PutRequests", dimensions = { BucketName = coalesce(var.iot_errors_bucket, "none"), FilterId = "timestream-reports" }
        statistic   = "Sum", comparison = local.above, threshold = var.timestream_reports_count, period = 300, periods = 1
        missing     = local.ok # no request, no value
      }
      influxdb-disk = {
        enabled     = local.influxdb && var.influxdb_instance_name != null
        description = "InfluxDB's disk is nearly full; when it is, it takes no more points."
        namespace   = "AWS/Timestream/InfluxDB", metric = "DiskUtilization", dimensions = { DbInstanceName = coalesce(var.influxdb_instance_name, "none") }
        statistic   = "Maximum", comparison = local.above, threshold = var.influxdb_disk_percent, period = 300, periods = 2
        missing     = local.alarm # an instance that is up always has a value
      }
    },
  )

  quiet_alarms = {
    gaps = {
      enabled     = true
      description = "Records were gone from the stream before they were read: data is lost. The lake's gap-….json says which (docs/guarantees.md)."
      namespace   = var.metrics_namespace, metric = "Gaps", dimensions = local.own_dimensions
      statistic   = "Sum", comparison = local.above, threshold = var.gaps_count, period = 300, periods = 1
      missing     = local.ok # no reading, no gap seen; other alarms are for that
    }
    lost-claims = {
      enabled     = true
      description = "Workers lose their shards to others again and again: do two consumers write to one lake?"
      namespace   = var.metrics_namespace, metric = "ClaimsLost", dimensions = local.own_dimensions
      statistic   = "Sum", comparison = local.above, threshold = var.lost_claims_per_hour, period = 3600, periods = 1
      missing     = local.ok # no reading, no claim lost
    }
    oldest-intent = {
      enabled     = local.audit
      description = "A span was begun more than ${var.oldest_intent_minutes} minutes ago and is not committed: its shard stands still."
      namespace   = var.metrics_namespace, metric = "OldestIntentAge", dimensions = local.application_dimensions
      statistic   = "Maximum", comparison = local.above, threshold = var.oldest_intent_minutes * 60, period = 3600, periods = 1
      missing     = local.stay # no audit in this hour: what the last one saw holds; audit-silent is for the silence
    }
    audit-findings = {
      enabled     = local.audit
      description = "iotstream audit found that a record is missing, double or altered: run it by hand, it says what to do (docs/audit.md)."
      namespace   = var.metrics_namespace, metric = "AuditFindings", dimensions = local.application_dimensions
      statistic   = "Maximum", comparison = local.above, threshold = var.audit_findings_count, period = 3600, periods = 1
      missing     = local.stay # as above: a finding is gone when an audit says so, not when none is made
    }
    audit-silent = {
      enabled     = local.audit
      description = "No audit has come to its end for ${var.audit_silent_hours} hours: look at the log of ${coalesce(var.audit_function_name, "none")}."
      namespace   = var.metrics_namespace, metric = "AuditFindings", dimensions = local.application_dimensions
      statistic   = "SampleCount", comparison = local.below, threshold = 1, period = var.audit_silent_hours * 3600, periods = 1
      missing     = local.alarm # silence is what it is for
    }
  }

  expression_alarms = {
    quarantine-rate = {
      enabled     = true
      description = "More than ${var.quarantine_percent} % of the items are dead letters; Rejects.<reason> on the dashboard says why."
      expression  = "IF(rows + rejects > 0, 100 * rejects / (rows + rejects), 0)"
      comparison  = local.above, threshold = var.quarantine_percent, period = 300, periods = 3
      missing     = local.ok # no items, no dead letters
      operands = {
        rows    = { namespace = var.metrics_namespace, metric = "Rows", dimensions = local.own_dimensions, statistic = "Sum" }
        rejects = { namespace = var.metrics_namespace, metric = "Rejects", dimensions = local.own_dimensions, statistic = "Sum" }
      }
    }
    # Whatever stops the mapping (disabled, deleted, a missing right) shows as records that come in and invocations
    # that don't.
    lambda-not-invoked = {
      enabled     = local.lambda
      description = "Records come into ${var.stream_name}, but the handler is not invoked: is the mapping disabled? ${local.look_at_mapping}"
      expression  = "IF(FILL(incoming, 0) > 0 AND FILL(invocations, 0) == 0, 1, 0)"
      comparison  = local.reaches, threshold = 1, period = 300, periods = 3
      missing     = local.alarm # neither metric: nothing shows that records are consumed
      operands = {
        incoming    = { namespace = "AWS/Kinesis", metric = "IncomingRecords", dimensions = local.stream_dimensions, statistic = "Sum" }
        invocations = { namespace = "AWS/Lambda", metric = "Invocations", dimensions = local.lambda_dimensions, statistic = "Sum" }
      }
    }
    # The most that ran in 5 minutes against the least that was wanted: a task that is replaced does not alarm.
    ecs-tasks-missing = {
      enabled     = local.ecs
      description = "Fewer tasks run than the service wants, or than ${var.desired_count}: see the service's events and the stopped tasks' reasons."
      expression  = "IF(running < desired OR running < ${var.desired_count}, 1, 0)"
      comparison  = local.reaches, threshold = 1, period = 300, periods = 2
      missing     = local.alarm # Container Insights counts as long as there is a service
      operands = {
        running = { namespace = "ECS/ContainerInsights", metric = "RunningTaskCount", dimensions = local.ecs_dimensions, statistic = "Maximum" }
        desired = { namespace = "ECS/ContainerInsights", metric = "DesiredTaskCount", dimensions = local.ecs_dimensions, statistic = "Minimum" }
      }
    }
  }

  metric_alarms = merge(
    local.stream_alarms, local.lambda_alarms, local.ecs_alarms, local.iot_alarms, local.more_iot_alarms, local.store_alarms, local.quiet_alarms,
  )

  alarms = merge(
    { for name, one in local.metric_alarms : name => merge(one, { expression = null, operands = {} }) if one.enabled },
    { for name, one in local.expression_alarms : name => one if one.enabled },
  )
}
