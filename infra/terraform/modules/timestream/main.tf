# Timestream for LiveAnalytics takes no new customers since June 2025; Timestream for InfluxDB is for everyone.

resource "aws_timestreamwrite_database" "this" {
  #checkov:skip=CKV_AWS_160: encrypted by Timestream's own KMS key; kms_key_arn brings one's own
  count = var.enable_liveanalytics ? 1 : 0

  database_name = "${var.name_prefix}${var.database_name}"
  kms_key_id    = var.kms_key_arn

  tags = var.tags
}

resource "aws_timestreamwrite_table" "this" {
  count = var.enable_liveanalytics ? 1 : 0

  database_name = aws_timestreamwrite_database.this[0].database_name
  table_name    = var.table_name

  retention_properties {
    memory_store_retention_period_in_hours  = var.memory_store_retention_period_in_hours
    magnetic_store_retention_period_in_days = var.magnetic_store_retention_period_in_days
  }

  # Late readings are written, not refused.
  magnetic_store_write_properties {
    enable_magnetic_store_writes = true

    magnetic_store_rejected_data_location {
      s3_configuration {
        bucket_name       = var.error_reports_bucket
        object_key_prefix = var.error_reports_prefix
        encryption_option = var.kms_key_arn == null ? "SSE_S3" : "SSE_KMS"
        kms_key_id        = var.kms_key_arn
      }
    }
  }

  tags = var.tags
}

# --- InfluxDB --------------------------------------------------------------------------------------------

# Read anew at each plan; the secret keeps the first.
data "aws_secretsmanager_random_password" "influxdb" {
  count = var.enable_influxdb ? 1 : 0

  password_length     = 48
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret" "influxdb_admin" {
  #checkov:skip=CKV_AWS_149: encrypted by Secrets Manager's own key; kms_key_arn brings one's own
  #checkov:skip=CKV2_AWS_57: InfluxDB has no rotation by Lambda: the first administrator's password is changed in its console
  count = var.enable_influxdb ? 1 : 0

  name                    = "${var.name_prefix}influxdb/admin-password"
  description             = "The first administrator's password, as the instance was created with."
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.secret_recovery_window_days

  tags = var.tags
}

resource "aws_secretsmanager_secret_version" "influxdb_admin" {
  count = var.enable_influxdb ? 1 : 0

  secret_id     = aws_secretsmanager_secret.influxdb_admin[0].id
  secret_string = data.aws_secretsmanager_random_password.influxdb[0].random_password

  lifecycle {
    ignore_changes = [secret_string]
  }
}

resource "aws_timestreaminfluxdb_db_instance" "this" {
  count = var.enable_influxdb ? 1 : 0

  name                   = "${var.name_prefix}${var.influxdb_instance_name}"
  db_instance_type       = var.influxdb_instance_type
  db_storage_type        = var.influxdb_storage_type
  allocated_storage      = var.influxdb_allocated_storage_gib
  deployment_type        = var.influxdb_multi_az ? "WITH_MULTIAZ_STANDBY" : "SINGLE_AZ"
  publicly_accessible    = false
  vpc_subnet_ids         = var.influxdb_multi_az ? var.influxdb_subnet_ids : slice(var.influxdb_subnet_ids, 0, 1)
  vpc_security_group_ids = var.influxdb_security_group_ids
  port                   = var.influxdb_port
  organization           = var.influxdb_organization
  bucket                 = var.influxdb_bucket
  username               = var.influxdb_username
  password               = aws_secretsmanager_secret_version.influxdb_admin[0].secret_string

  tags = var.tags

  lifecycle {
    # The first password only: another one would replace the instance, and its data with it.
    ignore_changes = [password]
  }
}

# The token with which iotstream writes. InfluxDB makes it, so its value is put in by hand (README).
resource "aws_secretsmanager_secret" "influxdb_token" {
  #checkov:skip=CKV_AWS_149: encrypted by Secrets Manager's own key; kms_key_arn brings one's own
  #checkov:skip=CKV2_AWS_57: InfluxDB's tokens are made by InfluxDB; iotstream reads the secret anew when one is refused
  count = var.enable_influxdb ? 1 : 0

  name                    = "${var.name_prefix}influxdb/token"
  description             = "Token that may write to the bucket: the text itself, or JSON with the key token."
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.secret_recovery_window_days

  tags = var.tags
}
