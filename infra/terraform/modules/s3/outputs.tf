output "lake_bucket" {
  description = "Bucket of the lake."
  value       = module.lake.name
}

output "lake_bucket_arn" {
  description = "Its ARN."
  value       = module.lake.arn
}

output "quarantine_bucket" {
  description = "Bucket of the dead letters."
  value       = module.quarantine.name
}

output "quarantine_bucket_arn" {
  description = "Its ARN."
  value       = module.quarantine.arn
}

output "athena_results_bucket" {
  description = "Bucket of the Athena's results."
  value       = module.athena_results.name
}

output "athena_results_bucket_arn" {
  description = "Its ARN."
  value       = module.athena_results.arn
}

output "artefacts_bucket" {
  description = "Bucket of the artefacts (the Lambda's zip, the simulator's wheel)."
  value       = module.artefacts.name
}

output "artefacts_bucket_arn" {
  description = "Its ARN."
  value       = module.artefacts.arn
}

output "iot_errors_bucket" {
  description = "Bucket of the messages that a rule could not deliver."
  value       = module.iot_errors.name
}

output "iot_errors_bucket_arn" {
  description = "Its ARN."
  value       = module.iot_errors.arn
}
