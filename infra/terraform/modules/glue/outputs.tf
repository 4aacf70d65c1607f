output "database_name" {
  description = "Database of the catalogue."
  value       = aws_glue_catalog_database.this.name
}

output "table_name" {
  description = "Table of the catalogue."
  value       = aws_glue_catalog_table.this.name
}

output "table_location" {
  description = "Where its rows are."
  value       = local.location
}

output "crawler_name" {
  description = "The crawler; null if there is none."
  value       = one(aws_glue_crawler.this[*].name)
}

output "time_column" {
  description = "Column of the event time."
  value       = one(local.times)
}

output "dimension_columns" {
  description = "Columns that say which device it is."
  value       = local.dimensions
}

output "number_columns" {
  description = "Columns of numbers that were measured."
  value       = local.numbers
}
