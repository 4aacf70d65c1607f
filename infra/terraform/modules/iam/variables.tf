variable "name_prefix" {
  description = "Put before each name, with its separator, for example `dev-`; so two deployments fit in one account. Names that are given below already have it."
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
  description = "KMS key with which stream, buckets, tables and secrets are encrypted: who uses them gets the right to use it. Null: the services' own keys, which need none."
  type        = string
  default     = null
}

variable "consumer" {
  description = "What consumes into the lake: lambda or ecs. It decides whether the handler's role is made."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["lambda", "ecs"], var.consumer)
    error_message = "consumer must be lambda or ecs."
  }
}

variable "tsdb" {
  description = "Time-series stores that the consumer writes to: influxdb, liveanalytics, both or none."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["influxdb", "liveanalytics", "both", "none"], var.tsdb)
    error_message = "tsdb must be influxdb, liveanalytics, both or none."
  }
}

# --- the stream ------------------------------------------------------------------------------------------

variable "stream_arn" {
  description = "The stream."
  type        = string
  nullable    = false
}

variable "enable_fan_out" {
  description = "Whether the consumer reads by enhanced fan-out."
  type        = bool
  default     = false
  nullable    = false
}

variable "fan_out_consumer_arn" {
  description = "Lambda with fan-out: the registered consumer that the mapping reads."
  type        = string
  default     = null

  validation {
    condition     = !(var.enable_fan_out && var.consumer == "lambda") || var.fan_out_consumer_arn != null
    error_message = "fan_out_consumer_arn is needed with enable_fan_out on Lambda."
  }
}

# --- lake, quarantine, journal ---------------------------------------------------------------------------

variable "lake_bucket_arn" {
  description = "Bucket of the lake."
  type        = string
  nullable    = false
}

variable "lake_prefix" {
  description = "Prefix of the lake in its bucket."
  type        = string
  nullable    = false
}

variable "quarantine_bucket_arn" {
  description = "Bucket of the dead letters."
  type        = string
  nullable    = false
}

variable "quarantine_prefix" {
  description = "Prefix of the dead letters in their bucket."
  type        = string
  nullable    = false
}

variable "journal_table_arn" {
  description = "Table of the span journal."
  type        = string
  nullable    = false
}

variable "application" {
  description = "The consumer's journal.application, in full: KCL's tables and its fan-out consumer bear this name."
  type        = string
  nullable    = false
}

variable "kcl_creates_tables" {
  description = "Whether KCL makes its tables itself, and may."
  type        = bool
  default     = true
  nullable    = false
}

variable "enable_put_metric_data" {
  description = "Whether KCL may put metrics into CloudWatch, in the namespaces of application and metrics_namespace only. iotstream's own go by the log."
  type        = bool
  default     = false
  nullable    = false
}

variable "metrics_namespace" {
  description = "CloudWatch namespace of iotstream's metrics."
  type        = string
  default     = "iotstream"
  nullable    = false
}

# --- time-series stores ----------------------------------------------------------------------------------

variable "timestream_table_arn" {
  description = "LiveAnalytics: the table."
  type        = string
  default     = null

  validation {
    condition     = !contains(["liveanalytics", "both"], var.tsdb) || var.timestream_table_arn != null
    error_message = "timestream_table_arn is needed with tsdb = liveanalytics or both."
  }
}

variable "timestream_error_reports_arn" {
  description = "LiveAnalytics: bucket and prefix of its reports on refused rows, as an ARN without a slash at the end."
  type        = string
  default     = null

  validation {
    condition     = !contains(["liveanalytics", "both"], var.tsdb) || var.timestream_error_reports_arn != null
    error_message = "timestream_error_reports_arn is needed with tsdb = liveanalytics or both."
  }
}

variable "influxdb_token_secret_arn" {
  description = "InfluxDB: secret of the token."
  type        = string
  default     = null

  validation {
    condition     = !contains(["influxdb", "both"], var.tsdb) || var.influxdb_token_secret_arn != null
    error_message = "influxdb_token_secret_arn is needed with tsdb = influxdb or both."
  }
}

# --- functions -------------------------------------------------------------------------------------------

variable "function_name" {
  description = "The handler's function, in full."
  type        = string
  default     = "transform-function"
  nullable    = false
}

variable "on_failure_queue_arn" {
  description = "Queue of the batches that Lambda gives up."
  type        = string
  default     = null

  validation {
    condition     = var.consumer != "lambda" || var.on_failure_queue_arn != null
    error_message = "on_failure_queue_arn is needed with consumer = lambda."
  }
}

variable "lambda_in_vpc" {
  description = "Whether the handler's function is in a VPC."
  type        = bool
  default     = false
  nullable    = false
}

variable "lambda_subnet_ids" {
  description = "Its subnets."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "lambda_security_group_ids" {
  description = "Its security groups."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "enable_audit" {
  description = "Whether the audit's role is made."
  type        = bool
  default     = true
  nullable    = false
}

variable "audit_function_name" {
  description = "The audit's function, in full."
  type        = string
  default     = "audit-function"
  nullable    = false
}

# --- services --------------------------------------------------------------------------------------------

variable "iot_errors_bucket_arn" {
  description = "Bucket of the messages that a rule could not deliver."
  type        = string
  nullable    = false
}

variable "iot_log_group_name" {
  description = "Log group into which a rule writes the devices' connections."
  type        = string
  default     = "/aws/iot/logs"
  nullable    = false
}

variable "enable_iot_account_logging" {
  description = "Whether the role for IoT Core's own log is made."
  type        = bool
  default     = true
  nullable    = false
}

variable "enable_crawler" {
  description = "Whether the crawler's role is made."
  type        = bool
  default     = false
  nullable    = false
}

variable "glue_database_name" {
  description = "Database of the catalogue, in full."
  type        = string
  default     = "iot_database"
  nullable    = false
}

variable "glue_table_name" {
  description = "Table of the catalogue."
  type        = string
  default     = "iot_table"
  nullable    = false
}
