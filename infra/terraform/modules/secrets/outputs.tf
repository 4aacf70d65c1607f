output "device_secret_arns" {
  description = "Thing => ARN of its secret."
  value       = { for name, secret in aws_secretsmanager_secret.device : name => secret.arn }
}

output "iot_endpoint_parameter_name" {
  description = "Parameter Store: where the IoT endpoint is."
  value       = aws_ssm_parameter.iot_endpoint.name
}
