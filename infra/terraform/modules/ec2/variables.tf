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
  description = "KMS key that encrypts the disks, and with which the secrets and the wheel are encrypted. Null: AWS's own keys."
  type        = string
  default     = null
}

variable "device_count" {
  description = "How many simulated devices, each an instance: the first so many things of `device_secret_arns`, by name. For many devices at little cost run `iotstream simulate --devices` on one machine instead."
  type        = number
  default     = 2
  nullable    = false

  # The role's inline policies, one statement for each device, may have 10,240 characters in all:
  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
  validation {
    condition     = var.device_count >= 0 && var.device_count <= 20 && floor(var.device_count) == var.device_count
    error_message = "device_count must be a whole number from 0 to 20."
  }

  validation {
    condition     = var.device_count <= length(var.device_secret_arns)
    error_message = "device_count is above the number of things in device_secret_arns: each device needs a certificate of its own."
  }
}

variable "device_secret_arns" {
  description = "Thing name => ARN of its secret in Secrets Manager: JSON with `certificate_pem` and `private_key`."
  type        = map(string)
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.device_secret_arns) : can(regex("^[a-zA-Z0-9:_-]{1,64}$", name))])
    error_message = "device_secret_arns: a thing's name must be 1 to 64 of a-z A-Z 0-9 : _ -, since it is part of a topic."
  }
}

variable "iot_endpoint_parameter_name" {
  description = "Parameter of Parameter Store that holds the IoT Core endpoint (iot:Data-ATS), with its leading slash if it has one."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9_./-]+$", var.iot_endpoint_parameter_name))
    error_message = "iot_endpoint_parameter_name must be of a-z A-Z 0-9 _ . / -."
  }
}

variable "instance_type" {
  description = "Type of the instances; arm64 (such as t4g.nano) or x86_64 (such as t3.nano) is told by its name."
  type        = string
  default     = "t4g.nano"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+[0-9]+[a-z0-9-]*\\.[a-z0-9-]+$", var.instance_type))
    error_message = "instance_type must be an EC2 instance type, for example t4g.nano."
  }
}

variable "ami_id" {
  description = "Image of the instances: Amazon Linux 2023, or what has dnf, systemd and AWS's command line. Null: the newest Amazon Linux 2023 for the instance type's architecture."
  type        = string
  default     = null

  validation {
    condition     = var.ami_id == null ? true : can(regex("^ami-[0-9a-f]+$", var.ami_id))
    error_message = "ami_id must look like ami-0123456789abcdef0."
  }
}

variable "root_volume_gib" {
  description = "Size of an instance's disk, GiB."
  type        = number
  default     = 8
  nullable    = false

  validation {
    condition     = var.root_volume_gib >= 8
    error_message = "root_volume_gib must be at least 8, which is what the image needs."
  }
}

variable "key_name" {
  description = "EC2 key pair for SSH. Null: none, which is best; also let the address in by the security group."
  type        = string
  default     = null
}

variable "enable_session_manager" {
  description = "Whether the instances can be reached by Session Manager (no open port, no key pair)."
  type        = bool
  default     = true
  nullable    = false
}

variable "subnet_ids" {
  description = "Subnets of the devices, taken in turn. They need a way to the internet: packages come from there."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.subnet_ids) >= 1
    error_message = "subnet_ids must hold at least one subnet."
  }
}

variable "security_group_ids" {
  description = "Security groups of the devices."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.security_group_ids) >= 1
    error_message = "security_group_ids must hold at least one security group."
  }
}

variable "assign_public_ip" {
  description = "Whether a device has a public address; it needs one in a public subnet, and none behind NAT."
  type        = bool
  default     = true
  nullable    = false
}

variable "publish_interval_seconds" {
  description = "Seconds between two messages of a device."
  type        = number
  default     = 5
  nullable    = false

  validation {
    condition     = var.publish_interval_seconds >= 0.01 && var.publish_interval_seconds <= 1000
    error_message = "publish_interval_seconds must be from 0.01 (IoT Core takes 100 messages a second from one connection) to 1000."
  }
}

variable "malformed_share" {
  description = "Share of messages that are malformed on purpose, 0 to 1, so that dead letters are seen."
  type        = number
  default     = 0.02
  nullable    = false

  validation {
    condition     = var.malformed_share >= 0 && var.malformed_share <= 1
    error_message = "malformed_share must be from 0 to 1."
  }
}

variable "topic_prefix" {
  description = "A device publishes on `<this>/<its thing's name>`."
  type        = string
  default     = "topic/mqtt"
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9_-]+(/[a-zA-Z0-9_-]+)*$", var.topic_prefix))
    error_message = "topic_prefix must be parts of a-z A-Z 0-9 _ - with / between them, for example topic/mqtt."
  }
}

variable "simulator_package" {
  description = "The simulator: the S3 URI of iotstream's wheel (`make package` builds it), for example s3://my-artefacts/iotstream-0.1.0-py3-none-any.whl, or a requirement for pip."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^s3://[a-z0-9.-]+/[A-Za-z0-9_./+-]+\\.whl$", var.simulator_package)) || can(regex("^[A-Za-z0-9][A-Za-z0-9._-]*(\\[[a-z0-9,-]+\\])?([=<>!~]=?[A-Za-z0-9.*+!-]+)?$", var.simulator_package))
    error_message = "simulator_package must be s3://bucket/key.whl or one requirement such as iotstream[simulate]==0.1.0."
  }
}

variable "artefacts_bucket_arn" {
  description = "Bucket of the wheel, if `simulator_package` is one on S3."
  type        = string
  default     = null

  validation {
    condition     = !startswith(var.simulator_package, "s3://") || var.artefacts_bucket_arn != null
    error_message = "artefacts_bucket_arn is needed: simulator_package is on S3, and the instances' role must be able to read it."
  }
}
