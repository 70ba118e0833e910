locals {
  own_dimensions = merge(
    { function = var.name },
    var.destination == null ? {} : { destination = var.destination },
  )

  alarms = {
    errors = {
      description        = "${var.name} fails as a whole: it does not start, runs out of time or memory, or its tables do not answer. Nothing is lost while it is tried again. Look into its log; after an upgrade, roll back."
      namespace          = "AWS/Lambda"
      metric             = "Errors"
      dimensions         = { FunctionName = var.name }
      statistic          = "Sum"
      threshold          = 0
      period             = 300
      evaluation_periods = 2
    }
    throttles = {
      description        = "Lambda had no concurrency left for ${var.name}, so it waits. Raise the account's concurrency in Service Quotas, or find what else takes it."
      namespace          = "AWS/Lambda"
      metric             = "Throttles"
      dimensions         = { FunctionName = var.name }
      statistic          = "Sum"
      threshold          = 0
      period             = 300
      evaluation_periods = 3
    }
  }

  failure_alarms = {
    failures = {
      description        = "${var.name} has set something aside as a failure: it cannot succeed as it is, and the rest goes on. See `freshet failures list`, mend the cause, then redrive or discard."
      namespace          = "Freshet"
      metric             = "Failed"
      dimensions         = local.own_dimensions
      statistic          = "Sum"
      threshold          = 0
      period             = 300
      evaluation_periods = 1
    }
  }

  stream_alarms = {
    iterator-age = {
      description        = "${var.name} is more than five minutes behind its stream. If it fails, its log says why; if it is busy, add shards. After 12 hours records are set aside as failures."
      namespace          = "AWS/Lambda"
      metric             = "IteratorAge"
      dimensions         = { FunctionName = var.name }
      statistic          = "Maximum"
      threshold          = 300000
      period             = 60
      evaluation_periods = 5
    }
  }
}

module "alarms" {
  source = "../alarms"

  prefix = var.name
  alarms = merge(
    local.alarms,
    { for name, alarm in local.failure_alarms : name => alarm if var.sets_aside },
    { for name, alarm in local.stream_alarms : name => alarm if var.reads_streams },
  )
  topic_arn = var.stack.alarm_topic_arn
  tags      = var.stack.tags
}
