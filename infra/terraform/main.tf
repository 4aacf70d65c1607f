provider "aws" {
  region = var.aws_region

  default_tags {
    tags = merge({ Project = "iotstream", ManagedBy = "terraform" }, var.tags)
  }
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  lambda        = var.consumer == "lambda"
  ecs           = var.consumer == "ecs"
  influxdb      = contains(["influxdb", "both"], var.tsdb)
  liveanalytics = contains(["liveanalytics", "both"], var.tsdb)

  # Only InfluxDB, which has no public address, needs the handler in the VPC.
  lambda_in_vpc = local.lambda && coalesce(var.lambda_in_vpc, local.influxdb)

  application         = "${var.name_prefix}iotstream"
  function_name       = "${var.name_prefix}${var.function_name}"
  audit_function_name = "${var.name_prefix}${var.audit_function_name}"
  lake_uri            = "s3://${module.s3.lake_bucket}/${var.lake_prefix}"
  quarantine_uri      = "s3://${module.s3.quarantine_bucket}/${var.quarantine_prefix}"
  # Prefixes of the error bucket.
  iot_errors    = "errors"
  error_reports = "timestream"

  # What writes the lake and what audits it agree on.
  lake_environment = merge(
    {
      IOTSTREAM_STREAM_NAME         = module.kinesis.stream_name
      IOTSTREAM_LAKE_URI            = local.lake_uri
      IOTSTREAM_QUARANTINE_URI      = local.quarantine_uri
      IOTSTREAM_JOURNAL_URI         = "dynamodb://${module.dynamodb.journal_table_name}"
      IOTSTREAM_JOURNAL_APPLICATION = local.application
      IOTSTREAM_METRICS_NAMESPACE   = var.metrics_namespace
    },
    var.schema_path == "" ? {} : { IOTSTREAM_SCHEMA_PATH = var.schema_path },
  )

  consumer_environment = merge(
    local.lake_environment,
    local.liveanalytics ? {
      IOTSTREAM_TIMESTREAM_DATABASE = module.timestream.database_name
      IOTSTREAM_TIMESTREAM_TABLE    = module.timestream.table_name
    } : {},
    local.liveanalytics && var.timestream_endpoint_url != null ? { AWS_ENDPOINT_URL_TIMESTREAM_WRITE = var.timestream_endpoint_url } : {},
    local.influxdb ? {
      IOTSTREAM_INFLUXDB_URL          = module.timestream.influxdb_url
      IOTSTREAM_INFLUXDB_VERSION      = "v2"
      IOTSTREAM_INFLUXDB_DATABASE     = var.influxdb_bucket
      IOTSTREAM_INFLUXDB_ORG          = var.influxdb_organization
      IOTSTREAM_INFLUXDB_TOKEN_SECRET = module.timestream.influxdb_token_secret_arn
    } : {},
    local.ecs ? { IOTSTREAM_CONSUMER_RETRIEVAL = var.enable_fan_out ? "fanout" : "polling" } : {},
    var.consumer_settings,
  )
}

# --- network ---------------------------------------------------------------------------------------------

locals {
  needs_network = var.enable_devices || local.ecs || local.influxdb || local.lambda_in_vpc

  # What is reached from private subnets without NAT.
  interface_endpoints = coalesce(
    var.interface_endpoints,
    concat(
      local.ecs ? ["ecr.api", "ecr.dkr", "logs"] : [],
      local.ecs || local.lambda_in_vpc ? ["kinesis-streams"] : [],
      local.influxdb ? ["secretsmanager"] : [],
    ),
  )

  network = var.enable_vpc ? {
    vpc_id             = module.vpc[0].vpc_id
    vpc_cidr           = module.vpc[0].vpc_cidr
    public_subnet_ids  = module.vpc[0].public_subnet_ids
    private_subnet_ids = module.vpc[0].private_subnet_ids
  } : var.existing_network
}

module "vpc" {
  source = "./modules/vpc"
  count  = var.enable_vpc ? 1 : 0

  name_prefix                  = var.name_prefix
  kms_key_arn                  = local.kms_key_arn
  vpc_cidr                     = var.vpc_cidr
  azs                          = var.azs
  public_subnets               = var.public_subnets
  private_subnets              = var.private_subnets
  enable_nat_gateway           = var.enable_nat_gateway
  flow_logs_retention_days     = var.log_retention_days
  interface_endpoints          = local.interface_endpoints
  extra_endpoint_service_names = var.extra_endpoint_service_names
  endpoint_security_group_ids  = [module.security_groups[0].endpoints_security_group_id]
}

module "security_groups" {
  source = "./modules/security-groups"
  count  = var.enable_vpc || var.existing_network != null ? 1 : 0

  name_prefix     = var.name_prefix
  vpc_id          = local.network.vpc_id
  vpc_cidr        = local.network.vpc_cidr
  create_influxdb = local.influxdb
  influxdb_port   = var.influxdb_port
  ssh_cidrs       = var.ssh_cidrs
}

# --- from the devices to the stream ------------------------------------------------------------------------

module "iot" {
  source = "./modules/iot"

  name_prefix            = var.name_prefix
  kms_key_arn            = local.kms_key_arn
  thing_names            = var.device_names
  topic_prefix           = var.topic
  stream_name            = module.kinesis.stream_name
  errors_bucket          = module.s3.iot_errors_bucket
  errors_prefix          = local.iot_errors
  rule_role_arn          = module.iam.iot_rule_role_arn
  logging_role_arn       = module.iam.iot_logging_role_arn
  log_group_prefix       = local.iot_log_group_prefix
  log_retention_days     = var.log_retention_days
  enable_account_logging = var.enable_iot_account_logging
  account_log_level      = var.iot_log_level
}

locals {
  # The original's name, /aws/iot/logs, or beside it for a second deployment.
  iot_log_group_prefix = var.name_prefix == "" ? "" : "/${trimsuffix(var.name_prefix, "-")}"
}

module "secrets" {
  source = "./modules/secrets"

  name_prefix          = var.name_prefix
  kms_key_arn          = local.kms_key_arn
  thing_names          = var.device_names
  device_credentials   = module.iot.device_credentials
  iot_endpoint         = module.iot.endpoint
  recovery_window_days = var.secret_recovery_window_days
}

module "ec2" {
  source = "./modules/ec2"
  count  = var.enable_devices ? 1 : 0

  name_prefix                 = var.name_prefix
  kms_key_arn                 = local.kms_key_arn
  device_count                = length(var.device_names)
  instance_type               = var.device_instance_type
  key_name                    = var.key_name
  enable_session_manager      = var.enable_session_manager
  subnet_ids                  = local.network.public_subnet_ids
  security_group_ids          = [module.security_groups[0].device_security_group_id]
  iot_endpoint_parameter_name = module.secrets.iot_endpoint_parameter_name
  device_secret_arns          = module.secrets.device_secret_arns
  publish_interval_seconds    = var.publish_interval_seconds
  topic_prefix                = var.topic
  simulator_package           = local.simulator_wheel == null ? var.simulator_package : local.simulator_uri
  artefacts_bucket_arn        = module.s3.artefacts_bucket_arn
}

module "kinesis" {
  source = "./modules/kinesis"

  name_prefix       = var.name_prefix
  kms_key_arn       = local.kms_key_arn
  stream_name       = var.stream_name
  stream_mode       = var.stream_mode
  shard_count       = var.shard_count
  retention_period  = var.retention_period
  fan_out_consumers = local.lambda && var.enable_fan_out ? [var.function_name] : []
}

# --- stores ----------------------------------------------------------------------------------------------

module "s3" {
  source = "./modules/s3"

  name_prefix                    = var.name_prefix
  kms_key_arn                    = local.kms_key_arn
  bucket_suffix                  = var.bucket_suffix
  lake_prefix                    = var.lake_prefix
  archive_after_days             = var.archive_after_days
  archive_storage_class          = var.archive_storage_class
  quarantine_expiration_days     = var.quarantine_expiration_days
  athena_results_expiration_days = var.athena_results_expiration_days
  force_destroy                  = var.force_destroy
}

module "dynamodb" {
  source = "./modules/dynamodb"

  name_prefix         = var.name_prefix
  kms_key_arn         = local.kms_key_arn
  deletion_protection = var.deletion_protection
  create_kcl_tables   = local.ecs && var.create_kcl_tables
  kcl_application     = local.application
}

module "timestream" {
  source = "./modules/timestream"

  name_prefix                             = var.name_prefix
  kms_key_arn                             = local.kms_key_arn
  enable_liveanalytics                    = local.liveanalytics
  enable_influxdb                         = local.influxdb
  secret_recovery_window_days             = var.secret_recovery_window_days
  database_name                           = var.timestream_database_name
  table_name                              = var.timestream_table_name
  memory_store_retention_period_in_hours  = var.memory_store_retention_period_in_hours
  magnetic_store_retention_period_in_days = var.magnetic_store_retention_period_in_days
  error_reports_bucket                    = module.s3.iot_errors_bucket
  error_reports_prefix                    = local.error_reports
  influxdb_instance_type                  = var.influxdb_instance_type
  influxdb_allocated_storage_gib          = var.influxdb_allocated_storage_gib
  influxdb_multi_az                       = var.influxdb_multi_az
  influxdb_subnet_ids                     = local.influxdb ? local.network.private_subnet_ids : []
  influxdb_security_group_ids             = local.influxdb ? [module.security_groups[0].influxdb_security_group_id] : []
  influxdb_port                           = var.influxdb_port
  influxdb_organization                   = var.influxdb_organization
  influxdb_bucket                         = var.influxdb_bucket
}

# --- who may do what -------------------------------------------------------------------------------------

module "iam" {
  source = "./modules/iam"

  name_prefix                  = var.name_prefix
  kms_key_arn                  = local.kms_key_arn
  consumer                     = var.consumer
  tsdb                         = var.tsdb
  stream_arn                   = module.kinesis.stream_arn
  enable_fan_out               = var.enable_fan_out
  fan_out_consumer_arn         = one(values(module.kinesis.fan_out_consumer_arns))
  lake_bucket_arn              = module.s3.lake_bucket_arn
  lake_prefix                  = var.lake_prefix
  quarantine_bucket_arn        = module.s3.quarantine_bucket_arn
  quarantine_prefix            = var.quarantine_prefix
  journal_table_arn            = module.dynamodb.journal_table_arn
  application                  = local.application
  kcl_creates_tables           = !var.create_kcl_tables
  enable_put_metric_data       = var.enable_kcl_metrics
  metrics_namespace            = var.metrics_namespace
  timestream_table_arn         = module.timestream.table_arn
  timestream_error_reports_arn = "${module.s3.iot_errors_bucket_arn}/${local.error_reports}"
  influxdb_token_secret_arn    = module.timestream.influxdb_token_secret_arn
  function_name                = local.function_name
  on_failure_queue_arn         = local.lambda ? module.lambda[0].on_failure_queue_arn : null
  lambda_in_vpc                = local.lambda_in_vpc
  lambda_subnet_ids            = local.lambda_in_vpc ? local.network.private_subnet_ids : []
  lambda_security_group_ids    = local.lambda_in_vpc ? [module.security_groups[0].consumer_security_group_id] : []
  enable_audit                 = var.enable_audit
  audit_function_name          = local.audit_function_name
  iot_errors_bucket_arn        = module.s3.iot_errors_bucket_arn
  iot_log_group_name           = "${local.iot_log_group_prefix}/aws/iot/logs"
  enable_iot_account_logging   = var.enable_iot_account_logging
  enable_crawler               = var.enable_crawler
  glue_database_name           = module.glue.database_name
  glue_table_name              = module.glue.table_name
}

# --- artefacts -------------------------------------------------------------------------------------------

locals {
  needs_package      = local.lambda || var.enable_audit
  built_package_path = "${path.module}/../../dist/iotstream-lambda-${var.lambda_runtime}-${var.lambda_architecture}.zip"
  package_path       = coalesce(var.lambda_package_path, local.built_package_path)
  package_s3 = local.needs_package ? {
    bucket  = aws_s3_object.package[0].bucket
    key     = aws_s3_object.package[0].key
    version = aws_s3_object.package[0].version_id
  } : null

  # The devices' wheel: the one that is named, or else the only one that was built. A package's name goes before it.
  built_wheels = [
    for name in fileset("${path.module}/../../dist", "iotstream-*-py3-none-any.whl") : "${path.module}/../../dist/${name}"
  ]
  simulator_wheel = (
    !var.enable_devices || var.simulator_package != null ? null :
    var.simulator_wheel_path != null ? var.simulator_wheel_path : try(local.built_wheels[0], null)
  )
  simulator_uri = one([for one in aws_s3_object.simulator : "s3://${one.bucket}/${one.key}"])
}

# One object of many versions: an older build can be brought back, for as long as the bucket keeps it.
resource "aws_s3_object" "package" {
  #checkov:skip=CKV_AWS_186: the bucket encrypts it, by the same key
  count = local.needs_package ? 1 : 0

  bucket      = module.s3.artefacts_bucket
  key         = "${var.function_name}/${basename(local.package_path)}"
  source      = local.package_path
  source_hash = filemd5(local.package_path)
}

resource "aws_s3_object" "simulator" {
  #checkov:skip=CKV_AWS_186: the bucket encrypts it, by the same key
  count = local.simulator_wheel == null ? 0 : 1

  # By what is in it: user data names it, so another wheel makes new devices.
  bucket      = module.s3.artefacts_bucket
  key         = "simulator/${filesha256(local.simulator_wheel)}/${basename(local.simulator_wheel)}"
  source      = local.simulator_wheel
  source_hash = filemd5(local.simulator_wheel)
}

# --- consumers: one of the two -----------------------------------------------------------------------------

module "lambda" {
  source = "./modules/lambda"
  count  = local.lambda ? 1 : 0

  name_prefix                        = var.name_prefix
  kms_key_arn                        = local.kms_key_arn
  function_name                      = var.function_name
  role_arn                           = module.iam.lambda_role_arn
  package_s3                         = local.package_s3
  handler_runtime                    = var.handler_runtime
  runtime                            = var.lambda_runtime
  architecture                       = var.lambda_architecture
  memory_size_mib                    = var.lambda_memory_size_mib
  timeout_seconds                    = var.lambda_timeout_seconds
  reserved_concurrent_executions     = var.reserved_concurrent_executions
  environment                        = local.consumer_environment
  subnet_ids                         = local.lambda_in_vpc ? local.network.private_subnet_ids : []
  security_group_ids                 = local.lambda_in_vpc ? [module.security_groups[0].consumer_security_group_id] : []
  event_source_arn                   = var.enable_fan_out ? module.kinesis.fan_out_consumer_arns[var.function_name] : module.kinesis.stream_arn
  mapping_enabled                    = var.mapping_enabled
  batch_size                         = var.batch_size
  maximum_batching_window_in_seconds = var.maximum_batching_window_in_seconds
  parallelization_factor             = var.parallelization_factor
  bisect_batch_on_function_error     = var.bisect_batch_on_function_error
  maximum_retry_attempts             = var.maximum_retry_attempts
  maximum_record_age_in_seconds      = var.maximum_record_age_in_seconds
  log_retention_days                 = var.log_retention_days
}

module "ecs" {
  source = "./modules/ecs"
  count  = local.ecs ? 1 : 0

  name_prefix          = var.name_prefix
  kms_key_arn          = local.kms_key_arn
  image                = var.consumer_image
  image_tag            = var.consumer_image_tag
  force_delete_images  = var.force_destroy
  cpu                  = var.consumer_cpu
  memory               = var.consumer_memory_mib
  cpu_architecture     = var.consumer_cpu_architecture
  desired_count        = var.consumer_min_count
  min_count            = var.consumer_min_count
  max_count            = var.consumer_max_count
  subnet_ids           = local.network.private_subnet_ids
  security_group_ids   = [module.security_groups[0].consumer_security_group_id]
  environment          = local.consumer_environment
  task_policy_json     = module.iam.consumer_policy_json
  stop_timeout_seconds = var.consumer_stop_timeout_seconds
  log_retention_days   = var.log_retention_days
  metrics_namespace    = var.metrics_namespace
  stream_name          = module.kinesis.stream_name
  scale_on_lag_ms      = var.consumer_scale_on_lag_ms
}

# --- SQL -------------------------------------------------------------------------------------------------

module "glue" {
  source = "./modules/glue"

  name_prefix        = var.name_prefix
  kms_key_arn        = local.kms_key_arn
  enable_kms         = var.enable_kms || var.kms_key_arn != null
  schema_json_path   = coalesce(var.schema_json_path, "${path.module}/schema/telemetry.json")
  lake_uri           = local.lake_uri
  glue_database_name = var.glue_database_name
  glue_table_name    = var.glue_table_name
  first_day          = var.first_day
  enable_crawler     = var.enable_crawler
  glue_crawler_name  = var.glue_crawler_name
  crawler_role_arn   = module.iam.crawler_role_arn
}

module "athena" {
  source = "./modules/athena"
  count  = var.enable_athena ? 1 : 0

  name_prefix                    = var.name_prefix
  kms_key_arn                    = local.kms_key_arn
  results_bucket                 = module.s3.athena_results_bucket
  database_name                  = module.glue.database_name
  table_name                     = module.glue.table_name
  time_column                    = module.glue.time_column
  dimension_columns              = module.glue.dimension_columns
  number_columns                 = module.glue.number_columns
  bytes_scanned_cutoff_per_query = var.athena_bytes_scanned_cutoff_per_query
  force_destroy                  = var.force_destroy
}

# --- watching --------------------------------------------------------------------------------------------

module "audit" {
  source = "./modules/audit"
  count  = var.enable_audit ? 1 : 0

  name_prefix        = var.name_prefix
  kms_key_arn        = local.kms_key_arn
  function_name      = var.audit_function_name
  role_arn           = module.iam.audit_role_arn
  package_s3         = local.package_s3
  runtime            = var.lambda_runtime
  architecture       = var.lambda_architecture
  memory_size_mib    = var.audit_memory_size_mib
  environment        = local.lake_environment
  log_retention_days = var.log_retention_days
}

module "monitoring" {
  source = "./modules/monitoring"
  count  = var.enable_monitoring ? 1 : 0

  name_prefix               = var.name_prefix
  kms_key_arn               = local.kms_key_arn
  alarm_emails              = var.alarm_emails
  consumer                  = var.consumer
  stream_name               = module.kinesis.stream_name
  application               = local.application
  metrics_namespace         = var.metrics_namespace
  lambda_function_name      = one(module.lambda[*].function_name)
  lambda_timeout_seconds    = local.lambda ? var.lambda_timeout_seconds : null
  event_source_mapping_uuid = one(module.lambda[*].event_source_mapping_uuid)
  on_failure_queue_name     = one(module.lambda[*].on_failure_queue_name)
  ecs_cluster_name          = one(module.ecs[*].cluster_name)
  ecs_service_name          = one(module.ecs[*].service_name)
  desired_count             = var.consumer_min_count
  iot_rule_names            = module.iot.rule_names
  iot_errors_bucket         = module.s3.iot_errors_bucket
  iot_errors_prefix         = local.iot_errors
  timestream_reports_prefix = local.error_reports
  iot_log_group             = module.iot.account_log_group_name
  tsdb                      = var.tsdb
  timestream_database       = module.timestream.database_name
  timestream_table          = module.timestream.table_name
  influxdb_instance_name    = module.timestream.influxdb_instance_name
  audit_function_name       = one(module.audit[*].function_name)
  audit_schedule            = var.audit_schedule
  iterator_age_ms           = var.alarm_iterator_age_ms
  consumer_lag_ms           = var.alarm_iterator_age_ms
  no_data_minutes           = var.alarm_no_data_minutes
  quarantine_percent        = var.alarm_quarantine_percent
}

module "budgets" {
  source = "./modules/budgets"
  count  = var.enable_budgets ? 1 : 0

  name_prefix       = var.name_prefix
  monthly_limit_usd = var.monthly_limit_usd
  emails            = var.alarm_emails
}
