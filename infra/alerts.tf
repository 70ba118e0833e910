# Messages to people: alert measures every minute what they have set limits for in the console, and publishes to a topic.
# Without a topic there is none of it.

locals {
  # Not by try, of which a plan does not know whether it is null.
  alerts = var.console == null ? null : var.console.alerts

  alert_may = [
    local.may.read_pipelines,
    {
      sid       = "MarkAlerts"
      actions   = ["dynamodb:UpdateItem"]
      resources = [module.state.tables.pipelines.arn]
      # Of what people were told; the limits themselves are the console's.
      condition = { test = "ForAllValues:StringEquals", key = "dynamodb:LeadingKeys", values = ["alert"] }
    },
    {
      sid       = "ReadActivity"
      actions   = ["dynamodb:Query"]
      resources = [module.state.tables.activity.arn]
      condition = null
    },
    {
      sid       = "CountWhatWaits"
      actions   = ["sqs:GetQueueAttributes"]
      resources = [for destination in module.destination : destination.queue.arn]
      condition = null
    },
    {
      sid       = "TellPeople"
      actions   = ["sns:Publish"]
      resources = local.alerts[*].topic_arn
      condition = null
    },
    {
      sid = "EncryptMessages"
      # "Configure AWS KMS permissions", SNS guide: a publisher to an encrypted topic needs both.
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [for alerts in local.alerts[*] : alerts.topic_kms_key_arn if alerts.topic_kms_key_arn != null]
      condition = null
    },
  ]
}

module "alert" {
  source = "./modules/function"
  count  = local.alerts == null ? 0 : 1

  name            = "${local.prefix}-alert"
  description     = "Tells people when a pipeline passes a limit of theirs, and when that is over."
  package         = "alert"
  memory_mb       = 256
  timeout_seconds = 60
  statements      = local.alert_may
  sets_aside      = false
  stack           = local.stack

  environment = {
    PIPELINES_TABLE = module.state.tables.pipelines.name
    ACTIVITY_TABLE  = module.state.tables.activity.name
    ALERT_TOPIC_ARN = local.alerts.topic_arn
    QUEUES          = jsonencode({ for name, destination in module.destination : name => destination.queue.url })
  }
}

resource "aws_cloudwatch_event_target" "alert" {
  count = length(module.alert)

  rule = aws_cloudwatch_event_rule.every_minute.name
  arn  = module.alert[0].arn

  retry_policy {
    maximum_event_age_in_seconds = 60
    maximum_retry_attempts       = 0
  }
}

# The next minute looks again.
resource "aws_lambda_function_event_invoke_config" "alert" {
  count = length(module.alert)

  function_name                = module.alert[0].name
  maximum_event_age_in_seconds = 60
  maximum_retry_attempts       = 0
}

resource "aws_lambda_permission" "alert" {
  count = length(module.alert)

  statement_id   = "EveryMinute"
  action         = "lambda:InvokeFunction"
  function_name  = module.alert[0].name
  principal      = "events.amazonaws.com"
  source_arn     = aws_cloudwatch_event_rule.every_minute.arn
  source_account = data.aws_caller_identity.current.account_id
}
