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
  description = "KMS key of the function's variables and its log group; its policy must let CloudWatch Logs use it. Null: the services' own keys."
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

variable "function_name" {
  description = "Name of the function."
  type        = string
  default     = "audit-function"
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
  default     = "audit_lambda.handler"
  nullable    = false
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
  description = "Memory of the function, MiB: the manifests of one shard, the rows of one span and a key for each object of the lake; processor time grows with it (1,769 = one vCPU)."
  type        = number
  default     = 2048
  nullable    = false

  validation {
    condition     = var.memory_size_mib >= 256 && var.memory_size_mib <= 10240 && floor(var.memory_size_mib) == var.memory_size_mib
    error_message = "memory_size_mib must be a whole number from 256 to 10240."
  }
}

variable "timeout_seconds" {
  description = "Seconds that an audit may take. A lake that takes longer is audited elsewhere, by `iotstream audit` on ECS for example."
  type        = number
  default     = 900
  nullable    = false

  validation {
    condition     = var.timeout_seconds >= 30 && var.timeout_seconds <= 900 && floor(var.timeout_seconds) == var.timeout_seconds
    error_message = "timeout_seconds must be a whole number from 30 to 900."
  }
}

variable "environment" {
  description = "Settings of the audit: those of the consumer, IOTSTREAM_… => value (docs/settings.md); IOTSTREAM_LAKE_URI is needed."
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
