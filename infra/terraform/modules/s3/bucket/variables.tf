variable "name" {
  description = "Name of the bucket, unique in the world."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 63 of a-z 0-9 . -, and begin and end with a letter or digit."
  }
}

variable "tags" {
  description = "Tags of the bucket."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "kms_key_arn" {
  description = "KMS key of the objects. Null: S3's own key (SSE-S3)."
  type        = string
  default     = null
}

variable "versioning" {
  description = "Whether older versions of an object are kept."
  type        = bool
  default     = false
  nullable    = false
}

variable "access_log_bucket" {
  description = "Bucket that gets this one's access logs; it must let logging.s3.amazonaws.com in. Null: none."
  type        = string
  default     = null
}

variable "force_destroy" {
  description = "Whether `terraform destroy` also deletes what is in it."
  type        = bool
  default     = false
  nullable    = false
}

variable "lifecycle_rules" {
  description = "What becomes of objects below a prefix: days until they change their storage class, until they are deleted, and until versions that are not current any more are deleted."
  type = list(object({
    id                         = string
    prefix                     = string
    transitions                = optional(list(object({ days = number, storage_class = string })), [])
    expiration_days            = optional(number)
    noncurrent_expiration_days = optional(number)
  }))
  default  = []
  nullable = false
}
