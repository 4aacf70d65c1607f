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
  description = "KMS key of the results. Null: S3's own key (SSE-S3)."
  type        = string
  default     = null
}

variable "workgroup_name" {
  description = "Name of the workgroup."
  type        = string
  default     = "iotstream"
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9._-]{1,100}$", var.workgroup_name))
    error_message = "workgroup_name must be 1 to 100 of a-z A-Z 0-9 . _ -."
  }
}

variable "results_bucket" {
  description = "Bucket of the results."
  type        = string
  nullable    = false
}

variable "database_name" {
  description = "Database of the catalogue."
  type        = string
  nullable    = false
}

variable "table_name" {
  description = "Table of the catalogue."
  type        = string
  nullable    = false
}

variable "time_column" {
  description = "Column of the event time."
  type        = string
  default     = "timestamp"
  nullable    = false
}

variable "dimension_columns" {
  description = "Columns that say which device it is, for the saved queries."
  type        = list(string)
  default     = ["device_id"]
  nullable    = false
}

variable "number_columns" {
  description = "Columns of numbers, for the saved queries."
  type        = list(string)
  default     = ["temperature", "humidity"]
  nullable    = false
}

variable "bytes_scanned_cutoff_per_query" {
  description = "Bytes that a query may scan before it is stopped; a terabyte costs some 5 US dollars."
  type        = number
  default     = 107374182400
  nullable    = false

  validation {
    condition     = var.bytes_scanned_cutoff_per_query >= 10485760 && floor(var.bytes_scanned_cutoff_per_query) == var.bytes_scanned_cutoff_per_query
    error_message = "bytes_scanned_cutoff_per_query must be at least 10485760 (10 MiB), Athena's least."
  }
}

variable "force_destroy" {
  description = "Whether `terraform destroy` also deletes the workgroup's history and saved queries of others."
  type        = bool
  default     = false
  nullable    = false
}
