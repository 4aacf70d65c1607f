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
  mock_data "aws_ssm_parameter" {
    defaults = { insecure_value = "ami-0123456789abcdef0" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/device" }
  }
}

variables {
  device_secret_arns = {
    sensor-0001 = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:one"
    sensor-0002 = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:two"
    sensor-0003 = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:three"
  }
  iot_endpoint_parameter_name = "/iotstream/iot-endpoint"
  subnet_ids                  = ["subnet-a", "subnet-b"]
  security_group_ids          = ["sg-1"]
  simulator_package           = "s3://artefacts/releases/iotstream-0.1.0-py3-none-any.whl"
  artefacts_bucket_arn        = "arn:aws:s3:::artefacts"
}

# First: from then on the image of an instance stays as it is.
run "an_image_of_ones_own" {
  command = plan

  variables { ami_id = "ami-0aaaaaaaaaaaaaaaa" }

  assert {
    condition     = aws_instance.this["sensor-0001"].ami == "ami-0aaaaaaaaaaaaaaaa" && length(data.aws_ssm_parameter.ami) == 0
    error_message = "taken as it is"
  }
}

run "the_first_things_have_an_instance_each" {
  command = apply

  assert {
    condition     = toset(keys(aws_instance.this)) == toset(["sensor-0001", "sensor-0002"]) && toset(keys(output.instance_ids)) == toset(["sensor-0001", "sensor-0002"])
    error_message = "two of the three, by name"
  }
  assert {
    condition     = aws_instance.this["sensor-0001"].subnet_id == "subnet-a" && aws_instance.this["sensor-0002"].subnet_id == "subnet-b"
    error_message = "subnets in turn"
  }
  assert {
    condition     = alltrue([for one in aws_instance.this : one.metadata_options[0].http_tokens == "required" && one.metadata_options[0].http_put_response_hop_limit == 1])
    error_message = "IMDSv2 only"
  }
  assert {
    condition     = alltrue([for one in aws_instance.this : one.root_block_device[0].encrypted])
    error_message = "encrypted disks"
  }
  assert {
    condition     = data.aws_ssm_parameter.ami[0].name == "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
    error_message = "t4g is arm64"
  }
}

run "user_data_names_the_secret_and_holds_none" {
  command = apply

  variables { publish_interval_seconds = 4 }

  assert {
    condition = alltrue([for line in [
      "export AWS_REGION='eu-west-1'",
      "export DEVICE_THING='sensor-0001'",
      "export DEVICE_SECRET_ARN='arn:aws:secretsmanager:eu-west-1:123456789012:secret:one'",
      "export DEVICE_ENDPOINT_PARAMETER='/iotstream/iot-endpoint'",
      "export DEVICE_TOPIC='topic/mqtt'",
      "export DEVICE_RATE='0.250000'",
      "export DEVICE_BAD='0.020000'",
      "export DEVICE_PACKAGE='s3://artefacts/releases/iotstream-0.1.0-py3-none-any.whl'",
    ] : contains(split("\n", local.user_data["sensor-0001"]), line)])
    error_message = "settings: ${local.user_data["sensor-0001"]}"
  }
  assert {
    condition     = startswith(local.user_data["sensor-0001"], "#!/bin/bash\n") && strcontains(local.user_data["sensor-0001"], "systemctl enable")
    error_message = "the script follows the settings"
  }
  assert {
    condition     = !strcontains(local.user_data["sensor-0001"], "PRIVATE KEY")
    error_message = "no key in user data"
  }
  assert {
    condition     = length(local.user_data["sensor-0001"]) < 16384
    error_message = "EC2 takes 16 KB of user data"
  }
}

run "each_instance_reads_its_own_secret" {
  command = apply

  assert {
    condition = alltrue([for index, thing in ["sensor-0001", "sensor-0002"] : (
      data.aws_iam_policy_document.secrets.statement[index].actions == toset(["secretsmanager:GetSecretValue"]) &&
      data.aws_iam_policy_document.secrets.statement[index].resources == toset([var.device_secret_arns[thing]]) &&
      one(data.aws_iam_policy_document.secrets.statement[index].condition).variable == "ec2:SourceInstanceARN" &&
      one(data.aws_iam_policy_document.secrets.statement[index].condition).values == tolist([aws_instance.this[thing].arn])
    )])
    error_message = "one secret for one instance"
  }
  assert {
    condition     = length(data.aws_iam_policy_document.secrets.statement) == 2
    error_message = "the third thing's secret is nobody's"
  }
  assert {
    condition     = data.aws_iam_policy_document.this.statement[0].resources == toset(["arn:aws:ssm:eu-west-1:123456789012:parameter/iotstream/iot-endpoint"])
    error_message = "that parameter"
  }
  assert {
    condition     = data.aws_iam_policy_document.this.statement[1].resources == toset(["arn:aws:s3:::artefacts/releases/iotstream-0.1.0-py3-none-any.whl"]) && length(data.aws_iam_policy_document.this.statement) == 2
    error_message = "that wheel, and nothing else"
  }
}

run "a_requirement_needs_no_bucket" {
  command = plan

  variables {
    simulator_package    = "iotstream==0.1.0"
    artefacts_bucket_arn = null
    kms_key_arn          = "arn:aws:kms:eu-west-1:123456789012:key/1"
  }

  assert {
    condition     = toset(flatten([for one in data.aws_iam_policy_document.this.statement : tolist(one.actions)])) == toset(["ssm:GetParameter", "kms:Decrypt"])
    error_message = "no right to S3, one to decrypt"
  }
}

run "x86" {
  command = plan

  variables { instance_type = "t3.nano" }

  assert {
    condition     = endswith(data.aws_ssm_parameter.ami[0].name, "x86_64")
    error_message = "t3 is x86_64"
  }
}

run "graviton_with_a_longer_name" {
  command = plan

  variables { instance_type = "c7gn.medium" }

  assert {
    condition     = endswith(data.aws_ssm_parameter.ami[0].name, "arm64")
    error_message = "c7gn is arm64"
  }
}

run "session_manager_without_the_parameters_of_the_account" {
  command = plan

  assert {
    condition     = length(aws_iam_role_policy.session_manager) == 1
    error_message = "Session Manager by default"
  }
  assert {
    condition     = alltrue([for one in data.aws_iam_policy_document.session_manager.statement : !anytrue([for action in one.actions : strcontains(action, "Get")])])
    error_message = "it reads nothing"
  }
}

run "a_key_pair_instead" {
  command = plan

  variables {
    enable_session_manager = false
    key_name               = "ops"
  }

  assert {
    condition     = length(aws_iam_role_policy.session_manager) == 0 && aws_instance.this["sensor-0001"].key_name == "ops"
    error_message = "the key pair alone"
  }
}

run "none_at_all" {
  command = plan

  variables { device_count = 0 }

  assert {
    condition     = length(aws_instance.this) == 0 && length(aws_iam_role_policy.secrets) == 0
    error_message = "no instance, no right to a secret"
  }
}

run "refuses_more_devices_than_certificates" {
  command = plan
  variables { device_count = 4 }
  expect_failures = [var.device_count]
}

run "refuses_half_a_device" {
  command = plan
  variables { device_count = 1.5 }
  expect_failures = [var.device_count]
}

run "refuses_a_wheel_without_its_bucket" {
  command = plan
  variables { artefacts_bucket_arn = null }
  expect_failures = [var.artefacts_bucket_arn]
}

run "refuses_a_package_that_would_leave_its_quotes" {
  command = plan
  variables { simulator_package = "iotstream'; reboot; '" }
  expect_failures = [var.simulator_package]
}

run "refuses_a_topic_with_a_wildcard" {
  command = plan
  variables { topic_prefix = "topic/#" }
  expect_failures = [var.topic_prefix]
}

run "refuses_a_thing_whose_name_is_no_name" {
  command = plan
  variables { device_secret_arns = { "a/b" = "arn:one", "c" = "arn:two" } }
  expect_failures = [var.device_secret_arns]
}

run "refuses_a_message_each_hour" {
  command = plan
  variables { publish_interval_seconds = 3600 }
  expect_failures = [var.publish_interval_seconds]
}
