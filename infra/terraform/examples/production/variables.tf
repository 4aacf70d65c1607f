variable "alarm_emails" {
  description = "Who gets the alarms."
  type        = list(string)
  nullable    = false
}

variable "device_names" {
  description = "The devices."
  type        = list(string)
  nullable    = false
}

variable "consumer_image" {
  description = "The consumer's image, by digest. Null: the tag 0.1.0 of the repository that is made here; push it first (README)."
  type        = string
  default     = null
}

variable "lambda_package_path" {
  description = "Zip of the audit's code (`make package`). Null: that in dist/ of this checkout."
  type        = string
  default     = null
}
