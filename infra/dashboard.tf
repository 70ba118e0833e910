locals {
  # All of them, by the name of what they do.
  functions = merge(
    module.capture,
    { transform = module.transform, collect-failures = module.collect_failures },
    { for name, destination in module.destination : "deliver-${name}" => destination.deliver },
    { for console in module.console : "console" => console.function },
    { for alert in module.alert : "alert" => alert },
  )
  stream_functions = concat([for capture in module.capture : capture.name], [module.transform.name])

  # A line of one of our own metrics for each function, or each destination.
  by_function = {
    for metric in ["Events", "Matched", "Filtered", "Failed"] :
    metric => [for function in local.stream_functions : ["Freshet", metric, "function", function]]
  }
  by_destination = {
    for metric in ["Freshness", "Delivered", "Unchanged", "Superseded", "Failed", "Retried", "Throttled", "Unauthorised", "Waiting"] :
    metric => [for name, destination in module.destination : ["Freshet", metric, "function", destination.deliver.name, "destination", name]]
  }
  queue_lines = {
    for metric in ["NumberOfMessagesSent", "ApproximateNumberOfMessagesVisible"] :
    metric => [for destination in module.destination : ["AWS/SQS", metric, "QueueName", destination.queue.name]]
  }

  # Two a row, in this order.
  widgets = concat(local.pipeline_widgets, local.console_widgets)

  console_widgets = [
    for console in module.console : {
      title   = "Console: requests, and those in vain", stat = "Sum", stacked = false,
      metrics = [for metric in ["UrlRequestCount", "Url4xxCount", "Url5xxCount"] : ["AWS/Lambda", metric, "FunctionName", console.function.name]]
    }
  ]

  pipeline_widgets = [
    { title = "Freshness, 99th percentile (ms)", stat = "p99", stacked = false, metrics = local.by_destination.Freshness },
    { title = "Age of the oldest delivery put off (ms)", stat = "Maximum", stacked = false, metrics = local.by_destination.Waiting },
    { title = "Events captured and transformed", stat = "Sum", stacked = false, metrics = local.by_function.Events },
    { title = "Matched and filtered", stat = "Sum", stacked = false, metrics = concat(local.by_function.Matched, local.by_function.Filtered) },
    { title = "Delivered", stat = "Sum", stacked = true, metrics = local.by_destination.Delivered },
    { title = "Unchanged and superseded", stat = "Sum", stacked = true, metrics = concat(local.by_destination.Unchanged, local.by_destination.Superseded) },
    {
      title   = "Failed", stat = "Sum", stacked = true,
      metrics = concat(local.by_function.Failed, [["Freshet", "Failed", "function", module.collect_failures.name]], local.by_destination.Failed)
    },
    {
      title   = "Retried, throttled and unauthorised", stat = "Sum", stacked = false,
      metrics = concat(local.by_destination.Retried, local.by_destination.Throttled, local.by_destination.Unauthorised)
    },
    {
      title   = "Behind their stream (ms)", stat = "Maximum", stacked = false,
      metrics = [for function in local.stream_functions : ["AWS/Lambda", "IteratorAge", "FunctionName", function]]
    },
    { title = "Cost: invocations", stat = "Sum", stacked = true, metrics = [for function in local.functions : ["AWS/Lambda", "Invocations", "FunctionName", function.name]] },
    { title = "Cost: duration (ms)", stat = "Sum", stacked = true, metrics = [for function in local.functions : ["AWS/Lambda", "Duration", "FunctionName", function.name]] },
    {
      title   = "Cost: the backbone", stat = "Sum", stacked = false,
      metrics = [for metric in ["IncomingRecords", "IncomingBytes"] : ["AWS/Kinesis", metric, "StreamName", module.backbone.name]]
    },
    { title = "Cost: messages", stat = "Sum", stacked = true, metrics = local.queue_lines.NumberOfMessagesSent },
    {
      title = "Cost: DynamoDB units", stat = "Sum", stacked = true,
      metrics = concat([
        for table in module.state.tables :
        [for metric in ["ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"] : ["AWS/DynamoDB", metric, "TableName", table.name]]
      ]...)
    },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = local.prefix
  dashboard_body = jsonencode({
    widgets = [
      for index, widget in local.widgets : {
        type   = "metric"
        x      = 12 * (index % 2)
        y      = 6 * floor(index / 2)
        width  = 12
        height = 6
        properties = {
          title   = widget.title
          region  = data.aws_region.current.id
          view    = "timeSeries"
          stacked = widget.stacked
          stat    = widget.stat
          period  = 60
          metrics = widget.metrics
        }
      }
    ]
  })
}
