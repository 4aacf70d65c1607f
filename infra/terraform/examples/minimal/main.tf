# The least: stream, lake, Lambda, catalogue, Athena, alarms. No VPC, no time-series store, devices of your own.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

variable "lambda_package_path" {
  description = "Zip of the functions' code (`make package`)."
  type        = string
  default     = "../../../../dist/iotstream-lambda-python3.12-arm64.zip"
  nullable    = false
}

module "iotstream" {
  source = "../.."

  tsdb                = "none"
  enable_vpc          = false
  enable_devices      = false
  device_names        = ["my-first-device"]
  lambda_package_path = var.lambda_package_path
}

output "iot_endpoint" {
  description = "Host to which devices connect by MQTT over TLS, port 8883."
  value       = module.iotstream.iot_endpoint
}

output "device_secret_arns" {
  description = "Device => secret with its certificate and private key."
  value       = module.iotstream.device_secret_arns
}

output "lake_uri" {
  description = "The lake."
  value       = module.iotstream.lake_uri
}
