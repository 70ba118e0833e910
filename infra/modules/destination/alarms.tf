locals {
  # Of deliver's own metrics.
  deliver_dimensions = { function = local.function_name, destination = var.name }

  # What waits is tried once an hour at least, and tells of itself only then: so one period of an hour's rings.
  an_hour_of_periods = 13

  alarms = {
    waiting = {
      description = "A delivery to ${var.name} has waited for more than 15 minutes: the vendor is down, slow or throttling, or the function fails. It stays in order and is tried again; `freshet status` and the log of ${local.function_name} say why."
      # Not the queue's own age of its oldest message: SQS leaves out what was received before and waits to be tried again.
      namespace           = "Freshet"
      metric              = "Waiting"
      dimensions          = local.deliver_dimensions
      statistic           = "Maximum"
      threshold           = 15 * 60 * 1000
      period              = 300
      evaluation_periods  = local.an_hour_of_periods
      datapoints_to_alarm = 1
    }
    expiring = {
      description         = "A delivery to ${var.name} has waited for ten days, and its queue keeps it for fourteen: mend the destination within four days. After that deliveries are lost."
      namespace           = "Freshet"
      metric              = "Waiting"
      dimensions          = local.deliver_dimensions
      statistic           = "Maximum"
      threshold           = 10 * 24 * 60 * 60 * 1000
      period              = 300
      evaluation_periods  = local.an_hour_of_periods
      datapoints_to_alarm = 1
    }
    dead-letters = {
      description        = "Dead letters of ${var.name} wait and collect-failures does not take them: look into its log. Once it does, they are among the failures."
      namespace          = "AWS/SQS"
      metric             = "ApproximateNumberOfMessagesVisible"
      dimensions         = { QueueName = aws_sqs_queue.dead.name }
      statistic          = "Maximum"
      threshold          = 0
      period             = 300
      evaluation_periods = 1
    }
    unauthorised = {
      description        = "${var.name} does not accept the credentials, or has an address that may not be called: the log of deliver says which. Its queue holds and nothing is lost: put a valid secret into Secrets Manager, or correct the address; it is tried again within five minutes."
      namespace          = "Freshet"
      metric             = "Unauthorised"
      dimensions         = local.deliver_dimensions
      statistic          = "Sum"
      threshold          = 0
      period             = 300
      evaluation_periods = 1
    }
  }
}

module "alarms" {
  source = "../alarms"

  prefix    = "${var.prefix}-${var.name}"
  alarms    = local.alarms
  topic_arn = var.stack.alarm_topic_arn
  tags      = var.stack.tags
}
