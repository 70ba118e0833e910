variable "prefix" {
  description = "What the alarms' names begin with."
  type        = string
}

variable "alarms" {
  description = "The alarms by name. An alarm rings when the metric is above the threshold."
  type = map(object({
    # What it means, and what to do: a person reads it at night.
    description        = string
    namespace          = string
    metric             = string
    dimensions         = map(string)
    statistic          = string
    threshold          = number
    period             = number
    evaluation_periods = number
    # Of those periods, how many ring it; all, without.
    datapoints_to_alarm = optional(number)
  }))
}

variable "topic_arn" {
  description = "The SNS topic that is told."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags."
  type        = map(string)
}
