variable "prefix" {
  description = "What the tables' names begin with."
  type        = string
}

variable "bucket" {
  description = "The bucket's name."
  type        = string
}

variable "kms_key_arn" {
  description = "A customer key."
  type        = string
}

variable "deletion_protection" {
  description = "Whether the tables, and the bucket while it is not empty, refuse to be deleted."
  type        = bool
}

variable "tags" {
  description = "Tags."
  type        = map(string)
}
