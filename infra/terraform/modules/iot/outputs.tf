output "thing_arns" {
  description = "Thing => its ARN."
  value       = { for name, thing in aws_iot_thing.this : name => thing.arn }
}

output "certificate_arns" {
  description = "Thing => ARN of its certificate."
  value       = { for name, one in aws_iot_certificate.this : name => one.arn }
}

output "device_credentials" {
  description = "Thing => its certificate and private key, PEM."
  sensitive   = true
  value = { for name, one in aws_iot_certificate.this : name => {
    certificate_pem = one.certificate_pem
    private_key     = one.private_key
  } }
}

output "endpoint" {
  description = "Host to which devices connect, port 8883 (iot:Data-ATS)."
  value       = data.aws_iot_endpoint.this.endpoint_address
}

output "policy_name" {
  description = "Policy of the devices' certificates."
  value       = aws_iot_policy.device.name
}

output "rule_names" {
  description = "Rules that send to the stream."
  value       = [for rule in aws_iot_topic_rule.this : rule.name]
}

output "log_group_name" {
  description = "Log of the devices' connections."
  value       = aws_cloudwatch_log_group.iot.name
}

output "account_log_group_name" {
  description = "IoT Core's own log, with the errors of rules; null if it is not set up here."
  value       = one(aws_cloudwatch_log_group.account[*].name)
}
