locals {
  anywhere = "0.0.0.0/0"
}

# --- devices ---------------------------------------------------------------------------------------------

resource "aws_security_group" "device" {
  #checkov:skip=CKV2_AWS_5: attached by the module ec2
  name        = "${var.name_prefix}iotstream-device"
  description = "Simulated devices: they publish by MQTT over TLS; nobody connects to them."
  vpc_id      = var.vpc_id

  tags = merge(var.tags, { Name = "${var.name_prefix}iotstream-device" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_egress_rule" "device_mqtt" {
  security_group_id = aws_security_group.device.id
  description       = "MQTT over TLS to AWS IoT Core, whose addresses change"
  ip_protocol       = "tcp"
  from_port         = 8883
  to_port           = 8883
  cidr_ipv4         = local.anywhere

  tags = var.tags
}

resource "aws_vpc_security_group_egress_rule" "device_https" {
  security_group_id = aws_security_group.device.id
  description       = "Packages, Secrets Manager, Parameter Store"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = local.anywhere

  tags = var.tags
}

resource "aws_vpc_security_group_ingress_rule" "device_ssh" {
  for_each = toset(var.ssh_cidrs)

  security_group_id = aws_security_group.device.id
  description       = "SSH from an address that was named"
  ip_protocol       = "tcp"
  from_port         = 22
  to_port           = 22
  cidr_ipv4         = each.value

  tags = var.tags
}

# --- the consumer: Lambda in the VPC, or the task on ECS -------------------------------------------------

resource "aws_security_group" "consumer" {
  #checkov:skip=CKV2_AWS_5: attached by the modules ecs and lambda
  name        = "${var.name_prefix}iotstream-consumer"
  description = "The consumer: it reads and writes; nobody connects to it."
  vpc_id      = var.vpc_id

  tags = merge(var.tags, { Name = "${var.name_prefix}iotstream-consumer" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_egress_rule" "consumer_https" {
  security_group_id = aws_security_group.consumer.id
  description       = "AWS: S3 and DynamoDB have public addresses even through gateway endpoints"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = local.anywhere

  tags = var.tags
}

resource "aws_vpc_security_group_egress_rule" "consumer_influxdb" {
  count = var.create_influxdb ? 1 : 0

  security_group_id            = aws_security_group.consumer.id
  description                  = "Points to InfluxDB"
  ip_protocol                  = "tcp"
  from_port                    = var.influxdb_port
  to_port                      = var.influxdb_port
  referenced_security_group_id = aws_security_group.influxdb[0].id

  tags = var.tags
}

# --- interface endpoints ---------------------------------------------------------------------------------

resource "aws_security_group" "endpoints" {
  #checkov:skip=CKV2_AWS_5: attached by the module vpc
  name        = "${var.name_prefix}iotstream-endpoints"
  description = "Interface endpoints of AWS services: HTTPS from the VPC."
  vpc_id      = var.vpc_id

  tags = merge(var.tags, { Name = "${var.name_prefix}iotstream-endpoints" })

  lifecycle {
    create_before_destroy = true
  }
}

# From the whole VPC: private DNS sends the devices here as well.
resource "aws_vpc_security_group_ingress_rule" "endpoints_https" {
  security_group_id = aws_security_group.endpoints.id
  description       = "HTTPS from the VPC"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = var.vpc_cidr

  tags = var.tags
}

# --- InfluxDB --------------------------------------------------------------------------------------------

resource "aws_security_group" "influxdb" {
  #checkov:skip=CKV2_AWS_5: attached by the module timestream
  count = var.create_influxdb ? 1 : 0

  name        = "${var.name_prefix}iotstream-influxdb"
  description = "Timestream for InfluxDB: reached by the consumer only."
  vpc_id      = var.vpc_id

  tags = merge(var.tags, { Name = "${var.name_prefix}iotstream-influxdb" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "influxdb" {
  count = var.create_influxdb ? 1 : 0

  security_group_id            = aws_security_group.influxdb[0].id
  description                  = "The consumer's points"
  ip_protocol                  = "tcp"
  from_port                    = var.influxdb_port
  to_port                      = var.influxdb_port
  referenced_security_group_id = aws_security_group.consumer.id

  tags = var.tags
}
