# What every alarm has.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  prefix    = "store-freshet-transform"
  topic_arn = "arn:aws:sns:eu-central-1:123456789012:alarms"
  tags      = { "freshet:stack" = "store" }
  alarms = {
    errors = {
      description = "What it means. What to do.", namespace = "AWS/Lambda", metric = "Errors", dimensions = { FunctionName = "f" }
      statistic   = "Sum", threshold = 0, period = 300, evaluation_periods = 2
    }
  }
}

run "with_a_topic" {
  module {
    source = "./modules/alarms"
  }

  assert {
    condition = [
      for alarm in aws_cloudwatch_metric_alarm.this : [alarm.alarm_name, alarm.alarm_description, alarm.comparison_operator, alarm.treat_missing_data]
    ] == [["store-freshet-transform-errors", "What it means. What to do.", "GreaterThanThreshold", "notBreaching"]]
    error_message = "An alarm says what it means, rings above its threshold, and is quiet while there is nothing to measure."
  }

  assert {
    condition = alltrue([
      for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_actions == toset([var.topic_arn]) && alarm.ok_actions == toset([var.topic_arn])
    ])
    error_message = "An alarm tells the topic when it begins and when it ends."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["errors"].tags["freshet:stack"] == "store"
    error_message = "An alarm has the stack's tag."
  }
}

run "without_a_topic" {
  module {
    source = "./modules/alarms"
  }

  variables {
    topic_arn = null
  }

  assert {
    condition     = length(coalesce(aws_cloudwatch_metric_alarm.this["errors"].alarm_actions, [])) == 0
    error_message = "Without a topic an alarm tells nobody."
  }
}
