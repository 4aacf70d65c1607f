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
