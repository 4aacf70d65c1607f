# The least: stream, lake, Lambda, catalogue, Athena, alarms. No VPC, no time-series store, devices of your own.

module "iotstream" {
  source = "../.."

  tsdb                = "none"
  enable_vpc          = false
  enable_devices      = false
  device_names        = ["my-first-device"]
  lambda_package_path = var.lambda_package_path
}
