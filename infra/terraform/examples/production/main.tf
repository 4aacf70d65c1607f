# For steady load: provisioned shards, the consumer on ECS by the Kinesis Client Library with fan-out, InfluxDB with
# a standby, one key for all, three zones, alarms to people, a budget.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # The state holds the devices' private keys: keep it in a bucket of its own that is encrypted and closed.
  # backend "s3" {
  #   bucket       = "my-terraform-state"
  #   key          = "iotstream/production.tfstate"
  #   region       = "eu-west-1"
  #   encrypt      = true
  #   kms_key_id   = "alias/terraform-state"
  #   use_lockfile = true
  # }
}

variable "alarm_emails" {
  description = "Who gets the alarms."
  type        = list(string)
  nullable    = false
}

variable "device_names" {
  description = "The devices."
  type        = list(string)
  nullable    = false
}

variable "consumer_image" {
  description = "The consumer's image, by digest. Null: the tag 0.1.0 of the repository that is made here; push it first (README)."
  type        = string
  default     = null
}

variable "lambda_package_path" {
  description = "Zip of the audit's code (`make package`)."
  type        = string
  default     = "../../../../dist/iotstream-lambda-python3.12-arm64.zip"
  nullable    = false
}

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

output "consumer_environment" {
  description = "With these variables `iotstream audit` and `iotstream backfill` work on the lake from anywhere."
  value       = module.iotstream.consumer_environment
}

output "ecr_repository_url" {
  description = "Where the consumer's image is pushed."
  value       = module.iotstream.ecr_repository_url
}

output "influxdb_token_secret_arn" {
  description = "The secret into which the consumer's token is put by hand."
  value       = module.iotstream.influxdb_token_secret_arn
}
