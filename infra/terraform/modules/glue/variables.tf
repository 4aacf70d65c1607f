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
  description = "KMS key of the crawler's logs, with enable_kms. Null: CloudWatch's own encryption."
  type        = string
  default     = null
}

variable "enable_kms" {
  description = "Whether kms_key_arn is set, which may not be known before apply."
  type        = bool
  default     = false
  nullable    = false
}

variable "schema_json_path" {
  description = "What `iotstream schema glue schema.toml` printed: columns, partition keys and partition projection, as JSON."
  type        = string
  nullable    = false

  validation {
    condition     = can(jsondecode(file(var.schema_json_path)).StorageDescriptor.Columns)
    error_message = "schema_json_path must name a file that `iotstream schema glue` printed."
  }
}

variable "lake_uri" {
  description = "The lake, `s3://bucket/prefix`; the table's location is `<this>/data/`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^s3://[^/]+/.+[^/]$", var.lake_uri))
    error_message = "lake_uri must be s3://bucket/prefix, without a slash at the end."
  }
}

variable "glue_database_name" {
  description = "Database of the catalogue. (Hyphens of name_prefix become underscores: SQL names have none.)"
  type        = string
  default     = "iot_database"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9_]{1,200}$", var.glue_database_name))
    error_message = "glue_database_name must be 1 to 200 of a-z 0-9 _."
  }
}

variable "glue_table_name" {
  description = "Table of the catalogue."
  type        = string
  default     = "iot_table"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9_]{1,255}$", var.glue_table_name))
    error_message = "glue_table_name must be 1 to 255 of a-z 0-9 _."
  }
}

variable "first_day" {
  description = "First day of the partition projection, YYYY-MM-DD: queries without a condition on dt look at each hour since. Null: as the schema's JSON says."
  type        = string
  default     = null

  validation {
    condition     = var.first_day == null ? true : can(formatdate("YYYY-MM-DD", "${var.first_day}T00:00:00Z"))
    error_message = "first_day must be a day, for example 2026-01-31."
  }
}

variable "enable_crawler" {
  description = "Whether a crawler compares data and table. Queries don't need it: partitions are projected."
  type        = bool
  default     = false
  nullable    = false
}

variable "glue_crawler_name" {
  description = "Name of the crawler."
  type        = string
  default     = "iot_crawler"
  nullable    = false
}

variable "crawler_role_arn" {
  description = "Role of the crawler (module iam)."
  type        = string
  default     = null

  validation {
    condition     = !var.enable_crawler || var.crawler_role_arn != null
    error_message = "crawler_role_arn is needed with enable_crawler."
  }
}

variable "crawler_schedule" {
  description = "When it runs, UTC: a cron expression. Null: when it is started by hand."
  type        = string
  default     = "cron(30 3 * * ? *)"

  validation {
    condition     = var.crawler_schedule == null ? true : can(regex("^cron\\(.+\\)$", var.crawler_schedule))
    error_message = "crawler_schedule must be cron(…), for example cron(30 3 * * ? *), or null."
  }
}
