output "database_name" {
  description = "LiveAnalytics: the database; null if there is none."
  value       = one(aws_timestreamwrite_database.this[*].database_name)
}

output "table_name" {
  description = "LiveAnalytics: the table; null if there is none."
  value       = one(aws_timestreamwrite_table.this[*].table_name)
}

output "table_arn" {
  description = "LiveAnalytics: the table's ARN; null if there is none."
  value       = one(aws_timestreamwrite_table.this[*].arn)
}

output "influxdb_instance_name" {
  description = "InfluxDB: the instance; null if there is none."
  value       = one(aws_timestreaminfluxdb_db_instance.this[*].name)
}

output "influxdb_url" {
  description = "InfluxDB: where it is reached, from inside the network; null if there is none."
  value       = var.enable_influxdb ? "https://${aws_timestreaminfluxdb_db_instance.this[0].endpoint}:${var.influxdb_port}" : null
}

output "influxdb_credentials_secret_arn" {
  description = "InfluxDB: the service's own secret with the first administrator, organization and bucket; null if there is none."
  value       = one(aws_timestreaminfluxdb_db_instance.this[*].influx_auth_parameters_secret_arn)
}

output "influxdb_token_secret_arn" {
  description = "InfluxDB: secret for iotstream's token, which is put in by hand; null if there is none."
  value       = one(aws_secretsmanager_secret.influxdb_token[*].arn)
}
