# Transform is also woken every minute: it replays what a resumed pipeline has missed, and warns before a pause has lasted
# for so long that the backbone no longer holds what was missed.

resource "aws_cloudwatch_event_rule" "every_minute" {
  name                = "${local.prefix}-every-minute"
  description         = "Wakes ${module.transform.name}, which replays resumed pipelines and looks after paused ones."
  schedule_expression = "rate(1 minute)"
  tags                = local.tags
}

resource "aws_cloudwatch_event_target" "transform" {
  rule = aws_cloudwatch_event_rule.every_minute.name
  arn  = module.transform.arn

  # The next minute comes anyway: a call that is late or in vain is not made again, here nor by Lambda.
  retry_policy {
    maximum_event_age_in_seconds = 60
    maximum_retry_attempts       = 0
  }
}

resource "aws_lambda_function_event_invoke_config" "transform" {
  function_name                = module.transform.name
  maximum_event_age_in_seconds = 60
  maximum_retry_attempts       = 0
}

resource "aws_lambda_permission" "every_minute" {
  statement_id   = "EveryMinute"
  action         = "lambda:InvokeFunction"
  function_name  = module.transform.name
  principal      = "events.amazonaws.com"
  source_arn     = aws_cloudwatch_event_rule.every_minute.arn
  source_account = data.aws_caller_identity.current.account_id
}

module "pipeline_alarms" {
  source = "./modules/alarms"

  prefix    = local.prefix
  topic_arn = var.alarm_topic_arn
  tags      = local.tags

  alarms = {
    pause-ends = {
      description        = "A pipeline has been paused for three quarters of the time for which the backbone holds what it misses. Resume it, or raise backbone.retention_hours: after that time its events are lost to it. `freshet pipelines list` and the log of ${module.transform.name} say which pipeline, and until when nothing is lost."
      namespace          = "Freshet"
      metric             = "PausedShare"
      dimensions         = { function = module.transform.name }
      statistic          = "Maximum"
      threshold          = 75
      period             = 300
      evaluation_periods = 1
    }
    drift = {
      description        = "The rows of a source are no longer as a pipeline knew them: a field that it reads has vanished, or is of another kind. What happens to such events is the pipeline's on_drift: they go on, the pipeline is paused, or they fail. `freshet sources <source>` says which field, since when, and which pipelines read it."
      namespace          = "Freshet"
      metric             = "Drifted"
      dimensions         = { function = module.transform.name }
      statistic          = "Sum"
      threshold          = 0
      period             = 300
      evaluation_periods = 1
    }
  }
}
