variable "lambda_package_path" {
  description = "Zip of the functions' code (`make package`). Null: that in dist/ of this checkout."
  type        = string
  default     = null
}
