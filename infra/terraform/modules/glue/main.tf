locals {
  # What `iotstream schema glue` prints; its location stands for the lake's.
  table       = jsondecode(file(var.schema_json_path))
  placeholder = local.table.StorageDescriptor.Location
  location    = "${trimsuffix(var.lake_uri, "/")}/data/"
  columns     = local.table.StorageDescriptor.Columns

  # A column's comment begins with its role.
  dimensions = [for column in local.columns : column.Name if startswith(column.Comment, "dimension")]
  times      = [for column in local.columns : column.Name if startswith(column.Comment, "time")]
  numbers = [
    for column in local.columns : column.Name
    if startswith(column.Comment, "measure") && contains(["double", "float", "bigint", "int"], column.Type)
  ]
}

resource "aws_glue_catalog_database" "this" {
  name        = replace("${var.name_prefix}${var.glue_database_name}", "-", "_")
  description = "Telemetry, by iotstream"

  tags = var.tags
}

# Partition projection: a new hour can be asked for without anybody adding its partition.
resource "aws_glue_catalog_table" "this" {
  database_name = aws_glue_catalog_database.this.name
  name          = var.glue_table_name
  description   = "Readings, partitioned by day and hour of the event time, UTC"
  table_type    = local.table.TableType
  parameters = merge(
    { for name, value in local.table.Parameters : name => replace(value, local.placeholder, local.location) },
    var.first_day == null ? {} : { "projection.dt.range" = "${var.first_day},NOW+1DAY" },
  )

  dynamic "partition_keys" {
    for_each = local.table.PartitionKeys

    content {
      name    = partition_keys.value.Name
      type    = partition_keys.value.Type
      comment = partition_keys.value.Comment
    }
  }

  storage_descriptor {
    location      = local.location
    input_format  = local.table.StorageDescriptor.InputFormat
    output_format = local.table.StorageDescriptor.OutputFormat

    ser_de_info {
      serialization_library = local.table.StorageDescriptor.SerdeInfo.SerializationLibrary
      parameters            = local.table.StorageDescriptor.SerdeInfo.Parameters
    }

    dynamic "columns" {
      for_each = local.columns

      content {
        name    = columns.value.Name
        type    = columns.value.Type
        comment = columns.value.Comment
      }
    }
  }
}

# --- the crawler: looks at data/ through the table, and only logs what it would change ---------------------

resource "aws_glue_security_configuration" "this" {
  #checkov:skip=CKV_AWS_99: the crawler makes no job bookmarks; its logs and objects are encrypted
  count = var.enable_crawler && var.enable_kms ? 1 : 0

  name = "${var.name_prefix}${var.glue_crawler_name}"

  encryption_configuration {
    cloudwatch_encryption {
      cloudwatch_encryption_mode = "SSE-KMS"
      kms_key_arn                = var.kms_key_arn
    }

    job_bookmarks_encryption {
      job_bookmarks_encryption_mode = "CSE-KMS"
      kms_key_arn                   = var.kms_key_arn
    }

    s3_encryption {
      s3_encryption_mode = "SSE-KMS"
      kms_key_arn        = var.kms_key_arn
    }
  }
}

resource "aws_glue_crawler" "this" {
  #checkov:skip=CKV_AWS_195: a security configuration needs a key of one's own; kms_key_arn brings it
  count = var.enable_crawler ? 1 : 0

  name                   = "${var.name_prefix}${var.glue_crawler_name}"
  description            = "Compares what is in data/ with the table, and logs what differs"
  database_name          = aws_glue_catalog_database.this.name
  role                   = var.crawler_role_arn
  schedule               = var.crawler_schedule
  security_configuration = one(aws_glue_security_configuration.this[*].name)

  # The table's location, which is data/ and nothing else: not manifests, schemas, runs.
  catalog_target {
    database_name = aws_glue_catalog_database.this.name
    tables        = [aws_glue_catalog_table.this.name]
  }

  schema_change_policy {
    update_behavior = "LOG"
    delete_behavior = "LOG"
  }

  configuration = jsonencode({
    Version       = 1.0
    Grouping      = { TableGroupingPolicy = "CombineCompatibleSchemas" }
    CrawlerOutput = { Partitions = { AddOrUpdateBehavior = "InheritFromTable" } }
  })

  tags = var.tags
}
