variable "function_arn" {
  description = "The function that is invoked. Its role has to be complete: Lambda tries it when the mapping is made."
  type        = string
}

variable "stream_arn" {
  description = "The stream, of Kinesis or of a DynamoDB table."
  type        = string
}

variable "window_seconds" {
  description = "How long records are gathered for a batch."
  type        = number
}

variable "parallelization" {
  description = "How many batches of a shard run at once, each with keys of its own."
  type        = number
}

variable "filter" {
  description = "Patterns of event filtering; what matches none is passed over."
  type        = list(string)
  default     = []
}

variable "bucket_arn" {
  description = "The bucket for what Lambda gives up on."
  type        = string
}

variable "tags" {
  description = "Tags."
  type        = map(string)
}
