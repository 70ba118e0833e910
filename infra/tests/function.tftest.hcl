# One function: its role, log, mappings and alarms.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name            = "store-freshet-capture-dynamodb"
  description     = "Captures."
  package         = "capture-dynamodb"
  memory_mb       = 256
  timeout_seconds = 60
  environment     = { A = "b" }
  statements = [{
    sid       = "Put", actions = ["s3:PutObject"], resources = ["arn:aws:s3:::the-bucket/failures/*"]
    condition = { test = "StringEquals", key = "aws:x", values = ["y"] }
  }]
  stack = {
    architecture             = "arm64"
    packages                 = "./tests/packages"
    bucket_arn               = "arn:aws:s3:::the-bucket"
    kms_key_arn              = null
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
    log_retention_days       = 30
    alarm_topic_arn          = "arn:aws:sns:eu-central-1:123456789012:alarms"
    tags                     = { "freshet:stack" = "store" }
  }
}

run "function" {
  module {
    source = "./modules/function"
  }

  assert {
    condition     = aws_lambda_function.this.runtime == "provided.al2023" && aws_lambda_function.this.handler == "bootstrap"
    error_message = "The function is a binary of its own."
  }

  assert {
    condition     = aws_lambda_function.this.architectures == tolist(["arm64"])
    error_message = "The function has the stack's architecture."
  }

  assert {
    condition     = aws_lambda_function.this.source_code_hash == filebase64sha256("./tests/packages/capture-dynamodb.zip")
    error_message = "A new zip is a new version of the function."
  }

  assert {
    condition     = aws_cloudwatch_log_group.this.name == "/aws/lambda/store-freshet-capture-dynamodb" && aws_cloudwatch_log_group.this.retention_in_days == 30
    error_message = "The function's log is its own, and does not grow for ever."
  }

  assert {
    condition = [for config in aws_lambda_function.this.logging_config : "${config.log_format} ${config.log_group}"] == [
      "Text /aws/lambda/store-freshet-capture-dynamodb"
    ]
    error_message = "The function's lines go to its own log as they are."
  }

  assert {
    condition     = length(aws_lambda_function.this.dead_letter_config) == 0
    error_message = "A function that mappings invoke has no queue of its own for what was in vain."
  }

  assert {
    condition     = aws_iam_role.this.permissions_boundary == "arn:aws:iam::123456789012:policy/boundary"
    error_message = "The role has the boundary."
  }

  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy).Statement == [
      { Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }
    ]
    error_message = "Only Lambda takes the role."
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.this.policy).Statement == [
      {
        Sid      = "WriteOwnLog", Effect = "Allow", Action = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/a-function:*"]
      },
      {
        Sid       = "Put", Effect = "Allow", Action = ["s3:PutObject"], Resource = ["arn:aws:s3:::the-bucket/failures/*"]
        Condition = { StringEquals = { "aws:x" = ["y"] } }
      },
    ]
    error_message = "Without mappings the role may write its log and what it was told, and nothing else."
  }

  assert {
    condition = alltrue([
      for tags in [aws_lambda_function.this.tags, aws_iam_role.this.tags, aws_cloudwatch_log_group.this.tags] : tags["freshet:stack"] == "store"
    ])
    error_message = "Everything has the stack's tag."
  }

  assert {
    condition     = toset(output.alarms) == toset([for alarm in ["errors", "throttles", "failures"] : "store-freshet-capture-dynamodb-${alarm}"])
    error_message = "A function has alarms for errors, throttles and failures."
  }

  assert {
    condition = { for name, alarm in merge(local.alarms, local.failure_alarms, local.stream_alarms) : name => jsonencode([alarm.namespace, alarm.metric, alarm.statistic, alarm.threshold, alarm.dimensions]) } == {
      errors       = jsonencode(["AWS/Lambda", "Errors", "Sum", 0, { FunctionName = "store-freshet-capture-dynamodb" }])
      throttles    = jsonencode(["AWS/Lambda", "Throttles", "Sum", 0, { FunctionName = "store-freshet-capture-dynamodb" }])
      failures     = jsonencode(["Freshet", "Failed", "Sum", 0, { function = "store-freshet-capture-dynamodb" }])
      iterator-age = jsonencode(["AWS/Lambda", "IteratorAge", "Maximum", 300000, { FunctionName = "store-freshet-capture-dynamodb" }])
    }
    error_message = "The alarms watch the function's own metrics."
  }
}

run "streams" {
  module {
    source = "./modules/function"
  }

  variables {
    reads_streams   = true
    stream_arns     = ["arn:aws:dynamodb:eu-central-1:123456789012:table/c/stream/2026", "arn:aws:kinesis:eu-central-1:123456789012:stream/views"]
    stream_key_arns = ["arn:aws:kms:eu-central-1:123456789012:key/theirs"]
  }

  assert {
    condition = jsonencode({ for statement in output.policy : statement.Sid => { actions = statement.Action, resources = statement.Resource } if !contains(["WriteOwnLog", "Put"], statement.Sid) }) == jsonencode({
      ReadTableStreams = {
        actions   = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"]
        resources = ["arn:aws:dynamodb:eu-central-1:123456789012:table/c/stream/2026"]
      }
      ReadStreams = {
        actions   = ["kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards", "kinesis:ListStreams"]
        resources = ["arn:aws:kinesis:eu-central-1:123456789012:stream/views"]
      }
      ReadEncryptedSources     = { actions = ["kms:Decrypt"], resources = ["arn:aws:kms:eu-central-1:123456789012:key/theirs"] }
      StoreWhatLambdaGivesUpOn = { actions = ["s3:PutObject"], resources = ["arn:aws:s3:::the-bucket/aws/lambda/*"] }
      FindTheBucket            = { actions = ["s3:ListBucket"], resources = ["arn:aws:s3:::the-bucket"] }
    })
    error_message = "The role may read its own streams, and store what Lambda gives up on."
  }

  assert {
    condition     = contains(output.alarms, "store-freshet-capture-dynamodb-iterator-age")
    error_message = "A function that reads streams has an alarm for how far behind it is."
  }
}

run "queues" {
  module {
    source = "./modules/function"
  }

  variables {
    destination    = "hook"
    queue_mappings = { hook = { arn = "arn:aws:sqs:eu-central-1:123456789012:hook.fifo", maximum_concurrency = 7 } }
  }

  assert {
    condition     = aws_lambda_event_source_mapping.queue["hook"].function_response_types == toset(["ReportBatchItemFailures"])
    error_message = "A queue's mapping takes partial batch responses."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.queue["hook"].scaling_config[0].maximum_concurrency == 7
    error_message = "A queue's mapping has the destination's concurrency at most."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.queue["hook"].batch_size == 10
    error_message = "A FIFO queue's batch is ten messages."
  }

  assert {
    condition = [for statement in output.policy : statement if statement.Sid == "ReceiveMessages"] == [{
      Sid    = "ReceiveMessages", Effect = "Allow", Resource = ["arn:aws:sqs:eu-central-1:123456789012:hook.fifo"]
      Action = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    }]
    error_message = "The role may receive from its own queue."
  }
}

run "failures_of_deliver" {
  module {
    source = "./modules/function"
  }

  variables {
    destination = "hook"
  }

  assert {
    condition     = local.failure_alarms.failures.dimensions == { function = "store-freshet-capture-dynamodb", destination = "hook" }
    error_message = "deliver's failures are counted by function and destination."
  }
}

run "nothing_set_aside" {
  module {
    source = "./modules/function"
  }

  variables {
    sets_aside = false
  }

  assert {
    condition     = toset(output.alarms) == toset(["store-freshet-capture-dynamodb-errors", "store-freshet-capture-dynamodb-throttles"])
    error_message = "A function that sets nothing aside has no alarm for it."
  }
}

run "customer_key_and_dead_letters" {
  module {
    source = "./modules/function"
  }

  variables {
    dead_letter_queue_arn = "arn:aws:sqs:eu-central-1:123456789012:uncollected"
    stack = {
      architecture             = "x86_64"
      packages                 = "./tests/packages"
      bucket_arn               = "arn:aws:s3:::the-bucket"
      kms_key_arn              = "arn:aws:kms:eu-central-1:123456789012:key/ours"
      permissions_boundary_arn = null
      log_retention_days       = 30
      alarm_topic_arn          = null
      tags                     = {}
    }
  }

  assert {
    condition     = aws_lambda_function.this.kms_key_arn == "arn:aws:kms:eu-central-1:123456789012:key/ours" && aws_cloudwatch_log_group.this.kms_key_id == "arn:aws:kms:eu-central-1:123456789012:key/ours"
    error_message = "Environment and log are encrypted with the customer's key."
  }

  assert {
    condition = [for statement in output.policy : statement if statement.Sid == "UseTheKey"] == [{
      Sid    = "UseTheKey", Effect = "Allow", Resource = ["arn:aws:kms:eu-central-1:123456789012:key/ours"]
      Action = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"]
    }]
    error_message = "The role may use the customer's key, and no other."
  }

  assert {
    condition     = aws_lambda_function.this.dead_letter_config[0].target_arn == "arn:aws:sqs:eu-central-1:123456789012:uncollected"
    error_message = "What an asynchronous invocation could not do goes to the queue."
  }

  assert {
    condition = [for statement in output.policy : "${join(",", statement.Action)} ${join(",", statement.Resource)}" if statement.Sid == "KeepWhatWasNotInvoked"] == [
      "sqs:SendMessage arn:aws:sqs:eu-central-1:123456789012:uncollected"
    ]
    error_message = "The role may write to that queue."
  }

  assert {
    condition     = aws_lambda_function.this.architectures == tolist(["x86_64"])
    error_message = "The other architecture can be had."
  }
}

run "no_wildcard_in_an_action" {
  command = plan

  module {
    source = "./modules/function"
  }

  variables {
    statements = [{ sid = "All", actions = ["s3:*"], resources = ["arn:aws:s3:::the-bucket/failures/*"] }]
  }

  expect_failures = [var.statements]
}

run "no_wildcard_as_a_resource" {
  command = plan

  module {
    source = "./modules/function"
  }

  variables {
    statements = [{ sid = "All", actions = ["s3:PutObject"], resources = ["*"] }]
  }

  expect_failures = [var.statements]
}

run "no_wildcard_within_a_resource" {
  command = plan

  module {
    source = "./modules/function"
  }

  variables {
    statements = [{ sid = "All", actions = ["s3:PutObject"], resources = ["arn:aws:s3:::*/failures/*"] }]
  }

  expect_failures = [var.statements]
}

run "without_a_zip" {
  command = plan

  module {
    source = "./modules/function"
  }

  variables {
    package = "not-packaged"
  }

  expect_failures = [aws_lambda_function.this]
}

run "with_too_large_an_environment" {
  command = plan

  module {
    source = "./modules/function"
  }

  variables {
    environment = { SOURCES = join("", [for number in range(500) : "123456789"]) }
  }

  expect_failures = [aws_lambda_function.this]
}
