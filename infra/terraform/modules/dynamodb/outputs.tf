output "journal_table_name" {
  description = "Table of the span journal."
  value       = aws_dynamodb_table.journal.name
}

output "journal_table_arn" {
  description = "Its ARN."
  value       = aws_dynamodb_table.journal.arn
}

output "kcl_table_names" {
  description = "KCL's tables: leases, worker_metrics, coordinator. Empty if the consumer makes them."
  value       = { for role, table in aws_dynamodb_table.kcl : role => table.name }
}
