# --- the span journal ------------------------------------------------------------------------------------

resource "aws_dynamodb_table" "journal" {
  #checkov:skip=CKV_AWS_119: encrypted by DynamoDB's own key; kms_key_arn brings one's own
  name                        = "${var.name_prefix}${var.journal_table_name}"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "group"
  range_key                   = "shard"
  deletion_protection_enabled = var.deletion_protection

  attribute {
    name = "group"
    type = "S"
  }

  attribute {
    name = "shard"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = var.kms_key_arn != null
    kms_key_arn = var.kms_key_arn
  }

  tags = var.tags
}

# --- the tables of the Kinesis Client Library ------------------------------------------------------------
# As KCL 3.1 makes them itself: keys `leaseKey`, `wid`, `key`, and one index.

locals {
  kcl_tables = var.create_kcl_tables ? {
    leases         = { name = var.kcl_application, key = "leaseKey" }
    worker_metrics = { name = "${var.kcl_application}-WorkerMetricStats", key = "wid" }
    coordinator    = { name = "${var.kcl_application}-CoordinatorState", key = "key" }
  } : {}
}

resource "aws_dynamodb_table" "kcl" {
  #checkov:skip=CKV_AWS_119: encrypted by DynamoDB's own key; kms_key_arn brings one's own
  #checkov:skip=CKV_AWS_28: leases and load are of the moment; the journal, which has backups, is the truth
  #checkov:skip=CKV2_AWS_16: paid by request, so there is no capacity to scale
  for_each = local.kcl_tables

  name         = each.value.name
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = each.value.key

  attribute {
    name = each.value.key
    type = "S"
  }

  dynamic "attribute" {
    for_each = each.key == "leases" ? ["leaseOwner"] : []

    content {
      name = attribute.value
      type = "S"
    }
  }

  dynamic "global_secondary_index" {
    for_each = each.key == "leases" ? ["LeaseOwnerToLeaseKeyIndex"] : []

    content {
      name            = global_secondary_index.value
      hash_key        = "leaseOwner"
      range_key       = "leaseKey"
      projection_type = "KEYS_ONLY"
    }
  }

  server_side_encryption {
    enabled     = var.kms_key_arn != null
    kms_key_arn = var.kms_key_arn
  }

  tags = var.tags
}
