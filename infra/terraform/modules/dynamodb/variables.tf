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
  description = "KMS key of the tables. Null: DynamoDB's own key."
  type        = string
  default     = null
}

variable "journal_table_name" {
  description = "Table of the span journal: IOTSTREAM_JOURNAL_URI is `dynamodb://<name_prefix><this>`."
  type        = string
  default     = "iotstream-journal"
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9_.-]{3,200}$", var.journal_table_name))
    error_message = "journal_table_name must be 3 to 200 of a-z A-Z 0-9 _ . -."
  }
}

variable "deletion_protection" {
  description = "Whether the journal's table refuses to be deleted. Without the journal a lake can't be written on exactly once."
  type        = bool
  default     = true
  nullable    = false
}

variable "create_kcl_tables" {
  description = "Whether KCL's three tables are made here. False: the consumer makes them, and needs the right to."
  type        = bool
  default     = false
  nullable    = false
}

variable "kcl_application" {
  description = "KCL's application, which is the consumer's journal.application, in full: its tables bear this name."
  type        = string
  default     = "iotstream"
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9_.-]{3,100}$", var.kcl_application))
    error_message = "kcl_application must be 3 to 100 of a-z A-Z 0-9 _ . -."
  }
}
