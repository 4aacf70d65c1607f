output "stream_name" {
  description = "The stream."
  value       = aws_kinesis_stream.this.name
}

output "stream_arn" {
  description = "Its ARN."
  value       = aws_kinesis_stream.this.arn
}

output "fan_out_consumer_arns" {
  description = "Name, as it was given => ARN of the registered consumer."
  value       = { for name, one in aws_kinesis_stream_consumer.this : name => one.arn }
}
