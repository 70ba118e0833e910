variable "name" {
  description = "The stream's name."
  type        = string
}

variable "shards" {
  description = "How many shards; of no meaning on demand."
  type        = number
}

variable "retention_hours" {
  description = "How long the stream keeps records: more than the 12 hours for which the mapping tries one again, and as long as a pipeline may be paused."
  type        = number
}

variable "on_demand" {
  description = "Whether AWS scales the shards, at another price."
  type        = bool
}

variable "kms_key_arn" {
  description = "A customer key."
  type        = string
}

variable "tags" {
  description = "Tags."
  type        = map(string)
}
