variable "name" {
  description = "The function's name, also its role's."
  type        = string
}

variable "description" {
  description = "What the function does."
  type        = string
}

variable "package" {
  description = "The name of its zip, without the ending."
  type        = string
}

variable "memory_mb" {
  description = "Memory; the processor's share goes with it."
  type        = number
}

variable "timeout_seconds" {
  description = "How long an invocation may take."
  type        = number
}

variable "environment" {
  description = "Its environment."
  type        = map(string)
}

variable "statements" {
  description = "What it may do beyond its log, its mappings and the key: each by exact action and resource."
  type = list(object({
    sid       = string
    actions   = list(string)
    resources = list(string)
    condition = optional(object({ test = string, key = string, values = list(string) }))
  }))

  validation {
    condition     = alltrue([for statement in var.statements : alltrue([for action in statement.actions : !strcontains(action, "*")])])
    error_message = "A statement has a wildcard in an action; name each action."
  }

  validation {
    condition = alltrue([
      for statement in var.statements : alltrue([for resource in statement.resources : can(regex("^arn:[^*]+(/\\*)?$", resource))])
    ])
    error_message = "A statement has a wildcard in a resource; only /* may end it, after a prefix of its own."
  }
}

variable "reads_streams" {
  description = "Whether streams invoke it: what Lambda gives up on is then stored, and how far it is behind has an alarm."
  type        = bool
  default     = false
}

variable "sets_aside" {
  description = "Whether it sets events or deliveries aside as failures, which has an alarm."
  type        = bool
  default     = true
}

variable "stream_arns" {
  description = "The streams that invoke it, of Kinesis or of DynamoDB tables."
  type        = list(string)
  default     = []
}

variable "stream_key_arns" {
  description = "The customer keys that those are encrypted with."
  type        = list(string)
  default     = []
}

variable "queue_mappings" {
  description = "The queues that invoke it, by destination."
  type = map(object({
    arn                 = string
    maximum_concurrency = number
  }))
  default = {}
}

variable "dead_letter_queue_arn" {
  description = "For a function that is invoked asynchronously: the queue for what it could not be given."
  type        = string
  default     = null
}

variable "destination" {
  description = "For deliver: the destination, which its metrics have as a second dimension."
  type        = string
  default     = null
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
