mock_provider "aws" {
  source = "./tests/mocks"
}

run "influxdb_is_private" {
  command = plan
  module {
    source = "./modules/timestream"
  }
  variables {
    influxdb_subnet_ids         = ["subnet-0a", "subnet-0b"]
    influxdb_security_group_ids = ["sg-0a"]
  }
  assert {
    condition = (
      !aws_timestreaminfluxdb_db_instance.this[0].publicly_accessible && aws_timestreaminfluxdb_db_instance.this[0].deployment_type == "SINGLE_AZ" &&
      aws_timestreaminfluxdb_db_instance.this[0].vpc_subnet_ids == toset(["subnet-0a"]) && aws_timestreaminfluxdb_db_instance.this[0].port == 8086
    )
    error_message = "InfluxDB has no public address."
  }
  assert {
    condition     = length(aws_timestreamwrite_database.this) == 0 && output.database_name == null
    error_message = "LiveAnalytics is not made."
  }
}

run "liveanalytics" {
  command = plan
  module {
    source = "./modules/timestream"
  }
  variables {
    enable_liveanalytics = true
    enable_influxdb      = false
    error_reports_bucket = "errors"
  }
  assert {
    condition = (
      aws_timestreamwrite_database.this[0].database_name == "iot_timestream_db" && aws_timestreamwrite_table.this[0].table_name == "iot_table" &&
      aws_timestreamwrite_table.this[0].retention_properties[0].memory_store_retention_period_in_hours == 24 &&
      aws_timestreamwrite_table.this[0].retention_properties[0].magnetic_store_retention_period_in_days == 365
    )
    error_message = "The original's names and retention."
  }
  assert {
    condition = (
      aws_timestreamwrite_table.this[0].magnetic_store_write_properties[0].enable_magnetic_store_writes &&
      aws_timestreamwrite_table.this[0].magnetic_store_write_properties[0].magnetic_store_rejected_data_location[0].s3_configuration[0].bucket_name == "errors"
    )
    error_message = "Late readings are written, and what is refused is reported."
  }
  assert {
    condition     = length(aws_timestreaminfluxdb_db_instance.this) == 0 && output.influxdb_url == null && output.influxdb_token_secret_arn == null
    error_message = "InfluxDB is not made."
  }
}

run "refused" {
  command = plan
  module {
    source = "./modules/timestream"
  }
  variables {
    enable_liveanalytics        = true
    influxdb_instance_type      = "db.t3.micro"
    influxdb_storage_type       = "gp3"
    influxdb_port               = 80
    secret_recovery_window_days = 1
    influxdb_instance_name      = "iot--influxdb"
    influxdb_bucket             = "_iot"
  }
  expect_failures = [
    var.error_reports_bucket, var.influxdb_instance_type, var.influxdb_storage_type, var.influxdb_port,
    var.secret_recovery_window_days, var.influxdb_instance_name, var.influxdb_subnet_ids, var.influxdb_security_group_ids,
    var.influxdb_bucket,
  ]
}

run "a_standby_and_a_fast_disk_need_more" {
  command = plan
  module {
    source = "./modules/timestream"
  }
  variables {
    influxdb_multi_az           = true
    influxdb_storage_type       = "InfluxIOIncludedT2"
    influxdb_subnet_ids         = ["subnet-0a"]
    influxdb_security_group_ids = ["sg-0a"]
  }
  expect_failures = [var.influxdb_multi_az, var.influxdb_allocated_storage_gib]
}
