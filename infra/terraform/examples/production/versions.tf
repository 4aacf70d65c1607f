terraform {
  required_version = ">= 1.9"

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
