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
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-west-1:123456789012:log-group:flow" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/flow" }
  }
}

run "by_default_two_zones_without_nat" {
  command = apply

  assert {
    condition     = length(aws_subnet.public) == 2 && length(aws_subnet.private) == 2
    error_message = "one public and one private subnet in each zone"
  }
  assert {
    condition     = aws_subnet.public["us-east-1b"].cidr_block == "10.0.2.0/24" && aws_subnet.private["us-east-1b"].cidr_block == "10.0.12.0/24"
    error_message = "subnets take their blocks in the order of azs"
  }
  assert {
    condition     = !anytrue([for one in concat(values(aws_subnet.public), values(aws_subnet.private)) : one.map_public_ip_on_launch])
    error_message = "no subnet gives public addresses by itself"
  }
  assert {
    condition     = length(aws_nat_gateway.this) == 0 && length(aws_eip.nat) == 0 && length(aws_route.nat) == 0
    error_message = "no NAT unless it is asked for"
  }
  assert {
    condition     = aws_route.internet.destination_cidr_block == "0.0.0.0/0" && aws_route.internet.route_table_id == aws_route_table.public.id
    error_message = "public subnets reach the internet"
  }
  assert {
    condition     = output.private_subnet_ids == [for zone in ["us-east-1a", "us-east-1b"] : aws_subnet.private[zone].id]
    error_message = "the outputs keep the order of azs"
  }
}

run "private_subnets_reach_aws_by_endpoints" {
  command = apply

  assert {
    condition     = toset(keys(aws_vpc_endpoint.gateway)) == toset(["dynamodb", "s3"])
    error_message = "gateway endpoints"
  }
  assert {
    condition     = aws_vpc_endpoint.gateway["s3"].service_name == "com.amazonaws.eu-west-1.s3" && length(aws_vpc_endpoint.gateway["s3"].route_table_ids) == 3
    error_message = "S3's endpoint is in all route tables of the provider's region"
  }
  assert {
    condition     = toset([for one in aws_vpc_endpoint.interface : one.service_name]) == toset([for name in ["ecr.api", "ecr.dkr", "kinesis-streams", "logs", "secretsmanager"] : "com.amazonaws.eu-west-1.${name}"])
    error_message = "interface endpoints: what the consumer on ECS needs"
  }
  assert {
    condition     = alltrue([for one in aws_vpc_endpoint.interface : one.private_dns_enabled && one.vpc_endpoint_type == "Interface" && length(one.subnet_ids) == 2])
    error_message = "interface endpoints are in each private subnet, under the services' own names"
  }
}

run "the_cells_of_liveanalytics" {
  command = plan

  variables {
    interface_endpoints          = ["logs"]
    extra_endpoint_service_names = { timestream-ingest = "com.amazonaws.eu-west-1.timestream.ingest-cell2" }
  }

  assert {
    condition     = aws_vpc_endpoint.interface["timestream-ingest"].service_name == "com.amazonaws.eu-west-1.timestream.ingest-cell2" && length(aws_vpc_endpoint.interface) == 2
    error_message = "a full service name is taken as it is"
  }
}

run "one_nat_for_all" {
  command = apply

  variables { enable_nat_gateway = true }

  assert {
    condition     = length(aws_nat_gateway.this) == 1 && length(aws_route.nat) == 2
    error_message = "both private subnets go through one gateway"
  }
}

run "a_nat_in_each_zone" {
  command = apply

  variables {
    enable_nat_gateway = true
    single_nat_gateway = false
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 2 && aws_route.nat["us-east-1b"].nat_gateway_id == aws_nat_gateway.this["us-east-1b"].id
    error_message = "each zone goes through its own gateway"
  }
}

run "flow_logs_and_the_default_group" {
  command = apply

  variables {
    name_prefix = "dev-"
    kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/1"
  }

  assert {
    condition     = aws_flow_log.this.traffic_type == "ALL" && aws_flow_log.this.log_destination == aws_cloudwatch_log_group.flow_logs.arn
    error_message = "all traffic is logged"
  }
  assert {
    condition     = aws_cloudwatch_log_group.flow_logs.retention_in_days == 365 && aws_cloudwatch_log_group.flow_logs.name == "/aws/vpc/dev-iotstream-flow-logs" && aws_cloudwatch_log_group.flow_logs.kms_key_id == var.kms_key_arn
    error_message = "the log group: a year, with the prefix, with the key"
  }
  assert {
    condition     = toset(data.aws_iam_policy_document.flow_logs.statement[0].actions) == toset(["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]) && !contains(data.aws_iam_policy_document.flow_logs.statement[0].resources, "*")
    error_message = "the role writes to this log group only"
  }
  assert {
    condition     = aws_default_security_group.this.vpc_id == aws_vpc.this.id
    error_message = "the default security group is taken over, and has no rules"
  }
}

run "refuses_too_few_subnets" {
  command = plan
  variables { public_subnets = ["10.0.1.0/24"] }
  expect_failures = [var.public_subnets]
}

run "refuses_what_is_no_block" {
  command = plan
  variables { private_subnets = ["10.0.11.0/24", "10.0.12.0"] }
  expect_failures = [var.private_subnets]
}

run "refuses_a_block_twice" {
  command = plan
  variables { private_subnets = ["10.0.1.0/24", "10.0.12.0/24"] }
  expect_failures = [var.private_subnets]
}

run "refuses_a_vpc_that_is_too_large" {
  command = plan
  variables { vpc_cidr = "10.0.0.0/8" }
  expect_failures = [var.vpc_cidr]
}

run "refuses_a_zone_twice" {
  command = plan
  variables { azs = ["us-east-1a", "us-east-1a"] }
  expect_failures = [var.azs]
}

run "refuses_days_that_cloudwatch_does_not_know" {
  command = plan
  variables { flow_logs_retention_days = 42 }
  expect_failures = [var.flow_logs_retention_days]
}

run "refuses_an_interface_endpoint_where_there_is_a_gateway" {
  command = plan
  variables { interface_endpoints = ["s3"] }
  expect_failures = [var.interface_endpoints]
}

run "refuses_a_full_name_where_a_short_one_belongs" {
  command = plan
  variables { interface_endpoints = ["com.amazonaws.us-east-1.logs"] }
  expect_failures = [var.interface_endpoints]
}

run "refuses_a_short_name_where_a_full_one_belongs" {
  command = plan
  variables { extra_endpoint_service_names = { ingest = "ingest-cell2" } }
  expect_failures = [var.extra_endpoint_service_names]
}
