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
  description = "KMS key of the stream; producers and consumers then need kms:GenerateDataKey and kms:Decrypt on it. Null: the key that Kinesis manages."
  type        = string
  default     = null
}

variable "stream_name" {
  description = "Name of the stream."
  type        = string
  default     = "kinesis-stream"
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9_.-]{1,100}$", var.stream_name))
    error_message = "stream_name must be 1 to 100 of a-z A-Z 0-9 _ . -."
  }
}

variable "stream_mode" {
  description = "ON_DEMAND: paid by data, shards come and go by themselves. PROVISIONED: `shard_count` shards paid by the hour, cheaper for steady loads."
  type        = string
  default     = "ON_DEMAND"
  nullable    = false

  validation {
    condition     = contains(["ON_DEMAND", "PROVISIONED"], var.stream_mode)
    error_message = "stream_mode must be ON_DEMAND or PROVISIONED."
  }
}

variable "shard_count" {
  description = "Shards of a provisioned stream; each takes 1 MB or 1,000 records a second, and gives 2 MB a second. Not used on demand."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.shard_count >= 1 && floor(var.shard_count) == var.shard_count
    error_message = "shard_count must be a whole number from 1."
  }
}

variable "retention_period" {
  description = "Hours that records are kept: how long a consumer may be down without loss."
  type        = number
  default     = 168
  nullable    = false

  validation {
    condition     = var.retention_period >= 24 && var.retention_period <= 8760 && floor(var.retention_period) == var.retention_period
    error_message = "retention_period must be a whole number of hours from 24 to 8760."
  }
}

variable "shard_level_metrics" {
  description = "Metrics for each shard, at a price. Empty: for the stream as a whole only."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition = length(setsubtract(var.shard_level_metrics, [
      "ALL", "IncomingBytes", "IncomingRecords", "IteratorAgeMilliseconds", "OutgoingBytes", "OutgoingRecords",
      "ReadProvisionedThroughputExceeded", "WriteProvisionedThroughputExceeded",
    ])) == 0
    error_message = "shard_level_metrics must be of ALL, IncomingBytes, IncomingRecords, IteratorAgeMilliseconds, OutgoingBytes, OutgoingRecords, ReadProvisionedThroughputExceeded, WriteProvisionedThroughputExceeded."
  }
}

variable "fan_out_consumers" {
  description = "Names of enhanced fan-out consumers to register, each with 2 MB a second of each shard, at a price by the hour. KCL registers its own."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.fan_out_consumers) <= 20
    error_message = "fan_out_consumers must be at most 20, the service's limit."
  }
}

variable "enforce_consumer_deletion" {
  description = "Whether the stream may be deleted while fan-out consumers are registered, KCL's for example."
  type        = bool
  default     = true
  nullable    = false
}
