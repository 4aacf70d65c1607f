output "sns_topic_arn" {
  description = "Where the alarms go."
  value       = aws_sns_topic.this.arn
}

output "dashboard_name" {
  description = "The dashboard."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}

output "alarm_names" {
  description = "All alarms, sorted."
  value       = sort([for one in aws_cloudwatch_metric_alarm.this : one.alarm_name])
}
