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
  description = "KMS key of the function's variables, its log group and its queue; its policy must let CloudWatch Logs use it. Null: the services' own keys."
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

# --- the function ----------------------------------------------------------------------------------------

variable "function_name" {
  description = "Name of the function."
  type        = string
  default     = "transform-function"
  nullable    = false

  validation {
    # With the longest name_prefix its role's name, <function_name>-role, has 64 characters, which is IAM's limit.
    condition     = can(regex("^[a-zA-Z0-9_-]{1,43}$", var.function_name))
    error_message = "function_name must be 1 to 43 of a-z A-Z 0-9 _ -."
  }
}

variable "role_arn" {
  description = "Role of the function (module iam)."
  type        = string
  nullable    = false
}

variable "package_path" {
  description = "Zip of the function's code on this machine (`make package`), up to 50 MB. Null: `package_s3`."
  type        = string
  default     = null

  validation {
    condition     = var.package_path == null ? true : fileexists(var.package_path)
    error_message = "package_path names no file: build it by `make package`."
  }
}

variable "package_s3" {
  description = "Zip of the function's code in S3, in this region: bucket, key, and the version if the bucket has versions. A new zip needs a new key or version. Null: `package_path`."
  type        = object({ bucket = string, key = string, version = optional(string) })
  default     = null
}

variable "handler" {
  description = "Module and function in the zip."
  type        = string
  default     = "kinesis_lambda.handler"
  nullable    = false
}

variable "handler_runtime" {
  description = "managed: Lambda's own loop, which parses each event. raw: iotstream's, which hands the handler the event's bytes (the zip must hold `raw-runtime`)."
  type        = string
  default     = "managed"
  nullable    = false

  validation {
    condition     = contains(["managed", "raw"], var.handler_runtime)
    error_message = "handler_runtime must be managed or raw."
  }
}

variable "runtime" {
  description = "Lambda's Python; the zip must be built for it."
  type        = string
  default     = "python3.12"
  nullable    = false

  validation {
    condition     = can(regex("^python3\\.1[2-9]$", var.runtime))
    error_message = "runtime must be python3.12 or later, for example python3.13."
  }
}

variable "architecture" {
  description = "Processor: arm64 (cheaper) or x86_64; the zip must be built for it."
  type        = string
  default     = "arm64"
  nullable    = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be arm64 or x86_64."
  }
}

variable "memory_size_mib" {
  description = "Memory of the function, MiB; processor time grows with it (1,769 = one vCPU)."
  type        = number
  default     = 1024
  nullable    = false

  validation {
    condition     = var.memory_size_mib >= 256 && var.memory_size_mib <= 10240 && floor(var.memory_size_mib) == var.memory_size_mib
    error_message = "memory_size_mib must be a whole number from 256 to 10240."
  }
}

variable "timeout_seconds" {
  description = "Seconds that an invocation may take. The handler stops in time, and reports what is not done."
  type        = number
  default     = 120
  nullable    = false

  validation {
    condition     = var.timeout_seconds >= 30 && var.timeout_seconds <= 900 && floor(var.timeout_seconds) == var.timeout_seconds
    error_message = "timeout_seconds must be a whole number from 30 to 900."
  }
}

variable "reserved_concurrent_executions" {
  description = "Invocations at once at most, taken from the account's; one for each shard is needed. -1: no limit of its own."
  type        = number
  default     = 100
  nullable    = false

  validation {
    condition     = var.reserved_concurrent_executions == -1 || var.reserved_concurrent_executions >= 1
    error_message = "reserved_concurrent_executions must be -1 or at least 1; to stop the function set mapping_enabled to false."
  }
}

variable "environment" {
  description = "Settings of the handler, IOTSTREAM_… => value (docs/settings.md); IOTSTREAM_LAKE_URI is needed."
  type        = map(string)
  nullable    = false

  validation {
    condition     = lookup(var.environment, "IOTSTREAM_LAKE_URI", "") != ""
    error_message = "environment must have IOTSTREAM_LAKE_URI: the handler does not start without it."
  }

  validation {
    condition     = !anytrue([for name in keys(var.environment) : can(regex("(PASSWORD|TOKEN)$", name))])
    error_message = "environment must hold no password or token, which everyone would see who may read the function: name a secret (IOTSTREAM_INFLUXDB_TOKEN_SECRET)."
  }
}

variable "subnet_ids" {
  description = "Subnets of the function, with ways to S3, DynamoDB, Kinesis and Secrets Manager. Empty: outside any VPC."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "security_group_ids" {
  description = "Security groups of the function in the VPC."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.subnet_ids) == 0 || length(var.security_group_ids) >= 1
    error_message = "security_group_ids is needed with subnet_ids."
  }
}

# --- the event source mapping. docs/guarantees.md says what each setting is for. ---------------------------

variable "event_source_arn" {
  description = "The stream, or an enhanced fan-out consumer of it."
  type        = string
  nullable    = false
}

variable "mapping_enabled" {
  description = "Whether records are read. False stops the function without losing its place."
  type        = bool
  default     = true
  nullable    = false
}

variable "starting_position" {
  description = "Where a new mapping begins: TRIM_HORIZON, the oldest record kept, or LATEST. The journal skips what is done."
  type        = string
  default     = "TRIM_HORIZON"
  nullable    = false

  validation {
    condition     = contains(["TRIM_HORIZON", "LATEST"], var.starting_position)
    error_message = "starting_position must be TRIM_HORIZON or LATEST."
  }
}

variable "batch_size" {
  description = "Records of an invocation at most (6 MB in all). Each batch makes an object for each hour of event time in it: large is good."
  type        = number
  default     = 10000
  nullable    = false

  validation {
    condition     = var.batch_size >= 1 && var.batch_size <= 10000 && floor(var.batch_size) == var.batch_size
    error_message = "batch_size must be a whole number from 1 to 10000."
  }
}

variable "maximum_batching_window_in_seconds" {
  description = "Seconds that records wait for others to fill a batch: the latency against the number of objects."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.maximum_batching_window_in_seconds >= 0 && var.maximum_batching_window_in_seconds <= 300 && floor(var.maximum_batching_window_in_seconds) == var.maximum_batching_window_in_seconds
    error_message = "maximum_batching_window_in_seconds must be a whole number from 0 to 300."
  }
}

variable "parallelization_factor" {
  description = "Batches of one shard at once. With the journal 1: several would take the shard from each other."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.parallelization_factor >= 1 && var.parallelization_factor <= 10 && floor(var.parallelization_factor) == var.parallelization_factor
    error_message = "parallelization_factor must be a whole number from 1 to 10."
  }

  validation {
    condition     = local.journaled ? var.parallelization_factor == 1 : true
    error_message = "parallelization_factor must be 1 with the journal (IOTSTREAM_JOURNAL_URI): batches of one shard would take it from each other. For more throughput add shards, or pack rows into records."
  }
}

variable "bisect_batch_on_function_error" {
  description = "Whether a failed batch is cut in two. Bad data never fails a batch, so with the journal false; without it, other cuts double rows."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = local.journaled ? !var.bisect_batch_on_function_error : true
    error_message = "bisect_batch_on_function_error must be false with the journal (IOTSTREAM_JOURNAL_URI): bad data never fails a batch, so it would only repeat work."
  }
}

variable "maximum_retry_attempts" {
  description = "Retries of a failed batch; -1: until it succeeds or its records expire. With the journal -1."
  type        = number
  default     = -1
  nullable    = false

  validation {
    condition     = var.maximum_retry_attempts >= -1 && var.maximum_retry_attempts <= 10000
    error_message = "maximum_retry_attempts must be from -1 to 10000."
  }

  validation {
    condition     = local.journaled ? var.maximum_retry_attempts == -1 : true
    error_message = "maximum_retry_attempts must be -1 with the journal (IOTSTREAM_JOURNAL_URI): giving up loses records."
  }
}

variable "maximum_record_age_in_seconds" {
  description = "Age of a record, seconds, from which it is given up; -1: none. With the journal -1."
  type        = number
  default     = -1
  nullable    = false

  validation {
    condition     = var.maximum_record_age_in_seconds == -1 || (var.maximum_record_age_in_seconds >= 60 && var.maximum_record_age_in_seconds <= 604800)
    error_message = "maximum_record_age_in_seconds must be -1, or from 60 to 604800."
  }

  validation {
    condition     = local.journaled ? var.maximum_record_age_in_seconds == -1 : true
    error_message = "maximum_record_age_in_seconds must be -1 with the journal (IOTSTREAM_JOURNAL_URI): giving up loses records."
  }
}
