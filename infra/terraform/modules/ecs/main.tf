data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  name = "${var.name_prefix}iotstream-consumer"

  image = coalesce(var.image, "${aws_ecr_repository.this.repository_url}:${var.image_tag}")

  # ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME:TAG or …@DIGEST; another one's image is public, and pulled without a right.
  ecr_image      = try(regex("^([0-9]{12})\\.dkr\\.ecr\\.([a-z0-9-]+)\\.amazonaws\\.com(?:\\.cn)?/([a-z0-9._/-]+)", var.image), null)
  repository_arn = local.ecr_image == null ? aws_ecr_repository.this.arn : "arn:${data.aws_partition.current.partition}:ecr:${local.ecr_image[1]}:${local.ecr_image[0]}:repository/${local.ecr_image[2]}"

  # Of a task's memory: Java's heap of 512 MiB and its own 200, the parent's 128, and some to spare.
  other_memory_mib = 1024

  environment = merge(
    {
      IOTSTREAM_STREAM_NAME           = var.stream_name
      IOTSTREAM_METRICS_NAMESPACE     = var.metrics_namespace
      IOTSTREAM_CONSUMER_PORT         = tostring(var.health_port)
      IOTSTREAM_CONSUMER_SHUTDOWN_S   = tostring(var.stop_timeout_seconds - 10)
      IOTSTREAM_CONSUMER_MEMORY_BYTES = tostring((var.memory - local.other_memory_mib) * 1024 * 1024)
      IOTSTREAM_CONSUMER_JAVA_HEAP    = "512m"
      AWS_REGION                      = data.aws_region.current.name
    },
    var.environment,
  )

  # As sources/kcl/consumer.py names them.
  metric_dimensions = {
    Application = lookup(local.environment, "IOTSTREAM_JOURNAL_APPLICATION", "iotstream")
    Stream      = var.stream_name
  }

  account_arn = "${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}"
}

# --- image -----------------------------------------------------------------------------------------------

resource "aws_ecr_repository" "this" {
  name                 = local.name
  image_tag_mutability = "IMMUTABLE"
  force_delete         = var.force_delete_images

  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = var.kms_key_arn
  }

  image_scanning_configuration {
    scan_on_push = true
  }

  tags = var.tags
}

resource "aws_ecr_lifecycle_policy" "this" {
  repository = aws_ecr_repository.this.name
  policy = jsonencode({ rules = [
    {
      rulePriority = 1
      description  = "What a newer build left without a tag"
      selection    = { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = 14 }
      action       = { type = "expire" }
    },
    {
      rulePriority = 2
      description  = "The last 30 versions"
      selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 30 }
      action       = { type = "expire" }
    },
  ] })
}

# --- task ------------------------------------------------------------------------------------------------

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_158: encrypted by CloudWatch's own key; kms_key_arn brings one's own
  name              = "/aws/ecs/${local.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn

  tags = var.tags
}

resource "aws_ecs_task_definition" "this" {
  family                   = local.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.cpu
  memory                   = var.memory
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task.arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.cpu_architecture
  }

  # Fargate has no tmpfs; an empty volume gets its permissions from the image.
  volume {
    name = "tmp"
  }

  container_definitions = jsonencode([{
    name                   = "consumer"
    image                  = local.image
    essential              = true
    user                   = "10001:10001"
    readonlyRootFilesystem = true
    mountPoints            = [{ sourceVolume = "tmp", containerPath = "/tmp", readOnly = false }]
    linuxParameters        = { capabilities = { drop = ["ALL"] } }
    portMappings           = [{ containerPort = var.health_port, hostPort = var.health_port, protocol = "tcp" }]
    stopTimeout            = var.stop_timeout_seconds
    ulimits                = [{ name = "nofile", softLimit = 65536, hardLimit = 65536 }]
    # ECS doesn't read the image's HEALTHCHECK.
    healthCheck = {
      command     = ["CMD", "python", "/opt/iotstream/healthcheck.py"]
      interval    = 30
      timeout     = 10
      retries     = 3
      startPeriod = 60
    }
    environment = [for name, value in local.environment : { name = name, value = value }]
    secrets     = [for name, arn in var.secrets : { name = name, valueFrom = arn }]
    # Lines of EMF on stdout become metrics there.
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this.name
        awslogs-region        = data.aws_region.current.name
        awslogs-stream-prefix = "consumer"
      }
    }
  }])

  tags = var.tags
}

# --- service ---------------------------------------------------------------------------------------------

resource "aws_ecs_cluster" "this" {
  name = "${var.name_prefix}iotstream"

  # Tasks wanted and running are metrics of Container Insights: the alarm on missing tasks needs them.
  setting {
    name  = "containerInsights"
    value = "enabled"
  }

  tags = var.tags
}

resource "aws_ecs_service" "this" {
  name             = local.name
  cluster          = aws_ecs_cluster.this.id
  task_definition  = aws_ecs_task_definition.this.arn
  desired_count    = var.desired_count
  launch_type      = "FARGATE"
  platform_version = "LATEST"
  propagate_tags   = "SERVICE"

  deployment_minimum_healthy_percent = var.deployment_minimum_healthy_percent
  deployment_maximum_percent         = var.deployment_minimum_healthy_percent == 100 ? 200 : 100

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = var.security_group_ids
    assign_public_ip = var.assign_public_ip
  }

  tags = var.tags

  lifecycle {
    ignore_changes = [desired_count] # autoscaling's
  }

  # A task that starts before its rights are there fails.
  depends_on = [aws_iam_role_policy.execution, aws_iam_role_policy.task]
}

# --- autoscaling on the consumer's own lag ---------------------------------------------------------------

resource "aws_appautoscaling_target" "this" {
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.this.name}/${aws_ecs_service.this.name}"
  min_capacity       = var.min_count
  max_capacity       = var.max_count

  tags = var.tags
}

# Steps, not target tracking: lag doesn't fall in proportion to the tasks.
resource "aws_appautoscaling_policy" "out" {
  name               = "${local.name}-out"
  policy_type        = "StepScaling"
  service_namespace  = aws_appautoscaling_target.this.service_namespace
  scalable_dimension = aws_appautoscaling_target.this.scalable_dimension
  resource_id        = aws_appautoscaling_target.this.resource_id

  step_scaling_policy_configuration {
    adjustment_type         = "ChangeInCapacity"
    metric_aggregation_type = "Maximum"
    # A new task takes a minute or two to get its share of the shards.
    cooldown = 300

    step_adjustment {
      metric_interval_lower_bound = 0
      metric_interval_upper_bound = var.scale_on_lag_ms * 9
      scaling_adjustment          = 1
    }

    step_adjustment {
      metric_interval_lower_bound = var.scale_on_lag_ms * 9
      scaling_adjustment          = 2
    }
  }
}

resource "aws_appautoscaling_policy" "in" {
  name               = "${local.name}-in"
  policy_type        = "StepScaling"
  service_namespace  = aws_appautoscaling_target.this.service_namespace
  scalable_dimension = aws_appautoscaling_target.this.scalable_dimension
  resource_id        = aws_appautoscaling_target.this.resource_id

  step_scaling_policy_configuration {
    adjustment_type         = "ChangeInCapacity"
    metric_aggregation_type = "Maximum"
    cooldown                = 600

    step_adjustment {
      metric_interval_upper_bound = 0
      scaling_adjustment          = -1
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "lag_high" {
  alarm_name          = "${local.name}-scale-out"
  alarm_description   = "Adds tasks: the consumer is more than ${var.scale_on_lag_ms} ms behind the stream's end."
  namespace           = var.metrics_namespace
  metric_name         = "MaxLag"
  dimensions          = local.metric_dimensions
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.scale_on_lag_ms
  period              = 60
  evaluation_periods  = 3
  # No metric: no consumer. More tasks of one that doesn't run are no help; monitoring has an alarm for that.
  treat_missing_data = "notBreaching"
  alarm_actions      = [aws_appautoscaling_policy.out.arn]

  tags = var.tags
}

resource "aws_cloudwatch_metric_alarm" "lag_low" {
  alarm_name          = "${local.name}-scale-in"
  alarm_description   = "Removes a task: the consumer has kept up for a quarter of an hour. Its normal state, with the fewest tasks, is ALARM."
  namespace           = var.metrics_namespace
  metric_name         = "MaxLag"
  dimensions          = local.metric_dimensions
  statistic           = "Maximum"
  comparison_operator = "LessThanOrEqualToThreshold"
  threshold           = var.scale_on_lag_ms / 4
  period              = 60
  evaluation_periods  = 15
  # No metric is no proof that there is nothing to do.
  treat_missing_data = "notBreaching"
  alarm_actions      = [aws_appautoscaling_policy.in.arn]

  tags = var.tags
}

# --- roles -----------------------------------------------------------------------------------------------

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:${data.aws_partition.current.partition}:ecs:${local.account_arn}:*"]
    }
  }
}

data "aws_iam_policy_document" "execution" {
  #checkov:skip=CKV_AWS_356: ecr:GetAuthorizationToken has no resource
  statement {
    sid       = "LogInToEcr"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"] # the action has no resource
  }

  statement {
    sid       = "PullImage"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = [local.repository_arn]
  }

  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this.arn}:*"]
  }

  dynamic "statement" {
    for_each = length(var.secrets) > 0 ? [1] : []

    content {
      sid       = "ReadSecrets"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = distinct(values(var.secrets))
    }
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [1]

    content {
      sid       = "Decrypt"
      actions   = ["kms:Decrypt"]
      resources = [var.kms_key_arn]
    }
  }
}

resource "aws_iam_role" "execution" {
  name               = "${local.name}-execution"
  description        = "ECS itself: pulls the image, reads the secrets, writes the logs."
  assume_role_policy = data.aws_iam_policy_document.trust.json

  tags = var.tags
}

resource "aws_iam_role_policy" "execution" {
  name   = "execution"
  role   = aws_iam_role.execution.id
  policy = data.aws_iam_policy_document.execution.json
}

resource "aws_iam_role" "task" {
  name               = "${local.name}-task"
  description        = "The consumer: what it may do is passed in."
  assume_role_policy = data.aws_iam_policy_document.trust.json

  tags = var.tags
}

resource "aws_iam_role_policy" "task" {
  for_each = var.task_policy_json

  name   = each.key
  role   = aws_iam_role.task.id
  policy = each.value
}
