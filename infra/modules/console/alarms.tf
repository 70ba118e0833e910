module "alarms" {
  source = "../alarms"

  prefix    = var.name
  topic_arn = var.stack.alarm_topic_arn
  tags      = var.stack.tags

  alarms = {
    pages = {
      description        = "${var.name} answers that it cannot: a table or the identity provider does not answer it, or the secret of its client is not what it has to be. Pipelines go on without it. Its log says which; infra/OPERATING.md has what to do."
      namespace          = "AWS/Lambda"
      metric             = "Url5xxCount"
      dimensions         = { FunctionName = var.name }
      statistic          = "Sum"
      threshold          = 0
      period             = 300
      evaluation_periods = 2
    }
  }
}
