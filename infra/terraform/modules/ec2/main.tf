data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

# Amazon's own parameter names the newest image.
data "aws_ssm_parameter" "ami" {
  count = var.ami_id == null ? 1 : 0

  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-${local.architecture}"
}

locals {
  # A g after the generation (t4g, c7gn, im4gn) is Graviton; a1 was its first.
  architecture = can(regex("^([a-z]+[0-9]+g|a1\\.)", var.instance_type)) ? "arm64" : "x86_64"

  things = slice(sort(keys(var.device_secret_arns)), 0, var.device_count)

  wheel_on_s3 = startswith(var.simulator_package, "s3://")
  wheel_key   = local.wheel_on_s3 ? regex("^s3://[^/]+/(.+)$", var.simulator_package)[0] : null

  arn_prefix = "${data.aws_partition.current.partition}:%s:${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}"

  parameter_arn = "arn:${format(local.arn_prefix, "ssm")}:parameter/${trimprefix(var.iot_endpoint_parameter_name, "/")}"

  # Names and numbers, no secret: user data can be read by whoever may describe the instance.
  settings = { for thing in local.things : thing => {
    AWS_REGION                = data.aws_region.current.name
    DEVICE_THING              = thing
    DEVICE_SECRET_ARN         = var.device_secret_arns[thing]
    DEVICE_ENDPOINT_PARAMETER = var.iot_endpoint_parameter_name
    DEVICE_TOPIC              = var.topic_prefix
    DEVICE_RATE               = format("%.6f", 1 / var.publish_interval_seconds)
    DEVICE_BAD                = format("%.6f", var.malformed_share)
    DEVICE_PACKAGE            = var.simulator_package
  } }

  user_data = { for thing, values in local.settings : thing => join("\n", concat(
    ["#!/bin/bash"],
    [for name, value in values : "export ${name}='${value}'"],
    [file("${path.module}/../../../../scripts/user_data.sh")],
  )) }
}

resource "aws_instance" "this" {
  #checkov:skip=CKV_AWS_88: a device in a public subnet needs an address to reach IoT Core; nobody can connect to it
  for_each = local.settings

  ami                         = var.ami_id != null ? var.ami_id : data.aws_ssm_parameter.ami[0].insecure_value
  instance_type               = var.instance_type
  subnet_id                   = var.subnet_ids[index(local.things, each.key) % length(var.subnet_ids)]
  vpc_security_group_ids      = var.security_group_ids
  associate_public_ip_address = var.assign_public_ip
  key_name                    = var.key_name
  iam_instance_profile        = aws_iam_instance_profile.this.name
  ebs_optimized               = true
  monitoring                  = true
  user_data                   = local.user_data[each.key]
  user_data_replace_on_change = true

  # IMDSv2 alone, and not through a further hop: a container or proxy can't fetch the role's credentials.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  root_block_device {
    encrypted   = true
    kms_key_id  = var.kms_key_arn
    volume_size = var.root_volume_gib
    volume_type = "gp3"
    tags        = merge(var.tags, { Name = "${var.name_prefix}${each.key}" })
  }

  tags = merge(var.tags, { Name = "${var.name_prefix}${each.key}" })

  lifecycle {
    # A newer image is taken on purpose (terraform apply -replace=…), not whenever Amazon publishes one.
    ignore_changes = [ami]
  }
}

# --- the instances' role ---------------------------------------------------------------------------------

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

# Each instance reads the secret of its own thing: the role is shared, the condition is not.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html (ec2:SourceInstanceARN)
data "aws_iam_policy_document" "secrets" {
  dynamic "statement" {
    for_each = local.things

    content {
      sid       = "Secret${index(local.things, statement.value)}"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = [var.device_secret_arns[statement.value]]

      condition {
        test     = "ArnEquals"
        variable = "ec2:SourceInstanceARN"
        values   = [aws_instance.this[statement.value].arn]
      }
    }
  }
}

data "aws_iam_policy_document" "this" {
  statement {
    sid       = "ReadEndpoint"
    actions   = ["ssm:GetParameter"]
    resources = [local.parameter_arn]
  }

  dynamic "statement" {
    for_each = local.wheel_on_s3 ? [1] : []

    content {
      sid       = "ReadWheel"
      actions   = ["s3:GetObject"]
      resources = ["${var.artefacts_bucket_arn}/${local.wheel_key}"]
    }
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [1]

    content {
      sid       = "Decrypt"
      actions   = ["kms:Decrypt"]
      resources = [var.kms_key_arn]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = [for service in ["s3", "secretsmanager", "ssm"] : "${service}.${data.aws_region.current.name}.amazonaws.com"]
      }
    }
  }
}

resource "aws_iam_role" "this" {
  name               = "${var.name_prefix}iotstream-device"
  description        = "Simulated devices: each reads its own certificate, and the IoT endpoint."
  assume_role_policy = data.aws_iam_policy_document.trust.json

  tags = var.tags
}

resource "aws_iam_role_policy" "this" {
  name   = "device"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.this.json
}

resource "aws_iam_role_policy" "secrets" {
  count = var.device_count > 0 ? 1 : 0

  name   = "device-secrets"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.secrets.json
}

# What sessions need and no more: AWS's own policy AmazonSSMManagedInstanceCore also reads every parameter of the
# account. https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-create-iam-instance-profile.html
data "aws_iam_policy_document" "session_manager" {
  #checkov:skip=CKV_AWS_111: ssmmessages has no resources
  #checkov:skip=CKV_AWS_356: ssmmessages has no resources
  statement {
    sid = "Sessions"
    actions = [
      "ssmmessages:CreateControlChannel",
      "ssmmessages:CreateDataChannel",
      "ssmmessages:OpenControlChannel",
      "ssmmessages:OpenDataChannel",
    ]
    resources = ["*"] # the actions have no resource
  }

  statement {
    sid       = "Register"
    actions   = ["ssm:UpdateInstanceInformation"]
    resources = ["arn:${format(local.arn_prefix, "ec2")}:instance/*"] # of the instance, which is not there yet
  }
}

resource "aws_iam_role_policy" "session_manager" {
  count = var.enable_session_manager ? 1 : 0

  name   = "session-manager"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.session_manager.json
}

resource "aws_iam_instance_profile" "this" {
  name = "${var.name_prefix}iotstream-device"
  role = aws_iam_role.this.name

  tags = var.tags
}
