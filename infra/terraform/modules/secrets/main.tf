resource "aws_secretsmanager_secret" "device" {
  #checkov:skip=CKV_AWS_149: encrypted by Secrets Manager's own key; kms_key_arn brings one's own
  #checkov:skip=CKV2_AWS_57: a certificate is replaced on purpose (terraform apply -replace=…), with the device at hand
  for_each = toset(var.thing_names)

  name                    = "${var.name_prefix}iot/devices/${replace(each.key, ":", "_")}"
  description             = "Certificate and private key of ${each.key}, as JSON: certificate_pem, private_key."
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.recovery_window_days

  tags = var.tags
}

resource "aws_secretsmanager_secret_version" "device" {
  for_each = toset(var.thing_names)

  secret_id     = aws_secretsmanager_secret.device[each.key].id
  secret_string = jsonencode(var.device_credentials[each.key])
}

resource "aws_ssm_parameter" "iot_endpoint" {
  #checkov:skip=CKV2_AWS_34: the endpoint's name is no secret
  name        = "/${var.name_prefix}iot/endpoint"
  description = "Host to which devices connect by MQTT over TLS, port 8883."
  type        = "String"
  value       = var.iot_endpoint

  tags = var.tags
}
