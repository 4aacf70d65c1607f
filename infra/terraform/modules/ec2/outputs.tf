output "instance_ids" {
  description = "Thing name => its instance."
  value       = { for thing, instance in aws_instance.this : thing => instance.id }
}

output "instance_role_arn" {
  description = "Role of the instances."
  value       = aws_iam_role.this.arn
}
