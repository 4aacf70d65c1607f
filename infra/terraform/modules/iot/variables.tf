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
  description = "KMS key of the log groups; its policy must let CloudWatch Logs use it. Null: CloudWatch's own encryption."
  type        = string
  default     = null
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be a number of days that CloudWatch Logs knows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}

variable "thing_names" {
  description = "Devices: each is a thing with a certificate, connects with its name as client id, and publishes on `<topic_prefix>/<its name>`."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for name in var.thing_names : can(regex("^[a-zA-Z0-9:_-]{1,64}$", name))]) && length(distinct(var.thing_names)) == length(var.thing_names)
    error_message = "thing_names must be 1 to 64 of a-z A-Z 0-9 : _ - each, and differ: they are part of a topic."
  }
}

variable "topic_prefix" {
  description = "Topic of the telemetry. The rules take it and all below it."
  type        = string
  default     = "topic/mqtt"
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9_-]+(/[a-zA-Z0-9_-]+){0,5}$", var.topic_prefix))
    error_message = "topic_prefix must be one to six parts of a-z A-Z 0-9 _ - with / between them, for example topic/mqtt (IoT Core takes seven slashes in a topic)."
  }
}

variable "stream_name" {
  description = "Kinesis stream that gets the messages."
  type        = string
  nullable    = false
}

variable "errors_bucket" {
  description = "Bucket that gets what could not be put into the stream."
  type        = string
  nullable    = false
}

variable "errors_prefix" {
  description = "Prefix of these messages in it."
  type        = string
  default     = "errors"
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9_-]+(/[a-zA-Z0-9_-]+)*$", var.errors_prefix))
    error_message = "errors_prefix must be parts of a-z A-Z 0-9 _ - with / between them, for example errors."
  }
}

variable "rule_role_arn" {
  description = "Role of the rules: puts records into the stream, objects into the error bucket, lines into the log."
  type        = string
  nullable    = false
}

variable "logging_role_arn" {
  description = "Role with which IoT Core writes its own log."
  type        = string
  default     = null

  validation {
    condition     = !var.enable_account_logging || var.logging_role_arn != null
    error_message = "logging_role_arn is needed with enable_account_logging."
  }
}

variable "log_group_prefix" {
  description = "Put before the log group's name, `/aws/iot/logs`, for a second deployment in one account."
  type        = string
  default     = ""
  nullable    = false
}

variable "enable_account_logging" {
  description = "Whether IoT Core's own log is set up (AWSIotLogsV2). It is one for the whole account and region: true in one deployment only, and not where it is set up already."
  type        = bool
  default     = true
  nullable    = false
}

variable "account_log_level" {
  description = "Of IoT Core's own log: DEBUG, INFO, WARN, ERROR or DISABLED. INFO writes several lines a message, at a price."
  type        = string
  default     = "WARN"
  nullable    = false

  validation {
    condition     = contains(["DEBUG", "INFO", "WARN", "ERROR", "DISABLED"], var.account_log_level)
    error_message = "account_log_level must be DEBUG, INFO, WARN, ERROR or DISABLED."
  }
}
