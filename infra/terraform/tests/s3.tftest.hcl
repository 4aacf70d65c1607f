mock_provider "aws" {
  source = "./tests/mocks"
}

run "five_buckets" {
  command = plan
  module {
    source = "./modules/s3"
  }
  assert {
    condition = [output.lake_bucket, output.quarantine_bucket, output.athena_results_bucket, output.artefacts_bucket, output.iot_errors_bucket] == [
      "iot-data-lake-bucket-123456789012", "iot-quarantine-bucket-123456789012",
      "athena-temp-results-bucket-123456789012", "transform-function-code-bucket-123456789012", "iot-errors-bucket-123456789012",
    ]
    error_message = "Names of buckets: the original's, and the account's number."
  }
  assert {
    condition = local.data_transitions == [
      { days = 0, storage_class = "INTELLIGENT_TIERING" }, { days = 90, storage_class = "GLACIER_IR" },
    ]
    error_message = "Data goes to Intelligent-Tiering, and after 90 days to Glacier Instant Retrieval."
  }
}

run "a_bucket_is_closed" {
  command = plan
  module {
    source = "./modules/s3/bucket"
  }
  variables {
    name = "some-bucket"
    lifecycle_rules = [{
      id          = "data", prefix = "telemetry/data/"
      transitions = [{ days = 0, storage_class = "INTELLIGENT_TIERING" }]
    }]
  }
  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this.block_public_acls, aws_s3_bucket_public_access_block.this.block_public_policy,
      aws_s3_bucket_public_access_block.this.ignore_public_acls, aws_s3_bucket_public_access_block.this.restrict_public_buckets,
    ])
    error_message = "No bucket is public."
  }
  assert {
    condition = alltrue([for one in data.aws_iam_policy_document.tls_only.statement :
      one.effect == "Deny" && length(one.condition) == 1
    ])
    error_message = "The bucket's policy only forbids: what isn't TLS 1.2."
  }
  assert {
    condition     = [for rule in aws_s3_bucket_lifecycle_configuration.this.rule : rule.filter[0].prefix if rule.id == "data"] == ["telemetry/data/"]
    error_message = "The lifecycle is for data/ only: manifests stay."
  }
  assert {
    condition     = length(aws_s3_bucket_versioning.this) == 0 && aws_s3_bucket.this.force_destroy == false
    error_message = "Objects that are immutable need no versions; data aren't destroyed unless that is asked for."
  }
}

run "another_class_on_request" {
  command = plan
  module {
    source = "./modules/s3"
  }
  variables {
    archive_storage_class = "DEEP_ARCHIVE"
    archive_after_days    = 365
    bucket_suffix         = "acme"
  }
  assert {
    condition     = local.data_transitions[1] == { days = 365, storage_class = "DEEP_ARCHIVE" } && output.lake_bucket == "iot-data-lake-bucket-acme"
    error_message = "Another class, and another suffix."
  }
}

run "never_archived_never_expired" {
  command = plan
  module {
    source = "./modules/s3"
  }
  variables {
    archive_after_days         = null
    quarantine_expiration_days = null
  }
  assert {
    condition     = length(local.data_transitions) == 1
    error_message = "Null: never."
  }
}

run "names_that_s3_would_refuse" {
  command = plan
  module {
    source = "./modules/s3"
  }
  variables {
    name_prefix   = "a-long-prefix-"
    bucket_suffix = "and-a-long-suffix-too"
  }
  expect_failures = [var.bucket_suffix]
}

run "refused" {
  command = plan
  module {
    source = "./modules/s3"
  }
  variables {
    archive_storage_class          = "STANDARD_IA"
    archive_after_days             = 0
    bucket_suffix                  = "ACME"
    lake_prefix                    = "/telemetry/"
    quarantine_expiration_days     = 0
    athena_results_expiration_days = 0
  }
  expect_failures = [
    var.archive_storage_class, var.archive_after_days, var.bucket_suffix, var.lake_prefix,
    var.quarantine_expiration_days, var.athena_results_expiration_days,
  ]
}
