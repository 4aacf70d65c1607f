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
  description = "KMS key of the flow logs; its policy must let CloudWatch Logs use it. Null: CloudWatch's own encryption."
  type        = string
  default     = null
}

variable "vpc_cidr" {
  description = "Addresses of the VPC."
  type        = string
  default     = "10.0.0.0/16"
  nullable    = false

  validation {
    condition     = can(cidrhost(var.vpc_cidr, 0)) && can(regex("/(1[6-9]|2[0-8])$", var.vpc_cidr))
    error_message = "vpc_cidr must be an IPv4 block from /16 to /28, for example 10.0.0.0/16."
  }
}

variable "azs" {
  description = "Availability zones; each has one public and one private subnet."
  type        = list(string)
  default     = ["us-east-1a", "us-east-1b"]
  nullable    = false

  validation {
    condition     = length(var.azs) >= 1 && length(distinct(var.azs)) == length(var.azs)
    error_message = "azs must name at least one availability zone, each once."
  }
}

variable "public_subnets" {
  description = "Addresses of the public subnets (the devices'), one for each of `azs`, in the same order."
  type        = list(string)
  default     = ["10.0.1.0/24", "10.0.2.0/24"]
  nullable    = false

  validation {
    condition     = length(var.public_subnets) == length(var.azs) && alltrue([for one in var.public_subnets : can(cidrhost(one, 0))])
    error_message = "public_subnets must hold one IPv4 block for each of azs."
  }
}

variable "private_subnets" {
  description = "Addresses of the private subnets (consumer, time-series store, endpoints), one for each of `azs`, in the same order."
  type        = list(string)
  default     = ["10.0.11.0/24", "10.0.12.0/24"]
  nullable    = false

  validation {
    condition     = length(var.private_subnets) == length(var.azs) && alltrue([for one in var.private_subnets : can(cidrhost(one, 0))])
    error_message = "private_subnets must hold one IPv4 block for each of azs."
  }

  validation {
    condition     = length(setintersection(var.private_subnets, var.public_subnets)) == 0
    error_message = "private_subnets and public_subnets must not share a block."
  }
}

variable "enable_nat_gateway" {
  description = "Whether private subnets reach the internet through NAT. Without it they reach AWS through the endpoints below, which is all that the consumer needs."
  type        = bool
  default     = false
  nullable    = false
}

variable "single_nat_gateway" {
  description = "With NAT: one gateway for all zones (cheaper), or one in each zone (a zone that fails takes no other along)."
  type        = bool
  default     = true
  nullable    = false
}

variable "flow_logs_retention_days" {
  description = "Days that flow logs are kept."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.flow_logs_retention_days)
    error_message = "flow_logs_retention_days must be a number of days that CloudWatch Logs knows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}

variable "interface_endpoints" {
  description = "AWS services reached from inside through interface endpoints, by the last part of their endpoint's name (`com.amazonaws.<region>.<this>`). Each costs by the hour and zone. The default is what the consumer on ECS needs without NAT; S3 and DynamoDB always have gateway endpoints, which are free."
  type        = list(string)
  default     = ["ecr.api", "ecr.dkr", "kinesis-streams", "logs", "secretsmanager"]
  nullable    = false

  validation {
    condition     = alltrue([for one in var.interface_endpoints : can(regex("^[a-z0-9][a-z0-9.-]*$", one)) && !startswith(one, "com.amazonaws.")])
    error_message = "interface_endpoints must hold short names such as kinesis-streams or ecr.api, without com.amazonaws.<region>."
  }

  validation {
    condition     = length(setintersection(var.interface_endpoints, ["s3", "dynamodb"])) == 0
    error_message = "interface_endpoints must not hold s3 or dynamodb: they have gateway endpoints."
  }
}

variable "extra_endpoint_service_names" {
  description = <<-EOT
    Further interface endpoints: a name of your own => the full PrivateLink service name. For Timestream for
    LiveAnalytics, whose endpoints belong to the account's cell: `aws timestream-write describe-endpoints --region REGION`
    prints `ingest-cellN.timestream.REGION.amazonaws.com`, which makes `com.amazonaws.REGION.timestream.ingest-cellN`;
    `aws timestream-query describe-endpoints` likewise makes `com.amazonaws.REGION.timestream.query-cellN`. The call
    DescribeEndpoints itself has no endpoint in a VPC: it needs NAT, or a consumer that is told the cell's endpoint
    (AWS_ENDPOINT_URL_TIMESTREAM_WRITE).
  EOT
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for one in values(var.extra_endpoint_service_names) : can(regex("^(com\\.amazonaws|aws)\\.", one))])
    error_message = "extra_endpoint_service_names must hold full service names, such as com.amazonaws.us-east-1.timestream.ingest-cell2."
  }
}

variable "endpoint_security_group_ids" {
  description = "Security groups of the interface endpoints; they must let the VPC in on port 443. Empty: the VPC's default group, which lets nobody in."
  type        = list(string)
  default     = []
  nullable    = false
}
