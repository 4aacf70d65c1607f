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
