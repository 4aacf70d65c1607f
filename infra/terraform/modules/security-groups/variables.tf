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

variable "vpc_id" {
  description = "The VPC."
  type        = string
  nullable    = false
}

variable "vpc_cidr" {
  description = "Its addresses: who may reach the interface endpoints."
  type        = string
  default     = "10.0.0.0/16"
  nullable    = false

  validation {
    condition     = can(cidrhost(var.vpc_cidr, 0))
    error_message = "vpc_cidr must be an IPv4 block, for example 10.0.0.0/16."
  }
}

variable "create_influxdb" {
  description = "Whether Timestream for InfluxDB has a security group here."
  type        = bool
  default     = true
  nullable    = false
}

variable "influxdb_port" {
  description = "InfluxDB's TCP port."
  type        = number
  default     = 8086
  nullable    = false

  validation {
    condition     = var.influxdb_port >= 1024 && var.influxdb_port <= 65535
    error_message = "influxdb_port must be from 1024 to 65535."
  }
}

variable "ssh_cidrs" {
  description = "Who may reach the devices by SSH (port 22). Empty: nobody."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for one in var.ssh_cidrs : can(cidrhost(one, 0)) && !endswith(one, "/0")])
    error_message = "ssh_cidrs must be IPv4 blocks, and not the whole internet."
  }
}
