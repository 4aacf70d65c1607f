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
  description = "KMS key of LiveAnalytics' database and of the secrets. Null: the services' own keys. (InfluxDB's disk always has the service's key.)"
  type        = string
  default     = null
}

variable "enable_liveanalytics" {
  description = "Whether Timestream for LiveAnalytics is made. AWS lets no new customers in since June 2025."
  type        = bool
  default     = false
  nullable    = false
}

variable "enable_influxdb" {
  description = "Whether a Timestream for InfluxDB instance is made."
  type        = bool
  default     = true
  nullable    = false
}

variable "secret_recovery_window_days" {
  description = "Days in which a deleted secret can be brought back; 0: none, and the name is free at once."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.secret_recovery_window_days == 0 || (var.secret_recovery_window_days >= 7 && var.secret_recovery_window_days <= 30)
    error_message = "secret_recovery_window_days must be 0, or from 7 to 30."
  }
}

# --- LiveAnalytics ---------------------------------------------------------------------------------------

variable "database_name" {
  description = "LiveAnalytics: the database."
  type        = string
  default     = "iot_timestream_db"
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9_.-]{3,200}$", var.database_name))
    error_message = "database_name must be 3 to 200 of a-z A-Z 0-9 _ . -."
  }
}

variable "table_name" {
  description = "LiveAnalytics: the table."
  type        = string
  default     = "iot_table"
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9_.-]{3,256}$", var.table_name))
    error_message = "table_name must be 3 to 256 of a-z A-Z 0-9 _ . -."
  }
}

variable "memory_store_retention_period_in_hours" {
  description = "LiveAnalytics: hours in the memory store."
  type        = number
  default     = 24
  nullable    = false

  validation {
    condition     = var.memory_store_retention_period_in_hours >= 1 && var.memory_store_retention_period_in_hours <= 8766
    error_message = "memory_store_retention_period_in_hours must be from 1 to 8766."
  }
}

variable "magnetic_store_retention_period_in_days" {
  description = "LiveAnalytics: days in the magnetic store."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = var.magnetic_store_retention_period_in_days >= 1 && var.magnetic_store_retention_period_in_days <= 73000
    error_message = "magnetic_store_retention_period_in_days must be from 1 to 73000."
  }
}

variable "error_reports_bucket" {
  description = "LiveAnalytics: bucket of the reports on rows that the magnetic store refused afterwards."
  type        = string
  default     = null

  validation {
    condition     = !var.enable_liveanalytics || var.error_reports_bucket != null
    error_message = "error_reports_bucket is needed with enable_liveanalytics: rows would be refused unseen."
  }
}

variable "error_reports_prefix" {
  description = "LiveAnalytics: prefix of these reports."
  type        = string
  default     = "timestream"
  nullable    = false
}

# --- InfluxDB --------------------------------------------------------------------------------------------

variable "influxdb_instance_name" {
  description = "InfluxDB: name of the instance."
  type        = string
  default     = "iot-influxdb"
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z][a-zA-Z0-9]*(-[a-zA-Z0-9]+)*$", var.influxdb_instance_name)) && length("${var.name_prefix}${var.influxdb_instance_name}") >= 3 && length("${var.name_prefix}${var.influxdb_instance_name}") <= 40
    error_message = "influxdb_instance_name with name_prefix must be 3 to 40 letters, digits and single hyphens, and begin with a letter."
  }
}

variable "influxdb_instance_type" {
  description = "InfluxDB: size of the instance."
  type        = string
  default     = "db.influx.medium"
  nullable    = false

  validation {
    condition     = can(regex("^db\\.influx\\.(medium|large|xlarge|[248]xlarge|1[26]xlarge)$", var.influxdb_instance_type))
    error_message = "influxdb_instance_type must be db.influx. and medium, large, xlarge, 2xlarge, 4xlarge, 8xlarge, 12xlarge or 16xlarge."
  }
}

variable "influxdb_storage_type" {
  description = "InfluxDB: class of the disk, by its speed."
  type        = string
  default     = "InfluxIOIncludedT1"
  nullable    = false

  validation {
    condition     = contains(["InfluxIOIncludedT1", "InfluxIOIncludedT2", "InfluxIOIncludedT3"], var.influxdb_storage_type)
    error_message = "influxdb_storage_type must be InfluxIOIncludedT1, InfluxIOIncludedT2 or InfluxIOIncludedT3."
  }
}

variable "influxdb_allocated_storage_gib" {
  description = "InfluxDB: size of the disk, GiB. T2 and T3 begin at 400."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.influxdb_allocated_storage_gib >= (var.influxdb_storage_type == "InfluxIOIncludedT1" ? 20 : 400) && var.influxdb_allocated_storage_gib <= 16384
    error_message = "influxdb_allocated_storage_gib must be from 20 (T1) or 400 (T2, T3) to 16384."
  }
}

variable "influxdb_multi_az" {
  description = "InfluxDB: whether there is a standby in another zone, at twice the price. It needs two subnets at least."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !(var.influxdb_multi_az && var.enable_influxdb) || length(var.influxdb_subnet_ids) >= 2
    error_message = "influxdb_multi_az needs at least two influxdb_subnet_ids, in different zones."
  }
}

variable "influxdb_subnet_ids" {
  description = "InfluxDB: private subnets. The instance has no public address."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = !var.enable_influxdb || length(var.influxdb_subnet_ids) >= 1
    error_message = "influxdb_subnet_ids is needed with enable_influxdb."
  }
}

variable "influxdb_security_group_ids" {
  description = "InfluxDB: security groups, which must let the consumer in on `influxdb_port`."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = !var.enable_influxdb || length(var.influxdb_security_group_ids) >= 1
    error_message = "influxdb_security_group_ids is needed with enable_influxdb."
  }
}

variable "influxdb_port" {
  description = "InfluxDB: TCP port."
  type        = number
  default     = 8086
  nullable    = false

  validation {
    condition     = var.influxdb_port >= 1024 && var.influxdb_port <= 65535
    error_message = "influxdb_port must be from 1024 to 65535."
  }
}

variable "influxdb_organization" {
  description = "InfluxDB: the first organization."
  type        = string
  default     = "iot"
  nullable    = false
}

variable "influxdb_bucket" {
  description = "InfluxDB: the first bucket, into which iotstream writes."
  type        = string
  default     = "iot"
  nullable    = false

  validation {
    condition     = can(regex("^[^_\"][^\"]*$", var.influxdb_bucket))
    error_message = "influxdb_bucket must not be empty, begin with _, or hold a quotation mark."
  }
}

variable "influxdb_username" {
  description = "InfluxDB: the first administrator."
  type        = string
  default     = "admin"
  nullable    = false
}
