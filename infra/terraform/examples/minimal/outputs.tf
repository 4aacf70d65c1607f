output "iot_endpoint" {
  description = "Host to which devices connect by MQTT over TLS, port 8883."
  value       = module.iotstream.iot_endpoint
}

output "device_secret_arns" {
  description = "Device => secret with its certificate and private key."
  value       = module.iotstream.device_secret_arns
}

output "lake_uri" {
  description = "The lake."
  value       = module.iotstream.lake_uri
}
