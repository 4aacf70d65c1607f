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
  description = "KMS key of the objects. Null: S3's own key (SSE-S3)."
  type        = string
  default     = null
}

variable "bucket_suffix" {
  description = "Put after each bucket's name, which must be unique in the world. Null: the account's number."
  type        = string
  default     = null

  validation {
    condition     = var.bucket_suffix == null ? true : can(regex("^[a-z0-9][a-z0-9-]{0,25}$", var.bucket_suffix))
    error_message = "bucket_suffix must be 1 to 26 of a-z 0-9 -."
  }

  # S3 takes 63 characters; the longest name is transform-function-code-bucket-<suffix>.
  validation {
    condition     = length("${var.name_prefix}transform-function-code-bucket-${coalesce(var.bucket_suffix, "123456789012")}") <= 63
    error_message = "bucket_suffix and name_prefix together must have at most 32 characters: a bucket's name has at most 63."
  }
}

variable "lake_prefix" {
  description = "Prefix of the lake in its bucket, without slashes around it; the rows are below `<this>/data/`."
  type        = string
  default     = "telemetry"
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9_-]+(/[a-zA-Z0-9_-]+)*$", var.lake_prefix))
    error_message = "lake_prefix must be parts of a-z A-Z 0-9 _ - with / between them, for example telemetry."
  }
}

variable "intelligent_tiering_after_days" {
  description = "Days after which the lake's data goes to Intelligent-Tiering, which moves what isn't read to cheaper tiers by itself (objects below 128 KB stay as they are)."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.intelligent_tiering_after_days >= 0 && floor(var.intelligent_tiering_after_days) == var.intelligent_tiering_after_days
    error_message = "intelligent_tiering_after_days must be a whole number from 0."
  }
}

variable "archive_after_days" {
  description = "Days after which the lake's data goes to `archive_storage_class`. Null: never."
  type        = number
  default     = 90

  validation {
    condition     = var.archive_after_days == null ? true : var.archive_after_days > var.intelligent_tiering_after_days
    error_message = "archive_after_days must be above intelligent_tiering_after_days, or null."
  }
}

variable "archive_storage_class" {
  description = <<-EOT
    Storage class of the lake's data after `archive_after_days`. GLACIER_IR (Glacier Instant Retrieval) is read in
    milliseconds like any other. WARNING: Athena does not see rows in GLACIER or DEEP_ARCHIVE; it leaves them out of
    every answer without an error, and `iotstream audit --deep`, `backfill` and recovery can't read them either, until
    somebody restores the objects.
  EOT
  type        = string
  default     = "GLACIER_IR"
  nullable    = false

  validation {
    condition     = contains(["GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"], var.archive_storage_class)
    error_message = "archive_storage_class must be GLACIER_IR, GLACIER or DEEP_ARCHIVE (of which Athena sees GLACIER_IR only)."
  }
}

variable "quarantine_expiration_days" {
  description = "Days after which dead letters are deleted. `iotstream audit` misses them from then on (letters_missing). Null: never."
  type        = number
  default     = 365

  validation {
    condition     = var.quarantine_expiration_days == null ? true : var.quarantine_expiration_days >= 1
    error_message = "quarantine_expiration_days must be at least 1, or null."
  }
}

variable "athena_results_expiration_days" {
  description = "Days after which Athena's results are deleted."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.athena_results_expiration_days >= 1
    error_message = "athena_results_expiration_days must be at least 1."
  }
}

variable "iot_errors_expiration_days" {
  description = "Days after which messages that a rule could not deliver are deleted."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.iot_errors_expiration_days >= 1
    error_message = "iot_errors_expiration_days must be at least 1."
  }
}

variable "artefact_versions_expiration_days" {
  description = "Days after which an artefact's version that is not current any more is deleted."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.artefact_versions_expiration_days >= 1
    error_message = "artefact_versions_expiration_days must be at least 1."
  }
}

variable "access_log_bucket" {
  description = "Bucket that gets the access logs of all these; it must let logging.s3.amazonaws.com in. Null: none."
  type        = string
  default     = null
}

variable "force_destroy" {
  description = "Whether `terraform destroy` also deletes what is in the buckets. All data are lost then."
  type        = bool
  default     = false
  nullable    = false
}
