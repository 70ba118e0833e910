variable "name" {
  description = "The function's name, and what all else here begins with."
  type        = string
}

variable "environment" {
  description = "What the function's environment has of the stack."
  type        = map(string)
}

variable "statements" {
  description = "What the function may do, beyond its own secrets."
  type = list(object({
    sid       = string
    actions   = list(string)
    resources = list(string)
    condition = optional(object({ test = string, key = string, values = list(string) }))
  }))
}

variable "client_secret_arn" {
  description = "The secret with what the identity provider knows the console by; made here, with Cognito."
  type        = string
}

variable "client_secret_kms_key_arn" {
  description = "The customer key of that secret."
  type        = string
}

variable "cognito" {
  description = "Whether people sign in by a user pool of Cognito that is made here."
  type        = bool
}

variable "cognito_domain" {
  description = "The first label of the host of the user pool's page for signing in."
  type        = string
}

variable "public_url" {
  description = "The console's own address, where it has one."
  type        = string
}

variable "deletion_protection" {
  description = "Whether the user pool refuses to be deleted, and deleted secrets can be had back."
  type        = bool
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
