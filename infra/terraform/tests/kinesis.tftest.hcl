mock_provider "aws" {
  source = "./tests/mocks"
}

run "defaults" {
  command = plan
  module {
    source = "./modules/kinesis"
  }
  assert {
    condition = (
      aws_kinesis_stream.this.name == "kinesis-stream" && aws_kinesis_stream.this.retention_period == 168 &&
      aws_kinesis_stream.this.stream_mode_details[0].stream_mode == "ON_DEMAND"
    )
    error_message = "The stream differs from the original's."
  }
  assert {
    condition     = aws_kinesis_stream.this.encryption_type == "KMS" && aws_kinesis_stream.this.kms_key_id == "alias/aws/kinesis"
    error_message = "The stream must be encrypted."
  }
  assert {
    condition     = length(aws_kinesis_stream_consumer.this) == 0
    error_message = "Fan-out costs, and is on request only."
  }
}

run "provisioned" {
  command = plan
  module {
    source = "./modules/kinesis"
  }
  variables {
    stream_mode       = "PROVISIONED"
    shard_count       = 3
    fan_out_consumers = ["dashboard"]
    kms_key_arn       = "arn:aws:kms:us-east-1:123456789012:key/k"
    name_prefix       = "dev-"
  }
  assert {
    condition     = aws_kinesis_stream.this.shard_count == 3 && aws_kinesis_stream.this.name == "dev-kinesis-stream"
    error_message = "A provisioned stream has the shards that it is told."
  }
  assert {
    condition     = aws_kinesis_stream.this.kms_key_id == "arn:aws:kms:us-east-1:123456789012:key/k"
    error_message = "One's own key encrypts the stream."
  }
  assert {
    condition     = aws_kinesis_stream_consumer.this["dashboard"].name == "dev-dashboard"
    error_message = "The fan-out consumer is registered."
  }
}

run "refused" {
  command = plan
  module {
    source = "./modules/kinesis"
  }
  variables {
    stream_mode         = "on-demand"
    shard_count         = 0
    retention_period    = 12
    stream_name         = "a stream"
    shard_level_metrics = ["Everything"]
  }
  expect_failures = [var.stream_mode, var.shard_count, var.retention_period, var.stream_name, var.shard_level_metrics]
}
