data "aws_caller_identity" "current" {}

locals {
  id = coalesce(var.bucket_suffix, data.aws_caller_identity.current.account_id)

  data_transitions = concat(
    [{ days = var.intelligent_tiering_after_days, storage_class = "INTELLIGENT_TIERING" }],
    var.archive_after_days == null ? [] : [{ days = var.archive_after_days, storage_class = var.archive_storage_class }],
  )
}

module "lake" {
  source = "./bucket"

  name              = "${var.name_prefix}iot-data-lake-bucket-${local.id}"
  kms_key_arn       = var.kms_key_arn
  access_log_bucket = var.access_log_bucket
  force_destroy     = var.force_destroy
  tags              = var.tags

  # Only the data: manifests and schemas are small, and read at each audit.
  lifecycle_rules = [{ id = "data", prefix = "${var.lake_prefix}/data/", transitions = local.data_transitions }]
}

module "quarantine" {
  source = "./bucket"

  name              = "${var.name_prefix}iot-quarantine-bucket-${local.id}"
  kms_key_arn       = var.kms_key_arn
  access_log_bucket = var.access_log_bucket
  force_destroy     = var.force_destroy
  tags              = var.tags

  # A rule that does nothing is refused by S3.
  lifecycle_rules = [for days in var.quarantine_expiration_days[*] : { id = "expire", prefix = "", expiration_days = days }]
}

module "athena_results" {
  source = "./bucket"

  name              = "${var.name_prefix}athena-temp-results-bucket-${local.id}"
  kms_key_arn       = var.kms_key_arn
  access_log_bucket = var.access_log_bucket
  force_destroy     = var.force_destroy
  tags              = var.tags

  lifecycle_rules = [{ id = "expire", prefix = "", expiration_days = var.athena_results_expiration_days }]
}

module "artefacts" {
  source = "./bucket"

  name              = "${var.name_prefix}transform-function-code-bucket-${local.id}"
  kms_key_arn       = var.kms_key_arn
  access_log_bucket = var.access_log_bucket
  force_destroy     = var.force_destroy
  tags              = var.tags
  versioning        = true

  lifecycle_rules = [{ id = "old-versions", prefix = "", noncurrent_expiration_days = var.artefact_versions_expiration_days }]
}

module "iot_errors" {
  source = "./bucket"

  name              = "${var.name_prefix}iot-errors-bucket-${local.id}"
  kms_key_arn       = var.kms_key_arn
  access_log_bucket = var.access_log_bucket
  force_destroy     = var.force_destroy
  tags              = var.tags

  lifecycle_rules = [{ id = "expire", prefix = "", expiration_days = var.iot_errors_expiration_days }]
}
