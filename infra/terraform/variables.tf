variable "environment" {
  description = "Name of the environment; part of the database's names."
  type        = string
  validation {
    condition     = contains(["staging", "prod"], var.environment)
    error_message = "The environment is staging or prod."
  }
}

variable "bucket" {
  description = "Name of the bucket for the lake, the bundles, MLflow's artifacts and compute logs; unique in all of S3."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets, in two availability zones at least, for the database."
  type        = list(string)
}

variable "security_group_ids" {
  description = "Security groups of the database; they admit only the cluster, on port 5432."
  type        = list(string)
}

variable "database_class" {
  description = "Instance class of the database that Dagster and MLflow share."
  type        = string
  default     = "db.t4g.medium"
}

variable "database_password_version" {
  description = "Raise it to change the database's password; then update the cluster's Secret and restart its pods."
  type        = number
  default     = 1
}
