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

variable "monthly_limit_usd" {
  description = "What the account may cost in a month, US dollars. The budget warns; it stops nothing."
  type        = number
  nullable    = false

  validation {
    condition     = var.monthly_limit_usd > 0
    error_message = "monthly_limit_usd must be above 0."
  }
}

variable "emails" {
  description = "Who is told, 1 to 10 addresses."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.emails) >= 1 && length(var.emails) <= 10 && alltrue([for one in var.emails : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", one))])
    error_message = "emails must hold 1 to 10 e-mail addresses."
  }
}

variable "actual_thresholds_percent" {
  description = "Percent of the limit, once spent, at which a mail is sent."
  type        = list(number)
  default     = [50, 80, 100]
  nullable    = false

  validation {
    condition     = length(var.actual_thresholds_percent) >= 1 && length(var.actual_thresholds_percent) <= 4 && alltrue([for one in var.actual_thresholds_percent : one > 0 && one <= 1000])
    error_message = "actual_thresholds_percent must hold 1 to 4 numbers above 0, 1000 at most."
  }
}

variable "forecast_threshold_percent" {
  description = "Percent of the limit, forecast for the month's end, at which a mail is sent."
  type        = number
  default     = 100
  nullable    = false

  validation {
    condition     = var.forecast_threshold_percent > 0 && var.forecast_threshold_percent <= 1000
    error_message = "forecast_threshold_percent must be above 0, 1000 at most."
  }
}

variable "cost_filters" {
  description = "What is counted: a filter of AWS Budgets => its values, for example { TagKeyValue = [\"user:Project$iotstream\"] } once that tag is activated for cost allocation. Empty: the whole account."
  type        = map(list(string))
  default     = {}
  nullable    = false
}
