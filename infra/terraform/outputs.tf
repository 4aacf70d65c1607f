# --- what devices need -----------------------------------------------------------------------------------

output "iot_endpoint" {
  description = "Host to which devices connect by MQTT over TLS, port 8883."
  value       = module.iot.endpoint
}

output "iot_endpoint_parameter_name" {
  description = "Parameter Store: where that host's name is."
  value       = module.secrets.iot_endpoint_parameter_name
}

output "device_secret_arns" {
  description = "Device => secret with its certificate and private key."
  value       = module.secrets.device_secret_arns
}

output "topic" {
  description = "A device publishes on `<this>/<its name>`."
  value       = var.topic
}

output "iot_rule_names" {
  description = "Rules that send to the stream."
  value       = module.iot.rule_names
}

output "device_instance_ids" {
  description = "Simulated devices: name => instance."
  value       = one(module.ec2[*].instance_ids)
}

# --- what the consumer needs -----------------------------------------------------------------------------

output "stream_name" {
  description = "The Kinesis stream."
  value       = module.kinesis.stream_name
}

output "stream_arn" {
  description = "Its ARN."
  value       = module.kinesis.stream_arn
}

output "consumer" {
  description = "What consumes into the lake: lambda or ecs."
  value       = var.consumer
}

output "consumer_environment" {
  description = "Settings of the consumer, IOTSTREAM_… => value: with them `iotstream consume`, `audit`, `backfill` work on the same lake from anywhere."
  value       = local.consumer_environment
}

output "journal_table_name" {
  description = "Table of the span journal."
  value       = module.dynamodb.journal_table_name
}

output "kcl_table_names" {
  description = "KCL's tables: leases, worker_metrics, coordinator."
  value       = module.dynamodb.kcl_table_names
}

output "lambda_function_name" {
  description = "The handler; null with consumer = ecs."
  value       = one(module.lambda[*].function_name)
}

output "event_source_mapping_uuid" {
  description = "Its event source mapping."
  value       = one(module.lambda[*].event_source_mapping_uuid)
}

output "on_failure_queue_name" {
  description = "Queue of the batches that Lambda gave up."
  value       = one(module.lambda[*].on_failure_queue_name)
}

output "ecs_cluster_name" {
  description = "The cluster; null with consumer = lambda."
  value       = one(module.ecs[*].cluster_name)
}

output "ecs_service_name" {
  description = "The service."
  value       = one(module.ecs[*].service_name)
}

output "ecr_repository_url" {
  description = "Where the consumer's image is pushed."
  value       = one(module.ecs[*].ecr_repository_url)
}

# --- where the data are ------------------------------------------------------------------------------------

output "lake_uri" {
  description = "The lake; its rows are below `<this>/data/`."
  value       = local.lake_uri
}

output "quarantine_uri" {
  description = "The dead letters."
  value       = local.quarantine_uri
}

output "buckets" {
  description = "What for => bucket."
  value = {
    lake           = module.s3.lake_bucket
    quarantine     = module.s3.quarantine_bucket
    athena_results = module.s3.athena_results_bucket
    artefacts      = module.s3.artefacts_bucket
    iot_errors     = module.s3.iot_errors_bucket
  }
}

output "glue_database_name" {
  description = "Database of the catalogue."
  value       = module.glue.database_name
}

output "glue_table_name" {
  description = "Table of the catalogue."
  value       = module.glue.table_name
}

output "athena_workgroup_name" {
  description = "Athena's workgroup."
  value       = one(module.athena[*].workgroup_name)
}

output "timestream_database_name" {
  description = "LiveAnalytics: the database."
  value       = module.timestream.database_name
}

output "timestream_table_name" {
  description = "LiveAnalytics: the table."
  value       = module.timestream.table_name
}

output "influxdb_url" {
  description = "InfluxDB, from inside the network."
  value       = module.timestream.influxdb_url
}

output "influxdb_credentials_secret_arn" {
  description = "InfluxDB: the service's secret with the first administrator."
  value       = module.timestream.influxdb_credentials_secret_arn
}

output "influxdb_token_secret_arn" {
  description = "InfluxDB: the secret into which the consumer's token is put by hand."
  value       = module.timestream.influxdb_token_secret_arn
}

# --- watching --------------------------------------------------------------------------------------------

output "alarm_topic_arn" {
  description = "Where alarms go."
  value       = one(module.monitoring[*].sns_topic_arn)
}

output "dashboard_name" {
  description = "The dashboard."
  value       = one(module.monitoring[*].dashboard_name)
}

output "audit_function_name" {
  description = "The audit's function."
  value       = one(module.audit[*].function_name)
}

output "kms_key_arn" {
  description = "The key with which all is encrypted; null: each service's own."
  value       = local.kms_key_arn
}
