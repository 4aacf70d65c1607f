output "device_security_group_id" {
  description = "Of the devices."
  value       = aws_security_group.device.id
}

output "consumer_security_group_id" {
  description = "Of the consumer, be it Lambda in the VPC or the task on ECS."
  value       = aws_security_group.consumer.id
}

output "endpoints_security_group_id" {
  description = "Of the interface endpoints."
  value       = aws_security_group.endpoints.id
}

output "influxdb_security_group_id" {
  description = "Of InfluxDB; null if it is not created."
  value       = one(aws_security_group.influxdb[*].id)
}
