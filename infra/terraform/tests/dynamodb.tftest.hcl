mock_provider "aws" {
  source = "./tests/mocks"
}

run "the_journal" {
  command = plan
  module {
    source = "./modules/dynamodb"
  }
  assert {
    condition = (
      aws_dynamodb_table.journal.name == "iotstream-journal" && aws_dynamodb_table.journal.hash_key == "group" &&
      aws_dynamodb_table.journal.range_key == "shard" && toset([for one in aws_dynamodb_table.journal.attribute : one.type]) == toset(["S"])
    )
    error_message = "The journal's keys: group and shard, strings."
  }
  assert {
    condition = (
      aws_dynamodb_table.journal.billing_mode == "PAY_PER_REQUEST" && aws_dynamodb_table.journal.deletion_protection_enabled &&
      aws_dynamodb_table.journal.point_in_time_recovery[0].enabled
    )
    error_message = "The journal is paid by request, has backups, and can't be deleted by accident."
  }
  assert {
    condition     = length(aws_dynamodb_table.kcl) == 0
    error_message = "KCL's tables are for the consumer on ECS."
  }
}

run "the_tables_of_kcl" {
  command = plan
  module {
    source = "./modules/dynamodb"
  }
  variables {
    create_kcl_tables = true
    kcl_application   = "dev-iotstream"
  }
  assert {
    condition = { for role, table in aws_dynamodb_table.kcl : table.name => table.hash_key } == {
      "dev-iotstream" = "leaseKey", "dev-iotstream-WorkerMetricStats" = "wid", "dev-iotstream-CoordinatorState" = "key"
    }
    error_message = "KCL's tables and their keys."
  }
  assert {
    condition = [for one in aws_dynamodb_table.kcl["leases"].global_secondary_index :
      [one.name, one.hash_key, one.range_key, one.projection_type]
    ] == [["LeaseOwnerToLeaseKeyIndex", "leaseOwner", "leaseKey", "KEYS_ONLY"]]
    error_message = "KCL's index."
  }
}

run "refused" {
  command = plan
  module {
    source = "./modules/dynamodb"
  }
  variables {
    journal_table_name = "a table"
    kcl_application    = "a@b"
  }
  expect_failures = [var.journal_table_name, var.kcl_application]
}
