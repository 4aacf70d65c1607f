# A role is given out once it has its rights: services check them when they are told to use it.

output "lambda_role_arn" {
  description = "Role of the handler's function; null with consumer = ecs."
  value       = one(aws_iam_role.lambda[*].arn)
  depends_on  = [aws_iam_role_policy.lambda]
}

output "audit_role_arn" {
  description = "Role of the audit's function; null if there is none."
  value       = one(aws_iam_role.audit[*].arn)
  depends_on  = [aws_iam_role_policy.audit]
}

output "iot_rule_role_arn" {
  description = "Role of the IoT rules."
  value       = aws_iam_role.iot_rule.arn
  depends_on  = [aws_iam_role_policy.iot_rule]
}

output "iot_logging_role_arn" {
  description = "Role of IoT Core's own log; null if there is none."
  value       = one(aws_iam_role.iot_logging[*].arn)
  depends_on  = [aws_iam_role_policy.iot_logging]
}

output "crawler_role_arn" {
  description = "Role of Glue's crawler; null if there is none."
  value       = one(aws_iam_role.crawler[*].arn)
  depends_on  = [aws_iam_role_policy.crawler]
}

output "consumer_policy_json" {
  description = "What the consumer on ECS may do: name => policy, for the task's role (module ecs)."
  value = merge(
    { lake = data.aws_iam_policy_document.lake.json, kcl = data.aws_iam_policy_document.kcl.json },
    var.tsdb == "none" ? {} : { stores = data.aws_iam_policy_document.stores.json },
  )
}
