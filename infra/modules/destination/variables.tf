variable "prefix" {
  description = "What the names of queues and function begin with."
  type        = string
}

variable "name" {
  description = "The destination's name."
  type        = string
}

variable "connector" {
  description = "Its connector."
  type        = string
}

variable "settings" {
  description = "Its settings; no secret is among them."
  type        = map(string)
}

variable "secret_arn" {
  description = "Its secret."
  type        = string
}

variable "renews_secret" {
  description = "Whether its vendor grants tokens that are kept in the secret, and so written by the function."
  type        = bool
}

variable "secret_kms_key_arn" {
  description = "The customer key of its secret."
  type        = string
}

variable "maximum_concurrency" {
  description = "How many invocations may deliver at once."
  type        = number
}

variable "lanes" {
  description = "The queue's count of message groups."
  type        = number
}

variable "rate_limit" {
  description = "The most requests in so many seconds."
  type        = object({ requests = number, seconds = number })
}

variable "quota_share" {
  description = "The share of the vendor's quota that may be used."
  type        = number
}

variable "allow_private_addresses" {
  description = "Whether its address may be in a private network."
  type        = bool
}

variable "environment" {
  description = "What every function's environment has."
  type        = map(string)
}

variable "statements" {
  description = "What deliver may do, beyond its queue and its secret."
  type = list(object({
    sid       = string
    actions   = list(string)
    resources = list(string)
    condition = optional(object({ test = string, key = string, values = list(string) }))
  }))
}

variable "stack" {
  description = "What all functions of a stack share."
  type = object({
    architecture             = string
    packages                 = string
    bucket_arn               = string
    kms_key_arn              = string
    permissions_boundary_arn = string
    log_retention_days       = number
    alarm_topic_arn          = string
    tags                     = map(string)
  })
}
