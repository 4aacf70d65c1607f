locals {
  table      = "\"${var.database_name}\".\"${var.table_name}\""
  dimensions = join(", ", [for name in var.dimension_columns : "\"${name}\""])
  by_device  = local.dimensions == "" ? "" : "${local.dimensions}, "
  averages   = join("", [for name in var.number_columns : ",\n       avg(\"${name}\") AS \"avg_${name}\""])

  # All but the first have a condition on dt: without one Athena looks at every hour since the first day.
  queries = {
    first-rows = {
      description = "Some rows, to see what there is"
      sql         = "SELECT * FROM ${local.table} LIMIT 100"
    }
    last-day = {
      description = "The newest readings of today and yesterday"
      sql         = "SELECT * FROM ${local.table}\nWHERE dt >= date_format(current_date - interval '1' day, '%Y-%m-%d')\nORDER BY \"${var.time_column}\" DESC\nLIMIT 1000"
    }
    rows-per-hour = {
      description = "Rows of each hour of the last seven days: a hole is an outage"
      sql         = "SELECT dt, hour, count(*) AS \"rows\"\nFROM ${local.table}\nWHERE dt >= date_format(current_date - interval '7' day, '%Y-%m-%d')\nGROUP BY dt, hour\nORDER BY dt, hour"
    }
    devices-by-hour = {
      description = "Each device's rows and averages by hour, the last seven days"
      sql         = "SELECT ${local.by_device}dt, hour, count(*) AS \"rows\"${local.averages}\nFROM ${local.table}\nWHERE dt >= date_format(current_date - interval '7' day, '%Y-%m-%d')\nGROUP BY ${local.by_device}dt, hour\nORDER BY ${local.by_device}dt, hour"
    }
    quiet-devices = {
      description = "Devices of the last seven days, the quietest first"
      sql         = "SELECT ${local.by_device}max(\"${var.time_column}\") AS last_seen, count(*) AS \"rows\"\nFROM ${local.table}\nWHERE dt >= date_format(current_date - interval '7' day, '%Y-%m-%d')${local.dimensions == "" ? "" : "\nGROUP BY ${local.dimensions}"}\nORDER BY last_seen"
    }
  }
}

resource "aws_athena_workgroup" "this" {
  #checkov:skip=CKV_AWS_159: results are encrypted by S3's own key; kms_key_arn brings one's own
  name          = "${var.name_prefix}${var.workgroup_name}"
  description   = "Queries over the lake, each up to ${var.bytes_scanned_cutoff_per_query} bytes"
  force_destroy = var.force_destroy

  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = var.bytes_scanned_cutoff_per_query

    result_configuration {
      output_location = "s3://${var.results_bucket}/results/"

      encryption_configuration {
        encryption_option = var.kms_key_arn == null ? "SSE_S3" : "SSE_KMS"
        kms_key_arn       = var.kms_key_arn
      }
    }
  }

  tags = var.tags
}

resource "aws_athena_named_query" "this" {
  for_each = local.queries

  name        = each.key
  description = each.value.description
  workgroup   = aws_athena_workgroup.this.id
  database    = var.database_name
  query       = each.value.sql
}
