mock_provider "aws" {}

variables {
  vpc_id = "vpc-0123456789abcdef0"
}

run "devices_publish_and_nobody_connects" {
  command = plan

  assert {
    condition     = aws_vpc_security_group_egress_rule.device_mqtt.to_port == 8883 && aws_vpc_security_group_egress_rule.device_https.to_port == 443
    error_message = "devices reach MQTT over TLS and HTTPS"
  }
  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.device_ssh) == 0
    error_message = "no SSH unless an address is named"
  }
}

run "ssh_from_a_named_address" {
  command = plan

  variables { ssh_cidrs = ["192.0.2.0/28"] }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.device_ssh["192.0.2.0/28"].from_port == 22 && aws_vpc_security_group_ingress_rule.device_ssh["192.0.2.0/28"].to_port == 22
    error_message = "port 22 from there"
  }
}

run "influxdb_is_reached_by_the_consumer_only" {
  command = apply

  assert {
    condition = (
      aws_vpc_security_group_ingress_rule.influxdb[0].referenced_security_group_id == aws_security_group.consumer.id &&
      aws_vpc_security_group_ingress_rule.influxdb[0].from_port == 8086 && aws_vpc_security_group_ingress_rule.influxdb[0].to_port == 8086 &&
      aws_vpc_security_group_ingress_rule.influxdb[0].cidr_ipv4 == null
    )
    error_message = "InfluxDB lets in the consumer's group, at its port"
  }
  assert {
    condition     = aws_vpc_security_group_egress_rule.consumer_influxdb[0].referenced_security_group_id == aws_security_group.influxdb[0].id
    error_message = "the consumer reaches InfluxDB"
  }
  assert {
    condition     = output.influxdb_security_group_id == aws_security_group.influxdb[0].id
    error_message = "output"
  }
}

run "without_influxdb" {
  command = apply

  variables { create_influxdb = false }

  assert {
    condition     = output.influxdb_security_group_id == null && length(aws_vpc_security_group_egress_rule.consumer_influxdb) == 0
    error_message = "nothing of InfluxDB"
  }
}

run "endpoints_are_reached_from_the_vpc" {
  command = plan

  variables { vpc_cidr = "10.20.0.0/16" }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.endpoints_https.cidr_ipv4 == "10.20.0.0/16" && aws_vpc_security_group_ingress_rule.endpoints_https.to_port == 443
    error_message = "HTTPS from the VPC's addresses"
  }
}

run "refuses_ssh_from_everywhere" {
  command = plan
  variables { ssh_cidrs = ["0.0.0.0/0"] }
  expect_failures = [var.ssh_cidrs]
}

run "refuses_a_port_that_is_none" {
  command = plan
  variables { influxdb_port = 80 }
  expect_failures = [var.influxdb_port]
}

run "refuses_addresses_that_are_none" {
  command = plan
  variables { vpc_cidr = "everywhere" }
  expect_failures = [var.vpc_cidr]
}
