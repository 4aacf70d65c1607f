output "workgroup_name" {
  description = "The workgroup."
  value       = aws_athena_workgroup.this.name
}

output "named_query_ids" {
  description = "Saved query => its id, for `aws athena get-named-query`."
  value       = { for name, query in aws_athena_named_query.this : name => query.id }
}
