locals {
  provisioned = var.stream_mode == "PROVISIONED"
}

resource "aws_kinesis_stream" "this" {
  #checkov:skip=CKV_AWS_185: encrypted by Kinesis's own KMS key; kms_key_arn brings one's own
  name                      = "${var.name_prefix}${var.stream_name}"
  shard_count               = local.provisioned ? var.shard_count : null
  retention_period          = var.retention_period
  shard_level_metrics       = var.shard_level_metrics
  encryption_type           = "KMS"
  kms_key_id                = coalesce(var.kms_key_arn, "alias/aws/kinesis")
  enforce_consumer_deletion = var.enforce_consumer_deletion

  stream_mode_details {
    stream_mode = var.stream_mode
  }

  tags = var.tags
}

resource "aws_kinesis_stream_consumer" "this" {
  for_each = toset(var.fan_out_consumers)

  name       = "${var.name_prefix}${each.key}"
  stream_arn = aws_kinesis_stream.this.arn
}
