# The module checks the values; here stands only their shape, as the module has it.

variable "name" {
  description = "The stack's name."
  type        = string
}

variable "region" {
  description = "The region."
  type        = string
}

variable "backbone" {
  description = "The stream between capture and the pipelines."
  type = object({
    shards          = optional(number)
    lanes           = optional(number)
    retention_hours = optional(number)
    on_demand       = optional(bool)
  })
  default = {}
}

variable "sources" {
  description = "Where data changes."
  type = map(object({
    dynamodb_stream_arn = optional(string)
    kinesis_stream_arn  = optional(string)
    key                 = optional(list(string))
    epoch               = optional(number)
    filter              = optional(list(string))
    parallelization     = optional(number)
    window_seconds      = optional(number)
    kms_key_arn         = optional(string)
  }))
}

variable "destinations" {
  description = "Where data is used."
  type = map(object({
    connector               = string
    settings                = optional(map(string))
    secret_arn              = optional(string)
    secret_kms_key_arn      = optional(string)
    maximum_concurrency     = optional(number)
    lanes                   = optional(number)
    rate_limit              = optional(object({ requests = number, seconds = number }))
    quota_share             = optional(number)
    allow_private_addresses = optional(bool)
  }))
}

variable "lookup_tables" {
  description = "Tables of which pipelines look up rows."
  type = map(object({
    table_arn     = string
    key           = map(string)
    cache_seconds = optional(number)
    kms_key_arn   = optional(string)
  }))
  default = {}
}

variable "console" {
  description = "The console; none, without."
  type = object({
    client_secret_arn         = optional(string)
    client_secret_kms_key_arn = optional(string)
    cognito                   = optional(bool)
    roles                     = optional(object({ claim = string, viewer = optional(list(string)), editor = optional(list(string)), admin = optional(list(string)) }))
    contact                   = optional(string)
    public_url                = optional(string)
    allow_private_addresses   = optional(bool)
    alerts                    = optional(object({ topic_arn = string, topic_kms_key_arn = optional(string) }))
  })
  default = null
}

variable "architecture" {
  description = "The functions' processor."
  type        = string
  default     = "arm64"
}

variable "packages" {
  description = "The folder with the functions' zips, if not where `make package` puts them."
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "Off for a stack to try things with."
  type        = bool
  default     = true
}
