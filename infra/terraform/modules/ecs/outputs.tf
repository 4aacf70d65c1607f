output "cluster_name" {
  description = "The cluster."
  value       = aws_ecs_cluster.this.name
}

output "cluster_arn" {
  description = "Its ARN."
  value       = aws_ecs_cluster.this.arn
}

output "service_name" {
  description = "The service."
  value       = aws_ecs_service.this.name
}

output "task_role_arn" {
  description = "Role of the consumer."
  value       = aws_iam_role.task.arn
}

output "execution_role_arn" {
  description = "Role of ECS itself for the task."
  value       = aws_iam_role.execution.arn
}

output "ecr_repository_url" {
  description = "Where the consumer's image is pushed."
  value       = aws_ecr_repository.this.repository_url
}

output "log_group_name" {
  description = "Log group of the consumer."
  value       = aws_cloudwatch_log_group.this.name
}
