variable "name_prefix" {
  description = "Put before each name, with its separator, for example `dev-`; so two deployments fit in one account."
  type        = string
  default     = ""
  nullable    = false
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "kms_key_arn" {
  description = "KMS key of the secrets. Null: Secrets Manager's own key."
  type        = string
  default     = null
}

variable "thing_names" {
  description = "Devices that have a secret each."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "device_credentials" {
  description = "Thing => its certificate and private key, PEM."
  type        = map(object({ certificate_pem = string, private_key = string }))
  default     = {}
  nullable    = false
  sensitive   = true
}

variable "iot_endpoint" {
  description = "Host to which devices connect."
  type        = string
  nullable    = false
}

variable "recovery_window_days" {
  description = "Days in which a deleted secret can be brought back; 0: none, and the name is free at once."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.recovery_window_days == 0 || (var.recovery_window_days >= 7 && var.recovery_window_days <= 30)
    error_message = "recovery_window_days must be 0, or from 7 to 30."
  }
}
