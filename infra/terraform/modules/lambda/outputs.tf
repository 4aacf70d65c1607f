output "function_name" {
  description = "The function."
  value       = aws_lambda_function.this.function_name
}

output "function_arn" {
  description = "Its ARN."
  value       = aws_lambda_function.this.arn
}

output "log_group_name" {
  description = "Its log group."
  value       = aws_cloudwatch_log_group.this.name
}

output "timeout_seconds" {
  description = "Its timeout, seconds."
  value       = aws_lambda_function.this.timeout
}

output "event_source_mapping_uuid" {
  description = "Its event source mapping."
  value       = aws_lambda_event_source_mapping.this.uuid
}

output "on_failure_queue_name" {
  description = "Queue of the batches that Lambda gave up."
  value       = aws_sqs_queue.on_failure.name
}

output "on_failure_queue_arn" {
  description = "Its ARN."
  value       = aws_sqs_queue.on_failure.arn
}
