# Names that people know from the original pipeline are kept: aws_region, azs, public_subnets, private_subnets,
# stream_mode, shard_count, retention_period, memory_store_retention_period_in_hours,
# magnetic_store_retention_period_in_days, reserved_concurrent_executions, key_name, glue_….

# --- all -------------------------------------------------------------------------------------------------

variable "aws_region" {
  description = "Region of everything."
  type        = string
  default     = "us-east-1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.aws_region))
    error_message = "aws_region must be a region's code, for example us-east-1."
  }
}

variable "name_prefix" {
  description = "Put before each name, with a hyphen at its end, for example `dev-`; so two deployments fit in one account. Empty: the original's names."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([a-z][a-z0-9-]{0,13}[a-z0-9]?-)?$", var.name_prefix)) && !strcontains(var.name_prefix, "--")
    error_message = "name_prefix must be empty, or begin with a letter, hold up to 16 of a-z 0-9 - and end with one hyphen, for example dev-."
  }
}

variable "tags" {
  description = "Tags of every resource, beside Project and ManagedBy."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "consumer" {
  description = "What consumes the stream into the lake: lambda (no servers; cheap for little) or ecs (the Kinesis Client Library; cheap for much, files up to 1,000,000 rows). Never both: the lake belongs to one. docs/consumer.md says how to change."
  type        = string
  default     = "lambda"
  nullable    = false

  validation {
    condition     = contains(["lambda", "ecs"], var.consumer)
    error_message = "consumer must be lambda or ecs."
  }
}

variable "tsdb" {
  description = "Time-series store for dashboards: influxdb (Timestream for InfluxDB), liveanalytics (Timestream for LiveAnalytics, which takes no new customers since June 2025), both or none."
  type        = string
  default     = "influxdb"
  nullable    = false

  validation {
    condition     = contains(["influxdb", "liveanalytics", "both", "none"], var.tsdb)
    error_message = "tsdb must be influxdb, liveanalytics, both or none."
  }
}

variable "enable_kms" {
  description = "Whether a KMS key is made, with which all is encrypted. False: each service's own key."
  type        = bool
  default     = false
  nullable    = false
}

variable "kms_key_arn" {
  description = "A KMS key that is there, to encrypt all with; its policy must let CloudWatch Logs and CloudWatch use it (kms.tf shows how). Null: as enable_kms says."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null ? true : can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/", var.kms_key_arn)) && !var.enable_kms
    error_message = "kms_key_arn must be the ARN of a key (no alias), and enable_kms false with it."
  }
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

variable "deletion_protection" {
  description = "Whether the journal's table refuses to be deleted. Set it to false and apply, before `terraform destroy`."
  type        = bool
  default     = true
  nullable    = false
}

variable "force_destroy" {
  description = "Whether `terraform destroy` also deletes what is in buckets and repositories. All data are lost then."
  type        = bool
  default     = false
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

# --- network ---------------------------------------------------------------------------------------------

variable "enable_vpc" {
  description = "Whether a VPC is made. Devices, ECS and InfluxDB need one, or existing_network."
  type        = bool
  default     = true
  nullable    = false

  validation {
    condition     = !var.enable_vpc || var.existing_network == null
    error_message = "existing_network needs enable_vpc = false."
  }

  validation {
    condition     = var.enable_vpc || var.existing_network != null || !local.needs_network
    error_message = "enable_vpc = false needs existing_network, or enable_devices = false, consumer = \"lambda\" and tsdb = \"none\" or \"liveanalytics\"."
  }
}

variable "existing_network" {
  description = "A network that is there, instead of one made here. Its private subnets need ways to S3, DynamoDB, Kinesis, Secrets Manager, CloudWatch Logs and ECR: endpoints or NAT."
  type = object({
    vpc_id             = string
    vpc_cidr           = string
    public_subnet_ids  = list(string)
    private_subnet_ids = list(string)
  })
  default = null
}

variable "vpc_cidr" {
  description = "Addresses of the VPC."
  type        = string
  default     = "10.0.0.0/16"
  nullable    = false
}

variable "azs" {
  description = "Availability zones, of the region; each has one public and one private subnet."
  type        = list(string)
  default     = ["us-east-1a", "us-east-1b"]
  nullable    = false

  validation {
    condition     = alltrue([for zone in var.azs : startswith(zone, var.aws_region)])
    error_message = "azs must be zones of aws_region."
  }
}

variable "public_subnets" {
  description = "Addresses of the public subnets (the devices'), one for each of `azs`."
  type        = list(string)
  default     = ["10.0.1.0/24", "10.0.2.0/24"]
  nullable    = false
}

variable "private_subnets" {
  description = "Addresses of the private subnets (consumer, InfluxDB, endpoints), one for each of `azs`."
  type        = list(string)
  default     = ["10.0.11.0/24", "10.0.12.0/24"]
  nullable    = false
}

variable "enable_nat_gateway" {
  description = "Whether private subnets reach the internet. The consumer doesn't need it, but for LiveAnalytics."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = var.enable_nat_gateway || (length(var.extra_endpoint_service_names) > 0 && var.timestream_endpoint_url != null) || !var.enable_vpc || !local.liveanalytics || !(local.ecs || local.lambda_in_vpc)
    error_message = "LiveAnalytics (tsdb) is not reached from private subnets as they are. Set enable_nat_gateway = true; or extra_endpoint_service_names and timestream_endpoint_url to your cell's endpoint; or keep Lambda outside the VPC (consumer = \"lambda\", tsdb = \"liveanalytics\")."
  }
}

variable "interface_endpoints" {
  description = "Services that private subnets reach without NAT, by the last part of the endpoint's name; each costs by the hour and zone. Null: what the chosen consumer needs."
  type        = list(string)
  default     = null
}

variable "extra_endpoint_service_names" {
  description = "Further endpoints: a name of your own => the PrivateLink service name. LiveAnalytics' belong to the account's cell: `aws timestream-write describe-endpoints` prints ingest-cellN, which makes com.amazonaws.REGION.timestream.ingest-cellN."
  type        = map(string)
  default     = {}
  nullable    = false
}

# --- devices ---------------------------------------------------------------------------------------------

variable "device_names" {
  description = "Devices: each is a thing with a certificate in Secrets Manager, and publishes on `<topic>/<its name>`."
  type        = list(string)
  default     = ["device-001", "device-002"]
  nullable    = false

  validation {
    condition     = !var.enable_devices || length(var.device_names) <= 20
    error_message = "device_names: at most 20 are simulated by an instance each. For more set enable_devices = false, and run `iotstream simulate` on one machine."
  }
}

variable "topic" {
  description = "Topic of the telemetry. The rules take it and all below it."
  type        = string
  default     = "topic/mqtt"
  nullable    = false
}

variable "enable_devices" {
  description = "Whether each of device_names is simulated by an EC2 instance."
  type        = bool
  default     = true
  nullable    = false

  validation {
    condition     = !var.enable_devices || var.simulator_package != null || var.simulator_wheel_path != null || length(local.built_wheels) == 1
    error_message = "enable_devices needs the simulator. Build its wheel by `make package`, which puts it into dist/; if several versions are there, name one (simulator_wheel_path). Or name a package that pip finds (simulator_package)."
  }
}

variable "device_instance_type" {
  description = "EC2 instance type of a simulated device."
  type        = string
  default     = "t4g.nano"
  nullable    = false
}

variable "key_name" {
  description = "EC2 key pair of the devices, for SSH from ssh_cidrs. Null: none."
  type        = string
  default     = null
}

variable "publish_interval_seconds" {
  description = "Seconds between two messages of a device."
  type        = number
  default     = 5
  nullable    = false
}

variable "enable_session_manager" {
  description = "Whether one can log in to the devices by Session Manager: no open port and no key pair, but who may is said by IAM."
  type        = bool
  default     = true
  nullable    = false
}

variable "ssh_cidrs" {
  description = "Addresses that may reach the devices by SSH, with key_name. Empty: none."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.ssh_cidrs) == 0 || var.key_name != null
    error_message = "ssh_cidrs needs key_name: without a key pair nobody can log in by SSH."
  }
}

variable "simulator_wheel_path" {
  description = "The project's wheel, which is put into the artefacts bucket and installed by the devices. Null: dist/iotstream-<version>-py3-none-any.whl of this checkout."
  type        = string
  default     = null

  validation {
    condition     = var.simulator_wheel_path == null ? true : fileexists(var.simulator_wheel_path) && endswith(var.simulator_wheel_path, ".whl")
    error_message = "simulator_wheel_path names no wheel: build it by `make package`."
  }
}

variable "simulator_package" {
  description = "In place of a wheel: a requirement for pip, of a package index that the devices reach. Null: simulator_wheel_path."
  type        = string
  default     = null

  validation {
    condition     = var.simulator_package == null || var.simulator_wheel_path == null
    error_message = "simulator_package and simulator_wheel_path: name one of them."
  }
}

variable "enable_iot_account_logging" {
  description = "Whether IoT Core's own log is set up (AWSIotLogsV2). It is one for the whole account and region: true in one deployment only."
  type        = bool
  default     = true
  nullable    = false
}

variable "iot_log_level" {
  description = "Of IoT Core's own log: DEBUG, INFO, WARN, ERROR or DISABLED. INFO writes several lines a message, at a price."
  type        = string
  default     = "WARN"
  nullable    = false
}

# --- stream ----------------------------------------------------------------------------------------------

variable "stream_name" {
  description = "Name of the Kinesis stream."
  type        = string
  default     = "kinesis-stream"
  nullable    = false
}

variable "stream_mode" {
  description = "ON_DEMAND (paid by data) or PROVISIONED (by shard and hour, cheaper for steady loads)."
  type        = string
  default     = "ON_DEMAND"
  nullable    = false
}

variable "shard_count" {
  description = "Shards of a provisioned stream; each takes 1 MB or 1,000 records a second."
  type        = number
  default     = 2
  nullable    = false
}

variable "retention_period" {
  description = "Hours that records are kept: how long a consumer may be down without loss."
  type        = number
  default     = 168
  nullable    = false
}

variable "enable_fan_out" {
  description = "Whether the consumer reads by enhanced fan-out: 2 MB a second of each shard for it alone, at a price."
  type        = bool
  default     = false
  nullable    = false
}

# --- lake ------------------------------------------------------------------------------------------------

variable "bucket_suffix" {
  description = "Put after each bucket's name, which must be unique in the world. Null: the account's number."
  type        = string
  default     = null
}

variable "lake_prefix" {
  description = "Prefix of the lake in its bucket."
  type        = string
  default     = "telemetry"
  nullable    = false
}

variable "quarantine_prefix" {
  description = "Prefix of the dead letters in their bucket."
  type        = string
  default     = "telemetry"
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9_-]+(/[a-zA-Z0-9_-]+)*$", var.quarantine_prefix))
    error_message = "quarantine_prefix must be parts of a-z A-Z 0-9 _ - with / between them, for example telemetry."
  }
}

variable "archive_after_days" {
  description = "Days after which the lake's data goes to archive_storage_class. Null: never."
  type        = number
  default     = 90
}

variable "archive_storage_class" {
  description = "Storage class of the lake's data after archive_after_days. WARNING: Athena leaves rows in GLACIER and DEEP_ARCHIVE out of every answer, without an error; only GLACIER_IR is read like any other."
  type        = string
  default     = "GLACIER_IR"
  nullable    = false
}

variable "quarantine_expiration_days" {
  description = "Days after which dead letters are deleted; the audit misses them from then on. Null: never."
  type        = number
  default     = 365
}

variable "athena_results_expiration_days" {
  description = "Days after which Athena's results are deleted."
  type        = number
  default     = 30
  nullable    = false
}

variable "schema_path" {
  description = "The schema file as the consumer finds it, for example /var/task/schema.toml in the Lambda's zip. Empty: the default schema."
  type        = string
  default     = ""
  nullable    = false
}

variable "schema_json_path" {
  description = "What `iotstream schema glue schema.toml` printed for the same schema. Null: the default schema's."
  type        = string
  default     = null
}

variable "glue_database_name" {
  description = "Database of the catalogue."
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

variable "first_day" {
  description = "First day that queries without a condition on dt look at, YYYY-MM-DD. Null: as the schema's JSON says."
  type        = string
  default     = null
}

variable "enable_crawler" {
  description = "Whether a Glue crawler compares data and table, and logs what differs. Queries don't need it."
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

variable "enable_athena" {
  description = "Whether there is an Athena workgroup with saved queries."
  type        = bool
  default     = true
  nullable    = false
}

variable "athena_bytes_scanned_cutoff_per_query" {
  description = "Bytes that a query may scan before it is stopped; a terabyte costs some 5 US dollars."
  type        = number
  default     = 107374182400
  nullable    = false
}

# --- time-series stores ------------------------------------------------------------------------------------

variable "timestream_database_name" {
  description = "LiveAnalytics: the database."
  type        = string
  default     = "iot_timestream_db"
  nullable    = false
}

variable "timestream_table_name" {
  description = "LiveAnalytics: the table."
  type        = string
  default     = "iot_table"
  nullable    = false
}

variable "timestream_endpoint_url" {
  description = "LiveAnalytics: the cell's endpoint, https://ingest-cellN.timestream.REGION.amazonaws.com, with extra_endpoint_service_names and without NAT. Null: the consumer asks DescribeEndpoints, which has no endpoint in a VPC."
  type        = string
  default     = null

  validation {
    condition     = var.timestream_endpoint_url == null ? true : can(regex("^https://[a-z0-9.-]+$", var.timestream_endpoint_url))
    error_message = "timestream_endpoint_url must be https:// and a host, for example https://ingest-cell1.timestream.us-east-1.amazonaws.com."
  }
}

variable "memory_store_retention_period_in_hours" {
  description = "LiveAnalytics: hours in the memory store."
  type        = number
  default     = 24
  nullable    = false
}

variable "magnetic_store_retention_period_in_days" {
  description = "LiveAnalytics: days in the magnetic store."
  type        = number
  default     = 365
  nullable    = false
}

variable "influxdb_instance_type" {
  description = "InfluxDB: size of the instance."
  type        = string
  default     = "db.influx.medium"
  nullable    = false
}

variable "influxdb_allocated_storage_gib" {
  description = "InfluxDB: size of the disk, GiB."
  type        = number
  default     = 20
  nullable    = false
}

variable "influxdb_multi_az" {
  description = "InfluxDB: whether there is a standby in another zone, at twice the price."
  type        = bool
  default     = false
  nullable    = false
}

variable "influxdb_port" {
  description = "InfluxDB: TCP port."
  type        = number
  default     = 8086
  nullable    = false
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
}

# --- consumer: both --------------------------------------------------------------------------------------

variable "consumer_settings" {
  description = "Further settings of the consumer, IOTSTREAM_… => value (docs/settings.md); they win over those made here."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.consumer_settings) : startswith(name, "IOTSTREAM_")])
    error_message = "consumer_settings must be variables of iotstream, IOTSTREAM_…."
  }

  validation {
    condition     = length(setintersection(keys(var.consumer_settings), ["IOTSTREAM_LAKE_URI", "IOTSTREAM_QUARANTINE_URI", "IOTSTREAM_JOURNAL_URI", "IOTSTREAM_JOURNAL_APPLICATION", "IOTSTREAM_STREAM_NAME"])) == 0
    error_message = "consumer_settings must not set stream, lake, quarantine or journal: rights and catalogue are for those made here."
  }
}

variable "metrics_namespace" {
  description = "CloudWatch namespace of iotstream's own metrics."
  type        = string
  default     = "iotstream"
  nullable    = false
}

# --- consumer: Lambda ------------------------------------------------------------------------------------

variable "function_name" {
  description = "Name of the function."
  type        = string
  default     = "transform-function"
  nullable    = false
}

variable "lambda_package_path" {
  description = "Zip of the functions' code (`make package`). Null: dist/iotstream-lambda-<runtime>-<architecture>.zip of this checkout."
  type        = string
  default     = null

  validation {
    condition     = !local.needs_package || fileexists(coalesce(var.lambda_package_path, local.built_package_path))
    error_message = "lambda_package_path, or dist/iotstream-lambda-<runtime>-<architecture>.zip, is not there: build it by `make package`."
  }
}

variable "handler_runtime" {
  description = "managed: Lambda's own loop. raw: iotstream's, which hands the handler an event's bytes and is faster."
  type        = string
  default     = "managed"
  nullable    = false
}

variable "lambda_runtime" {
  description = "Lambda's Python, 3.12 or later; the zip must be built for it."
  type        = string
  default     = "python3.12"
  nullable    = false
}

variable "lambda_architecture" {
  description = "Processor: arm64 or x86_64; the zip must be built for it."
  type        = string
  default     = "arm64"
  nullable    = false
}

variable "lambda_memory_size_mib" {
  description = "Memory of the handler, MiB; processor time grows with it."
  type        = number
  default     = 1024
  nullable    = false
}

variable "lambda_timeout_seconds" {
  description = "Seconds that an invocation may take."
  type        = number
  default     = 120
  nullable    = false
}

variable "reserved_concurrent_executions" {
  description = "Invocations of the handler at once at most; one for each shard is needed. -1: no limit of its own."
  type        = number
  default     = 100
  nullable    = false
}

variable "lambda_in_vpc" {
  description = "Whether the handler runs in the private subnets. Null: if InfluxDB, which is there, is written to."
  type        = bool
  default     = null

  validation {
    condition     = var.lambda_in_vpc != false || var.consumer != "lambda" || !contains(["influxdb", "both"], var.tsdb)
    error_message = "lambda_in_vpc = false does not go with InfluxDB, which has no public address."
  }
}

variable "mapping_enabled" {
  description = "Whether the handler gets records. False stops it without losing its place."
  type        = bool
  default     = true
  nullable    = false
}

variable "batch_size" {
  description = "Records of an invocation at most (6 MB in all)."
  type        = number
  default     = 10000
  nullable    = false
}

variable "maximum_batching_window_in_seconds" {
  description = "Seconds that records wait for others to fill a batch."
  type        = number
  default     = 30
  nullable    = false
}

variable "parallelization_factor" {
  description = "Batches of one shard at once. The journal, which is always on, demands 1; any other is refused."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.parallelization_factor == 1
    error_message = "parallelization_factor must be 1: with the journal, batches of one shard would take it from each other. For more throughput add shards, or pack rows into records."
  }
}

variable "bisect_batch_on_function_error" {
  description = "Whether a failed batch is cut in two. The journal demands false; true is refused."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.bisect_batch_on_function_error
    error_message = "bisect_batch_on_function_error must be false: bad data never fails a batch, so it would only repeat work."
  }
}

variable "maximum_retry_attempts" {
  description = "Retries of a failed batch. The journal demands -1 (until it succeeds); any other is refused."
  type        = number
  default     = -1
  nullable    = false

  validation {
    condition     = var.maximum_retry_attempts == -1
    error_message = "maximum_retry_attempts must be -1: giving up loses records."
  }
}

variable "maximum_record_age_in_seconds" {
  description = "Age, seconds, from which a record is given up. The journal demands -1 (never); any other is refused."
  type        = number
  default     = -1
  nullable    = false

  validation {
    condition     = var.maximum_record_age_in_seconds == -1
    error_message = "maximum_record_age_in_seconds must be -1: giving up loses records."
  }
}

# --- consumer: ECS ---------------------------------------------------------------------------------------

variable "consumer_image" {
  description = "The consumer's image, best by digest. One of ECR, of this region, is pulled without NAT and with the right to; any other must be public, and needs NAT. Null: consumer_image_tag of the repository that is made here."
  type        = string
  default     = null
}

variable "consumer_image_tag" {
  description = "Tag in the repository that is made here."
  type        = string
  default     = "0.1.0"
  nullable    = false
}

variable "consumer_cpu" {
  description = "CPU units of a task (1,024 = one vCPU)."
  type        = number
  default     = 1024
  nullable    = false
}

variable "consumer_memory_mib" {
  description = "Memory of a task, MiB."
  type        = number
  default     = 2048
  nullable    = false
}

variable "consumer_cpu_architecture" {
  description = "Processor of the image: ARM64 or X86_64."
  type        = string
  default     = "ARM64"
  nullable    = false
}

variable "consumer_min_count" {
  description = "Tasks at least, 1 or more: with none nothing would measure the lag by which tasks are added."
  type        = number
  default     = 1
  nullable    = false
}

variable "consumer_max_count" {
  description = "Tasks at most. More than the stream has shards do nothing."
  type        = number
  default     = 4
  nullable    = false
}

variable "consumer_scale_on_lag_ms" {
  description = "Milliseconds that reading may be behind the stream's end before a task is added."
  type        = number
  default     = 60000
  nullable    = false
}

variable "consumer_stop_timeout_seconds" {
  description = "Seconds that a task has to finish its spans before it is killed."
  type        = number
  default     = 60
  nullable    = false
}

variable "create_kcl_tables" {
  description = "Whether KCL's three tables are made here. False: the consumer makes them, and gets the right to."
  type        = bool
  default     = true
  nullable    = false
}

variable "enable_kcl_metrics" {
  description = "Whether KCL may put its own metrics into CloudWatch; consumer.kcl_properties must turn them on too."
  type        = bool
  default     = false
  nullable    = false
}

# --- watching --------------------------------------------------------------------------------------------

variable "enable_monitoring" {
  description = "Whether there are alarms, a topic for them, a dashboard, and the audit's schedule."
  type        = bool
  default     = true
  nullable    = false
}

variable "enable_audit" {
  description = "Whether there is a function for `iotstream audit`, which monitoring calls each hour."
  type        = bool
  default     = true
  nullable    = false
}

variable "audit_function_name" {
  description = "Name of the audit's function."
  type        = string
  default     = "audit-function"
  nullable    = false
}

variable "audit_schedule" {
  description = "When the audit runs: a rate or cron expression."
  type        = string
  default     = "rate(1 hour)"
  nullable    = false
}

variable "audit_memory_size_mib" {
  description = "Memory of the audit, MiB."
  type        = number
  default     = 2048
  nullable    = false
}

variable "alarm_emails" {
  description = "Who gets alarms and the budget's warnings; each has to confirm."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "alarm_iterator_age_ms" {
  description = "Age of the last record read, or lag of the consumer, milliseconds, above which it alarms. Other thresholds: module monitoring."
  type        = number
  default     = 60000
  nullable    = false
}

variable "alarm_no_data_minutes" {
  description = "Minutes without a record in the stream after which it alarms."
  type        = number
  default     = 15
  nullable    = false
}

variable "alarm_quarantine_percent" {
  description = "Percent of items that went to the dead letters, above which it alarms."
  type        = number
  default     = 5
  nullable    = false
}

variable "enable_budgets" {
  description = "Whether AWS Budgets warns when the account costs too much."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.enable_budgets || length(var.alarm_emails) >= 1
    error_message = "enable_budgets needs alarm_emails: somebody must be told."
  }
}

variable "monthly_limit_usd" {
  description = "What the account may cost in a month, US dollars."
  type        = number
  default     = 100
  nullable    = false
}
