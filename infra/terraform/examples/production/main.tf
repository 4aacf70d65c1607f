# For steady load: provisioned shards, the consumer on ECS by the Kinesis Client Library with fan-out, InfluxDB with
# a standby, one key for all, three zones, alarms to people, a budget.

module "iotstream" {
  source = "../.."

  aws_region = "eu-west-1"
  tags       = { Environment = "production", CostCentre = "telemetry" }

  # Three zones; nothing of the consumer's traffic leaves AWS.
  azs             = ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
  public_subnets  = ["10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24"]
  private_subnets = ["10.0.11.0/24", "10.0.12.0/24", "10.0.13.0/24"]

  device_names   = var.device_names
  enable_devices = false

  stream_mode      = "PROVISIONED"
  shard_count      = 8
  retention_period = 168
  enable_fan_out   = true

  consumer            = "ecs"
  consumer_image      = var.consumer_image
  consumer_cpu        = 2048
  consumer_memory_mib = 4096
  consumer_min_count  = 2
  consumer_max_count  = 8
  lambda_package_path = var.lambda_package_path

  tsdb                           = "influxdb"
  influxdb_instance_type         = "db.influx.large"
  influxdb_allocated_storage_gib = 200
  influxdb_multi_az              = true

  enable_kms        = true
  enable_budgets    = true
  monthly_limit_usd = 2000
  alarm_emails      = var.alarm_emails
}
