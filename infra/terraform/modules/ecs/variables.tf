variable "name_prefix" {
  description = "Put before each name, with its separator, for example `dev-`; so two deployments fit in one account."
  type        = string
  default     = ""
  nullable    = false
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "kms_key_arn" {
  description = "KMS key of the log group and the image repository; its policy must let CloudWatch Logs use it. Null: AWS's own keys."
  type        = string
  default     = null
}

variable "image" {
  description = "The consumer's image (docs/container.md), best by digest; if it is in ECR, the right to pull is for its repository alone. Null: `image_tag` of the repository that is made here."
  type        = string
  default     = null
}

variable "image_tag" {
  description = "Tag in the repository that is made here, if `image` is null."
  type        = string
  default     = "0.1.0"
  nullable    = false
}

variable "force_delete_images" {
  description = "Whether `terraform destroy` also deletes a repository that holds images."
  type        = bool
  default     = false
  nullable    = false
}

variable "cpu" {
  description = "CPU units of a task (1,024 = one vCPU)."
  type        = number
  default     = 1024
  nullable    = false

  validation {
    condition     = contains([512, 1024, 2048, 4096, 8192, 16384], var.cpu)
    error_message = "cpu must be 512, 1024, 2048, 4096, 8192 or 16384."
  }
}

variable "memory" {
  description = "Memory of a task, MiB. 1 GiB of it is for Java and the parent process, the rest for the shards that the task reads: some 204 MiB for each (docs/container.md)."
  type        = number
  default     = 2048
  nullable    = false

  validation {
    condition     = var.memory >= 2048 && var.memory % 1024 == 0
    error_message = "memory must be a multiple of 1024 MiB, 2048 at least."
  }

  # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html (task CPU and memory)
  validation {
    condition = (
      var.cpu == 512 ? var.memory <= 4096 :
      var.cpu == 1024 ? var.memory <= 8192 :
      var.cpu == 2048 ? var.memory >= 4096 && var.memory <= 16384 :
      var.cpu == 4096 ? var.memory >= 8192 && var.memory <= 30720 :
      var.cpu == 8192 ? var.memory >= 16384 && var.memory <= 61440 && var.memory % 4096 == 0 :
      var.memory >= 32768 && var.memory <= 122880 && var.memory % 8192 == 0
    )
    error_message = "memory does not go with cpu on Fargate: 512 takes 2048 to 4096 MiB, 1024 to 8192, 2048 4096 to 16384, 4096 8192 to 30720, 8192 16384 to 61440 by 4096, 16384 32768 to 122880 by 8192."
  }
}

variable "cpu_architecture" {
  description = "Processor of the image: ARM64 or X86_64."
  type        = string
  default     = "ARM64"
  nullable    = false

  validation {
    condition     = contains(["ARM64", "X86_64"], var.cpu_architecture)
    error_message = "cpu_architecture must be ARM64 or X86_64."
  }
}

variable "desired_count" {
  description = "Tasks at the start; from then on autoscaling decides."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.desired_count >= var.min_count && var.desired_count <= var.max_count
    error_message = "desired_count must be from min_count to max_count."
  }
}

variable "min_count" {
  description = "Tasks at least."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.min_count >= 1 && floor(var.min_count) == var.min_count
    error_message = "min_count must be a whole number from 1: with no task nothing would measure the lag by which tasks are added."
  }
}

variable "max_count" {
  description = "Tasks at most. More than the stream has shards do nothing: a shard is read by one task."
  type        = number
  default     = 4
  nullable    = false

  validation {
    condition     = var.max_count >= 1 && floor(var.max_count) == var.max_count
    error_message = "max_count must be a whole number from 1."
  }
}

variable "subnet_ids" {
  description = "Subnets of the tasks."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.subnet_ids) >= 1
    error_message = "subnet_ids must hold at least one subnet."
  }
}

variable "security_group_ids" {
  description = "Security groups of the tasks."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.security_group_ids) >= 1
    error_message = "security_group_ids must hold at least one security group."
  }
}

variable "assign_public_ip" {
  description = "Whether a task has a public address; it needs one in a public subnet, and none in a private one with endpoints or NAT."
  type        = bool
  default     = false
  nullable    = false
}

variable "stream_name" {
  description = "The Kinesis stream: IOTSTREAM_STREAM_NAME."
  type        = string
  nullable    = false
}

variable "environment" {
  description = "Settings of the consumer, IOTSTREAM_… => value (docs/settings.md); IOTSTREAM_LAKE_URI and IOTSTREAM_JOURNAL_URI are needed. They win over those made here: stream, metrics' namespace, port, memory, time to stop."
  type        = map(string)
  nullable    = false

  validation {
    condition     = alltrue([for name in ["IOTSTREAM_LAKE_URI", "IOTSTREAM_JOURNAL_URI"] : lookup(var.environment, name, "") != ""])
    error_message = "environment must have IOTSTREAM_LAKE_URI and IOTSTREAM_JOURNAL_URI: the consumer does not start without them."
  }

  validation {
    condition     = !anytrue([for name in keys(var.environment) : can(regex("(PASSWORD|TOKEN)$", name))])
    error_message = "environment must hold no password or token, which everyone would see who may describe the task: name a secret (IOTSTREAM_INFLUXDB_TOKEN_SECRET), or use the variable secrets."
  }
}

variable "secrets" {
  description = "Variable of the container => ARN of a secret in Secrets Manager, whose value it gets."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "task_policy_json" {
  description = "What the consumer may do: name => policy, as JSON. The names must be known before apply."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "stop_timeout_seconds" {
  description = "Seconds that a task has to finish its spans before it is killed. The consumer is told 10 s less."
  type        = number
  default     = 60
  nullable    = false

  # https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html (stopTimeout)
  validation {
    condition     = var.stop_timeout_seconds >= 20 && var.stop_timeout_seconds <= 120
    error_message = "stop_timeout_seconds must be from 20 to 120, Fargate's most."
  }
}

variable "health_port" {
  description = "Port of /health and /metrics in the container."
  type        = number
  default     = 8080
  nullable    = false

  validation {
    condition     = var.health_port >= 1024 && var.health_port <= 65535
    error_message = "health_port must be from 1024 to 65535: the consumer is not root."
  }
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be a number of days that CloudWatch Logs knows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}

variable "metrics_namespace" {
  description = "CloudWatch namespace of the consumer's metrics: IOTSTREAM_METRICS_NAMESPACE."
  type        = string
  default     = "iotstream"
  nullable    = false
}

variable "scale_on_lag_ms" {
  description = "Milliseconds that reading may be behind the stream's end (metric MaxLag); above it for three minutes, a task is added, at ten times as much two. Below a quarter of it for a quarter of an hour, one is removed."
  type        = number
  default     = 60000
  nullable    = false

  validation {
    condition     = var.scale_on_lag_ms >= 1000
    error_message = "scale_on_lag_ms must be at least 1000."
  }
}

variable "deployment_minimum_healthy_percent" {
  description = "Percent of the wanted tasks that keep running while a new version is deployed. 100: the new one starts first; 0: the old one stops first."
  type        = number
  default     = 100
  nullable    = false

  validation {
    condition     = var.deployment_minimum_healthy_percent >= 0 && var.deployment_minimum_healthy_percent <= 100
    error_message = "deployment_minimum_healthy_percent must be from 0 to 100."
  }
}
