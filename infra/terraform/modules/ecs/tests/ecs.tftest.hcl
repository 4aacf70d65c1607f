mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { name = "eu-west-1" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/consumer" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-west-1:123456789012:log-group:consumer" }
  }
  mock_resource "aws_ecr_repository" {
    defaults = {
      arn            = "arn:aws:ecr:eu-west-1:123456789012:repository/iotstream-consumer"
      repository_url = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/iotstream-consumer"
    }
  }
  mock_resource "aws_ecs_task_definition" {
    defaults = { arn = "arn:aws:ecs:eu-west-1:123456789012:task-definition/iotstream-consumer:1" }
  }
  mock_resource "aws_appautoscaling_policy" {
    defaults = { arn = "arn:aws:autoscaling:eu-west-1:123456789012:scalingPolicy:1" }
  }
}

variables {
  stream_name        = "kinesis-stream"
  subnet_ids         = ["subnet-a", "subnet-b"]
  security_group_ids = ["sg-1"]
  environment = {
    IOTSTREAM_LAKE_URI    = "s3://lake/telemetry"
    IOTSTREAM_JOURNAL_URI = "dynamodb://journal"
  }
}

run "the_container_is_as_docs_container_says" {
  command = apply

  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].user == "10001:10001" && jsondecode(aws_ecs_task_definition.this.container_definitions)[0].readonlyRootFilesystem
    error_message = "user 10001, read-only root"
  }
  assert {
    condition     = jsonencode(jsondecode(aws_ecs_task_definition.this.container_definitions)[0].linuxParameters) == jsonencode({ capabilities = { drop = ["ALL"] } })
    error_message = "no capabilities"
  }
  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].mountPoints[0].containerPath == "/tmp" && one(aws_ecs_task_definition.this.volume).name == "tmp"
    error_message = "an empty volume at /tmp"
  }
  assert {
    condition     = jsonencode(jsondecode(aws_ecs_task_definition.this.container_definitions)[0].healthCheck) == jsonencode({ command = ["CMD", "python", "/opt/iotstream/healthcheck.py"], interval = 30, retries = 3, startPeriod = 60, timeout = 10 })
    error_message = "the image's health check, said again"
  }
  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].image == "123456789012.dkr.ecr.eu-west-1.amazonaws.com/iotstream-consumer:0.1.0"
    error_message = "the image of the repository that is made here"
  }
  assert {
    condition     = one(aws_ecs_task_definition.this.runtime_platform).cpu_architecture == "ARM64" && aws_ecs_task_definition.this.cpu == "1024" && aws_ecs_task_definition.this.memory == "2048"
    error_message = "Graviton, one vCPU, 2 GiB"
  }
}

run "its_settings" {
  command = apply

  variables {
    stop_timeout_seconds = 90
    health_port          = 9090
    memory               = 4096
    metrics_namespace    = "Fleet"
    secrets              = { IOTSTREAM_INFLUXDB_PASSWORD = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:influx" }
    environment = {
      IOTSTREAM_LAKE_URI           = "s3://lake/telemetry"
      IOTSTREAM_JOURNAL_URI        = "dynamodb://journal"
      IOTSTREAM_CONSUMER_JAVA_HEAP = "256m"
    }
  }

  assert {
    condition = jsonencode({ for one in jsondecode(aws_ecs_task_definition.this.container_definitions)[0].environment : one.name => one.value }) == jsonencode({
      AWS_REGION                      = "eu-west-1"
      IOTSTREAM_CONSUMER_JAVA_HEAP    = "256m"
      IOTSTREAM_CONSUMER_MEMORY_BYTES = "3221225472"
      IOTSTREAM_CONSUMER_PORT         = "9090"
      IOTSTREAM_CONSUMER_SHUTDOWN_S   = "80"
      IOTSTREAM_JOURNAL_URI           = "dynamodb://journal"
      IOTSTREAM_LAKE_URI              = "s3://lake/telemetry"
      IOTSTREAM_METRICS_NAMESPACE     = "Fleet"
      IOTSTREAM_STREAM_NAME           = "kinesis-stream"
    })
    error_message = "environment: ${aws_ecs_task_definition.this.container_definitions}"
  }
  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].stopTimeout == 90 && jsondecode(aws_ecs_task_definition.this.container_definitions)[0].portMappings[0].containerPort == 9090
    error_message = "ECS waits 10 s longer than the consumer takes"
  }
  assert {
    condition     = jsonencode(jsondecode(aws_ecs_task_definition.this.container_definitions)[0].secrets) == jsonencode([{ name = "IOTSTREAM_INFLUXDB_PASSWORD", valueFrom = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:influx" }])
    error_message = "secrets by their ARN"
  }
  assert {
    condition     = [for one in data.aws_iam_policy_document.execution.statement : one.resources if one.sid == "ReadSecrets"][0] == toset(["arn:aws:secretsmanager:eu-west-1:123456789012:secret:influx"])
    error_message = "the execution role reads that secret"
  }
}

run "a_failed_deployment_is_rolled_back" {
  command = plan

  assert {
    condition     = aws_ecs_service.this.deployment_circuit_breaker[0].enable && aws_ecs_service.this.deployment_circuit_breaker[0].rollback
    error_message = "circuit breaker"
  }
  assert {
    condition     = aws_ecs_service.this.deployment_minimum_healthy_percent == 100 && aws_ecs_service.this.deployment_maximum_percent == 200
    error_message = "the new task starts before the old one ends"
  }
  assert {
    condition     = !aws_ecs_service.this.network_configuration[0].assign_public_ip && aws_ecs_service.this.network_configuration[0].subnets == toset(["subnet-a", "subnet-b"])
    error_message = "in the given subnets, without a public address"
  }
  assert {
    condition     = contains([for one in aws_ecs_cluster.this.setting : "${one.name}=${one.value}"], "containerInsights=enabled")
    error_message = "Container Insights"
  }
}

run "the_old_task_may_end_first" {
  command = plan

  variables { deployment_minimum_healthy_percent = 0 }

  assert {
    condition     = aws_ecs_service.this.deployment_maximum_percent == 100
    error_message = "never more tasks than wanted"
  }
}

run "scales_on_the_consumers_own_lag" {
  command = apply

  variables {
    scale_on_lag_ms = 20000
    min_count       = 1
    max_count       = 6
    environment = {
      IOTSTREAM_LAKE_URI            = "s3://lake/telemetry"
      IOTSTREAM_JOURNAL_URI         = "dynamodb://journal"
      IOTSTREAM_JOURNAL_APPLICATION = "fleet"
    }
  }

  assert {
    condition     = aws_appautoscaling_target.this.min_capacity == 1 && aws_appautoscaling_target.this.max_capacity == 6
    error_message = "from 1 to 6 tasks"
  }
  assert {
    condition     = alltrue([for one in [aws_cloudwatch_metric_alarm.lag_high, aws_cloudwatch_metric_alarm.lag_low] : one.namespace == "iotstream" && one.metric_name == "MaxLag" && one.statistic == "Maximum" && one.dimensions == tomap({ Application = "fleet", Stream = "kinesis-stream" })])
    error_message = "the metric that the consumer writes, with its dimensions"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.lag_high.threshold == 20000 && aws_cloudwatch_metric_alarm.lag_low.threshold == 5000
    error_message = "thresholds"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.lag_high.treat_missing_data == "notBreaching" && aws_cloudwatch_metric_alarm.lag_low.treat_missing_data == "notBreaching"
    error_message = "silence scales nothing"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.lag_high.alarm_actions == toset([aws_appautoscaling_policy.out.arn])
    error_message = "a high lag adds tasks"
  }
  assert {
    condition     = sort([for one in aws_appautoscaling_policy.out.step_scaling_policy_configuration[0].step_adjustment : one.scaling_adjustment]) == sort([1, 2]) && one(aws_appautoscaling_policy.in.step_scaling_policy_configuration[0].step_adjustment).scaling_adjustment == -1
    error_message = "one or two more, one less"
  }
}

run "images_can_not_be_replaced" {
  command = plan

  assert {
    condition     = aws_ecr_repository.this.image_tag_mutability == "IMMUTABLE" && aws_ecr_repository.this.image_scanning_configuration[0].scan_on_push && !aws_ecr_repository.this.force_delete
    error_message = "immutable, scanned, kept"
  }
  assert {
    condition     = length(jsondecode(aws_ecr_lifecycle_policy.this.policy).rules) == 2
    error_message = "old images expire"
  }
}

run "the_execution_role_pulls_from_one_repository" {
  command = apply

  variables {
    image            = "999999999999.dkr.ecr.eu-west-1.amazonaws.com/team/shared@sha256:0"
    task_policy_json = { lake = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].image == var.image
    error_message = "the image that was given"
  }
  assert {
    condition = { for one in data.aws_iam_policy_document.execution.statement : one.sid => one.resources } == {
      LogInToEcr = toset(["*"])
      PullImage  = toset(["arn:aws:ecr:eu-west-1:999999999999:repository/team/shared"])
      WriteLogs  = toset(["arn:aws:logs:eu-west-1:123456789012:log-group:consumer:*"])
    }
    error_message = "rights of the execution role"
  }
  assert {
    condition     = keys(aws_iam_role_policy.task) == ["lake"] && aws_iam_role_policy.task["lake"].role == aws_iam_role.task.id
    error_message = "the task's own rights are those passed in"
  }
}

run "a_public_image_needs_no_right" {
  command = plan

  variables { image = "ghcr.io/example/iotstream:1" }

  assert {
    condition     = local.repository_arn == aws_ecr_repository.this.arn && local.image == "ghcr.io/example/iotstream:1"
    error_message = "only of the repository that is made here"
  }
}

run "refuses_no_task_at_all" {
  command = plan
  variables {
    min_count     = 0
    desired_count = 0
  }
  expect_failures = [var.min_count]
}

run "refuses_to_start_without_a_lake" {
  command = plan
  variables { environment = { IOTSTREAM_JOURNAL_URI = "dynamodb://journal" } }
  expect_failures = [var.environment]
}

run "refuses_a_token_in_the_open" {
  command = plan
  variables {
    environment = {
      IOTSTREAM_LAKE_URI       = "s3://lake/telemetry"
      IOTSTREAM_JOURNAL_URI    = "dynamodb://journal"
      IOTSTREAM_INFLUXDB_TOKEN = "secret"
    }
  }
  expect_failures = [var.environment]
}

run "refuses_memory_that_does_not_go_with_the_cpu" {
  command = plan
  variables { memory = 16384 }
  expect_failures = [var.memory]
}

run "refuses_too_little_memory" {
  command = plan
  variables { memory = 1024 }
  expect_failures = [var.memory]
}

run "refuses_a_processor_that_is_none" {
  command = plan
  variables { cpu_architecture = "arm64" }
  expect_failures = [var.cpu_architecture]
}

run "refuses_more_tasks_than_the_most" {
  command = plan
  variables { desired_count = 9 }
  expect_failures = [var.desired_count]
}

run "refuses_longer_than_fargate_waits" {
  command = plan
  variables { stop_timeout_seconds = 300 }
  expect_failures = [var.stop_timeout_seconds]
}

run "refuses_a_port_for_root" {
  command = plan
  variables { health_port = 80 }
  expect_failures = [var.health_port]
}

run "refuses_days_that_cloudwatch_does_not_know" {
  command = plan
  variables { log_retention_days = 42 }
  expect_failures = [var.log_retention_days]
}

run "refuses_a_lag_that_is_always_there" {
  command = plan
  variables { scale_on_lag_ms = 0 }
  expect_failures = [var.scale_on_lag_ms]
}
