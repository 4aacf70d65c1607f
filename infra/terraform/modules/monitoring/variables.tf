variable "name_prefix" {
  description = "Put before each name, with its separator, for example `dev-`; so two deployments fit in one account."
  type        = string
  default     = ""
  nullable    = false
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "kms_key_arn" {
  description = "KMS key of the SNS topic; its policy must let cloudwatch.amazonaws.com use it (kms:Decrypt, kms:GenerateDataKey*). Null: no encryption at rest, since CloudWatch can't publish to a topic with AWS's own key."
  type        = string
  default     = null
}

variable "alarm_emails" {
  description = "Who gets the alarms by mail; each has to confirm. Empty: nobody, and whatever subscribes to the topic."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for one in var.alarm_emails : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", one))])
    error_message = "alarm_emails must hold e-mail addresses."
  }
}

# --- what is watched. Names decide which alarms there are, so they must be known before apply. -----------

variable "consumer" {
  description = "What consumes into the lake: lambda or ecs."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["lambda", "ecs"], var.consumer)
    error_message = "consumer must be lambda or ecs."
  }

  validation {
    condition     = var.consumer != "lambda" || (var.lambda_function_name != null && var.lambda_timeout_seconds != null)
    error_message = "consumer = \"lambda\" needs lambda_function_name and lambda_timeout_seconds."
  }

  validation {
    condition     = var.consumer != "ecs" || (var.ecs_cluster_name != null && var.ecs_service_name != null)
    error_message = "consumer = \"ecs\" needs ecs_cluster_name and ecs_service_name."
  }
}

variable "stream_name" {
  description = "The Kinesis stream."
  type        = string
  nullable    = false
}

variable "application" {
  description = "The consumer's journal.application (IOTSTREAM_JOURNAL_APPLICATION): a dimension of its metrics."
  type        = string
  default     = "iotstream"
  nullable    = false
}

variable "metrics_namespace" {
  description = "CloudWatch namespace of iotstream's own metrics (IOTSTREAM_METRICS_NAMESPACE)."
  type        = string
  default     = "iotstream"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9._/#:-]+$", var.metrics_namespace)) && !startswith(var.metrics_namespace, "AWS/")
    error_message = "metrics_namespace must be of letters, digits, . - _ / # :, and not begin with AWS/."
  }
}

variable "lambda_function_name" {
  description = "The handler, if the consumer is Lambda."
  type        = string
  default     = null
}

variable "lambda_timeout_seconds" {
  description = "Its timeout, seconds."
  type        = number
  default     = null
}

variable "event_source_mapping_uuid" {
  description = "Its event source mapping; the alarm's text then says how to look at it."
  type        = string
  default     = null
}

variable "on_failure_queue_name" {
  description = "SQS queue of the records that Lambda gave up. Null: none."
  type        = string
  default     = null
}

variable "ecs_cluster_name" {
  description = "The cluster, if the consumer is on ECS; with Container Insights."
  type        = string
  default     = null
}

variable "ecs_service_name" {
  description = "The service, if the consumer is on ECS."
  type        = string
  default     = null
}

variable "desired_count" {
  description = "Tasks of the service that must always run: its least number under autoscaling."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.desired_count >= 0 && floor(var.desired_count) == var.desired_count
    error_message = "desired_count must be a whole number from 0."
  }
}

variable "iot_rule_names" {
  description = "IoT rules that send to the stream."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "iot_errors_bucket" {
  description = "Bucket of the rules' error action. Null: none."
  type        = string
  default     = null
}

variable "iot_errors_prefix" {
  description = "Prefix of the rules' errors in that bucket, without a slash at its end."
  type        = string
  default     = "errors"
  nullable    = false
}

variable "timestream_reports_prefix" {
  description = "Prefix, in the same bucket, of LiveAnalytics' reports on late rows that it refused. Null: none there."
  type        = string
  default     = null
}

variable "iot_log_group" {
  description = "Log group of IoT Core; its errors are on the dashboard. Null: none."
  type        = string
  default     = "/aws/iot/logs"
}

variable "tsdb" {
  description = "Time-series stores: influxdb, liveanalytics, both or none."
  type        = string
  default     = "influxdb"
  nullable    = false

  validation {
    condition     = contains(["influxdb", "liveanalytics", "both", "none"], var.tsdb)
    error_message = "tsdb must be influxdb, liveanalytics, both or none."
  }
}

variable "timestream_database" {
  description = "Timestream for LiveAnalytics: the database; its latency is on the dashboard."
  type        = string
  default     = null
}

variable "timestream_table" {
  description = "Timestream for LiveAnalytics: the table."
  type        = string
  default     = null
}

variable "influxdb_instance_name" {
  description = "Timestream for InfluxDB: the instance. Null: a server elsewhere, whose own metrics are not in CloudWatch."
  type        = string
  default     = null
}

variable "audit_function_name" {
  description = "Lambda function that runs `iotstream audit`. Null: no schedule, and no alarms on what only an audit sees."
  type        = string
  default     = null
}

variable "audit_schedule" {
  description = "When it runs: a rate or cron expression of EventBridge. With something rarer than every two hours raise audit_silent_hours."
  type        = string
  default     = "rate(1 hour)"
  nullable    = false

  validation {
    condition     = can(regex("^(rate|cron)\\(.+\\)$", var.audit_schedule))
    error_message = "audit_schedule must be rate(…) or cron(…), for example rate(1 hour)."
  }
}

# --- thresholds ------------------------------------------------------------------------------------------

variable "iterator_age_ms" {
  description = "Age of the last record read from the stream, milliseconds, above which it alarms."
  type        = number
  default     = 60000
  nullable    = false

  validation {
    condition     = var.iterator_age_ms > 0
    error_message = "iterator_age_ms must be above 0."
  }
}

variable "consumer_lag_ms" {
  description = "Milliseconds that the consumer on ECS may be behind the stream's end."
  type        = number
  default     = 60000
  nullable    = false

  validation {
    condition     = var.consumer_lag_ms > 0
    error_message = "consumer_lag_ms must be above 0."
  }
}

variable "no_data_minutes" {
  description = "Minutes without a record in the stream after which it alarms."
  type        = number
  default     = 15
  nullable    = false

  validation {
    condition     = var.no_data_minutes >= 1 && var.no_data_minutes <= 1440 && floor(var.no_data_minutes) == var.no_data_minutes
    error_message = "no_data_minutes must be a whole number from 1 to 1440."
  }
}

variable "write_throttles_count" {
  description = "Records that the stream refused in 5 minutes, above which it alarms."
  type        = number
  default     = 0
  nullable    = false
}

variable "lambda_errors_count" {
  description = "Failed invocations in 5 minutes, above which it alarms."
  type        = number
  default     = 0
  nullable    = false
}

variable "lambda_throttles_count" {
  description = "Throttled invocations in 5 minutes, twice in a row, above which it alarms."
  type        = number
  default     = 0
  nullable    = false
}

variable "lambda_duration_percent" {
  description = "Percent of the timeout that the longest invocation of 5 minutes took, twice in a row, above which it alarms."
  type        = number
  default     = 80
  nullable    = false

  validation {
    condition     = var.lambda_duration_percent > 0 && var.lambda_duration_percent <= 100
    error_message = "lambda_duration_percent must be above 0, 100 at most."
  }
}

variable "sink_failures_count" {
  description = "Batches that failed in 5 minutes because a sink or the journal was down, above which it alarms (Lambda)."
  type        = number
  default     = 0
  nullable    = false
}

variable "on_failure_messages_count" {
  description = "Messages in the on-failure queue, above which it alarms."
  type        = number
  default     = 0
  nullable    = false
}

variable "rule_failures_count" {
  description = "Actions of an IoT rule that failed in 5 minutes, above which it alarms."
  type        = number
  default     = 0
  nullable    = false
}

variable "iot_error_objects_count" {
  description = "Objects put into the rules' error bucket in 5 minutes, above which it alarms."
  type        = number
  default     = 0
  nullable    = false
}

variable "quarantine_percent" {
  description = "Percent of all items that went to the dead letters in 5 minutes, three times in a row, above which it alarms."
  type        = number
  default     = 5
  nullable    = false

  validation {
    condition     = var.quarantine_percent >= 0 && var.quarantine_percent < 100
    error_message = "quarantine_percent must be from 0, below 100."
  }
}

variable "deferred_spans_count" {
  description = "Spans in 5 minutes whose rows a time-series store did not get because it was down, above which it alarms."
  type        = number
  default     = 0
  nullable    = false
}

variable "refused_rows_count" {
  description = "Rows that a time-series store refused for good in 5 minutes, above which it alarms."
  type        = number
  default     = 0
  nullable    = false
}

variable "timestream_system_errors_count" {
  description = "WriteRecords calls of the account that failed in 5 minutes by LiveAnalytics' fault, above which it alarms."
  type        = number
  default     = 0
  nullable    = false
}

variable "timestream_user_errors_count" {
  description = "WriteRecords calls of the account that LiveAnalytics refused in 5 minutes, above which it alarms."
  type        = number
  default     = 0
  nullable    = false
}

variable "timestream_reports_count" {
  description = "LiveAnalytics' reports on refused late rows in 5 minutes, above which it alarms."
  type        = number
  default     = 0
  nullable    = false
}

variable "influxdb_disk_percent" {
  description = "Percent of InfluxDB's disk that is used, above which it alarms; AWS advises 75 to 80."
  type        = number
  default     = 75
  nullable    = false

  validation {
    condition     = var.influxdb_disk_percent > 0 && var.influxdb_disk_percent < 100
    error_message = "influxdb_disk_percent must be above 0 and below 100."
  }
}

variable "gaps_count" {
  description = "Places, in 5 minutes, where records were gone from the stream before they were read, above which it alarms."
  type        = number
  default     = 0
  nullable    = false
}

variable "lost_claims_per_hour" {
  description = "Claims of a shard lost to another worker in an hour, above which it alarms. One is normal when tasks change; many mean that two consumers contend for a lake."
  type        = number
  default     = 10
  nullable    = false
}

variable "oldest_intent_minutes" {
  description = "Minutes since the oldest span was begun that is not committed, above which it alarms."
  type        = number
  default     = 60
  nullable    = false

  validation {
    condition     = var.oldest_intent_minutes > 0
    error_message = "oldest_intent_minutes must be above 0."
  }
}

variable "audit_findings_count" {
  description = "Findings of the audit, above which it alarms."
  type        = number
  default     = 0
  nullable    = false
}

variable "audit_silent_hours" {
  description = "Hours without an audit that came to its end, after which it alarms."
  type        = number
  default     = 3
  nullable    = false

  validation {
    condition     = var.audit_silent_hours >= 1 && var.audit_silent_hours <= 24 && floor(var.audit_silent_hours) == var.audit_silent_hours
    error_message = "audit_silent_hours must be a whole number from 1 to 24."
  }
}
