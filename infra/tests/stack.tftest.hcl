# The whole of a stack: what is made, and how its parts are joined.

mock_provider "aws" {
  source = "./tests/mocks"
}

override_resource {
  target = module.state.aws_dynamodb_table.this["pipelines"]
  values = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/store-freshet-pipelines" }
}

override_resource {
  target = module.state.aws_dynamodb_table.this["ledger"]
  values = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/store-freshet-ledger" }
}

override_resource {
  target = module.state.aws_dynamodb_table.this["failures"]
  values = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/store-freshet-failures" }
}

override_resource {
  target = module.state.aws_dynamodb_table.this["activity"]
  values = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/store-freshet-activity" }
}

override_resource {
  target = module.state.aws_dynamodb_table.this["audit"]
  values = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/store-freshet-audit" }
}

override_resource {
  target = module.destination["crm"].aws_sqs_queue.this
  values = { arn = "arn:aws:sqs:eu-central-1:123456789012:store-freshet-crm.fifo", url = "https://sqs/store-freshet-crm.fifo" }
}

override_resource {
  target = module.destination["crm"].aws_sqs_queue.dead
  values = { arn = "arn:aws:sqs:eu-central-1:123456789012:store-freshet-crm-dead.fifo", url = "https://sqs/store-freshet-crm-dead.fifo" }
}

override_resource {
  target = module.destination["hook"].aws_sqs_queue.this
  values = { arn = "arn:aws:sqs:eu-central-1:123456789012:store-freshet-hook.fifo", url = "https://sqs/store-freshet-hook.fifo" }
}

override_resource {
  target = module.destination["hook"].aws_sqs_queue.dead
  values = { arn = "arn:aws:sqs:eu-central-1:123456789012:store-freshet-hook-dead.fifo", url = "https://sqs/store-freshet-hook-dead.fifo" }
}

override_resource {
  target = aws_sqs_queue.uncollected
  values = { arn = "arn:aws:sqs:eu-central-1:123456789012:store-freshet-uncollected" }
}

override_resource {
  target = module.transform.aws_lambda_function.this
  values = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:store-freshet-transform" }
}

override_resource {
  target = aws_cloudwatch_event_rule.every_minute
  values = { arn = "arn:aws:events:eu-central-1:123456789012:rule/store-freshet-every-minute" }
}

override_resource {
  target = module.capture["capture-dynamodb"].aws_lambda_function.this
  values = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:store-freshet-capture-dynamodb" }
}

override_resource {
  target = module.capture["capture-kinesis"].aws_lambda_function.this
  values = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:store-freshet-capture-kinesis" }
}

variables {
  packages = "./tests/packages"
  name     = "store"
  sources = {
    customers = { dynamodb_stream_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/store-customers/stream/2026-01-01T00:00:00.000" }
    orders = {
      dynamodb_stream_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/store-orders/stream/2026-01-01T00:00:00.000"
      epoch               = 7, filter = ["{\"eventName\":[\"INSERT\"]}"]
    }
    page_views = { kinesis_stream_arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/store-page-views", key = ["visitor_id"] }
  }
  destinations = {
    crm = {
      connector           = "hubspot", secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:crm-AbCdEf"
      maximum_concurrency = 5
    }
    hook = { connector = "webhook", settings = { url = "https://a.example/hook" }, lanes = 1 }
  }
  lookup_tables = {
    accounts = {
      table_arn   = "arn:aws:dynamodb:eu-central-1:123456789012:table/store-accounts", key = { account_id = "S" }
      kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/accounts"
    }
    prices = { table_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/prices", key = { country = "S", sku = "N" }, cache_seconds = 0 }
  }
  permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
  tags                     = { team = "data" }
}

run "made" {
  assert {
    condition = { for name, function in output.functions : name => function.name } == {
      capture-dynamodb = "store-freshet-capture-dynamodb"
      capture-kinesis  = "store-freshet-capture-kinesis"
      collect-failures = "store-freshet-collect-failures"
      deliver-crm      = "store-freshet-deliver-crm"
      deliver-hook     = "store-freshet-deliver-hook"
      transform        = "store-freshet-transform"
    }
    error_message = "There is a function for each kind of source and each destination, transform and collect-failures."
  }

  assert {
    condition     = output.bucket.name == "store-freshet-123456789012-eu-central-1"
    error_message = "The bucket's name has account and region, since buckets share one namespace."
  }

  assert {
    condition     = output.changes.name == "store-freshet-changes" && output.dashboard == "store-freshet"
    error_message = "The backbone and the dashboard have the stack's name."
  }

  assert {
    condition     = local.stack.architecture == "arm64"
    error_message = "arm64 is the default."
  }

  assert {
    condition     = local.stack.permissions_boundary_arn == "arn:aws:iam::123456789012:policy/boundary"
    error_message = "Every role has the boundary."
  }

  assert {
    condition     = local.stack.tags == { team = "data", "freshet:stack" = "store" } && aws_sqs_queue.uncollected.tags == tomap(local.stack.tags)
    error_message = "Everything has the user's tags and the stack's."
  }

  assert {
    condition     = local.stack.log_retention_days == 30 && var.deletion_protection
    error_message = "Logs have an end, and data is protected, where nothing else is said."
  }

  assert {
    condition     = local.lanes == { crm = 20, hook = 1 }
    error_message = "A queue has four lanes for each concurrent invocation, or as many as it was told."
  }
}

run "without_a_console" {
  assert {
    condition     = length(module.console) == 0 && length(module.alert) == 0 && output.console_url == null && output.console == null
    error_message = "There is a console only for who asks for it."
  }
}

run "joined" {
  assert {
    condition     = jsondecode(module.capture["capture-dynamodb"].environment["SOURCES"]) == { store-customers = { name = "customers" }, store-orders = { name = "orders", epoch = 7 } }
    error_message = "capture-dynamodb knows its tables by name."
  }

  assert {
    condition     = jsondecode(module.capture["capture-kinesis"].environment["SOURCES"]) == { store-page-views = { name = "page_views", key = ["visitor_id"] } }
    error_message = "capture-kinesis knows its streams by name, and their keys."
  }

  assert {
    condition     = { for name, mapping in module.source : name => mapping.from } == { for name, source in var.sources : name => coalesce(source.dynamodb_stream_arn, source.kinesis_stream_arn) }
    error_message = "Each source has its mapping."
  }

  assert {
    condition = { for name, mapping in module.source : name => split(":", mapping.to)[6] } == {
      customers = "store-freshet-capture-dynamodb", orders = "store-freshet-capture-dynamodb", page_views = "store-freshet-capture-kinesis"
    }
    error_message = "Each source invokes the capture of its kind."
  }

  assert {
    condition     = module.source["orders"].filter == tolist(["{\"eventName\":[\"INSERT\"]}"])
    error_message = "A source's filter reaches its mapping."
  }

  assert {
    condition     = { for name, mapping in module.source : name => mapping.parallelization } == { for name, source in var.sources : name => source.kinesis_stream_arn == null ? 2 : 1 }
    error_message = "An aggregate of the KPL holds several keys, so a Kinesis stream is read one batch after the other."
  }

  assert {
    condition     = alltrue([for mapping in module.source : mapping.window_seconds == 0])
    error_message = "The captures do not wait."
  }

  assert {
    condition     = module.backbone_mapping.from == "arn:aws:kinesis:eu-central-1:123456789012:stream/changes" && module.backbone_mapping.window_seconds == 1
    error_message = "transform reads the backbone, and gathers for a second."
  }

  assert {
    condition     = jsondecode(module.transform.environment["SOURCES"]) == ["customers", "orders", "page_views"]
    error_message = "transform knows the sources' names."
  }

  assert {
    condition = jsondecode(module.transform.environment["DESTINATIONS"]) == {
      crm  = { connector = "hubspot", queue_url = "https://sqs/store-freshet-crm.fifo", lanes = 20 }
      hook = { connector = "webhook", queue_url = "https://sqs/store-freshet-hook.fifo", lanes = 1 }
    }
    error_message = "transform knows each destination's connector, queue and lanes."
  }

  assert {
    condition = jsonencode(jsondecode(module.transform.environment["LOOKUP_TABLES"])) == jsonencode({
      accounts = { table = "store-accounts", key = { account_id = "S" }, cache_seconds = 60 }
      prices   = { table = "prices", key = { country = "S", sku = "N" }, cache_seconds = 0 }
    })
    error_message = "transform knows each lookup table's name, key and how long rows are kept."
  }

  assert {
    condition = local.environment == {
      ACTIVITY_TABLE          = "store-freshet-activity"
      CHANGES_LANES           = "16"
      CHANGES_RETENTION_HOURS = "24"
      CHANGES_STREAM          = "store-freshet-changes"
      FAILURES_TABLE          = "store-freshet-failures"
      LEDGER_TABLE            = "store-freshet-ledger"
      OVERSIZE_BUCKET         = "store-freshet-123456789012-eu-central-1"
      PIPELINES_TABLE         = "store-freshet-pipelines"
    }
    error_message = "Every function knows the stack's parts by the names that the local stack gives them."
  }

  assert {
    condition = jsondecode(module.collect_failures.environment["DEAD_LETTER_QUEUES"]) == {
      "arn:aws:sqs:eu-central-1:123456789012:store-freshet-crm-dead.fifo" = "crm", "arn:aws:sqs:eu-central-1:123456789012:store-freshet-hook-dead.fifo" = "hook"
    }
    error_message = "collect-failures knows each dead-letter queue's destination."
  }

  assert {
    condition = { for name, mapping in module.collect_failures.mappings : name => mapping.from } == {
      crm = "arn:aws:sqs:eu-central-1:123456789012:store-freshet-crm-dead.fifo", hook = "arn:aws:sqs:eu-central-1:123456789012:store-freshet-hook-dead.fifo"
    }
    error_message = "Dead letters invoke collect-failures."
  }

  assert {
    condition = [for function in aws_s3_bucket_notification.given_up.lambda_function : [tolist(function.events), function.filter_prefix, function.lambda_function_arn]] == [
      [tolist(["s3:ObjectCreated:*"]), "aws/lambda/", module.collect_failures.arn]
    ]
    error_message = "What Lambda gives up on invokes collect-failures."
  }

  assert {
    condition = jsonencode([
      aws_lambda_permission.bucket.principal, aws_lambda_permission.bucket.source_arn, aws_lambda_permission.bucket.source_account,
    ]) == jsonencode(["s3.amazonaws.com", "arn:aws:s3:::the-bucket", "123456789012"])
    error_message = "Only the stack's own bucket, in its own account, may invoke collect-failures."
  }

  assert {
    condition     = aws_sqs_queue.uncollected.message_retention_seconds == 14 * 24 * 60 * 60 && aws_sqs_queue.uncollected.sqs_managed_sse_enabled
    error_message = "Notifications that were in vain are kept for fourteen days, encrypted."
  }

  assert {
    condition = jsondecode(aws_sqs_queue_policy.uncollected.policy).Statement == [{
      Sid       = "TlsOnly", Effect = "Deny", Principal = "*", Action = "sqs:*"
      Resource  = "arn:aws:sqs:eu-central-1:123456789012:store-freshet-uncollected"
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
    error_message = "That queue takes nothing without TLS."
  }
}

run "woken" {
  assert {
    condition     = aws_cloudwatch_event_rule.every_minute.schedule_expression == "rate(1 minute)" && aws_cloudwatch_event_target.transform.rule == "store-freshet-every-minute" && aws_cloudwatch_event_target.transform.arn == module.transform.arn
    error_message = "transform is woken every minute."
  }

  assert {
    condition = jsonencode([
      aws_lambda_permission.every_minute.function_name, aws_lambda_permission.every_minute.principal, aws_lambda_permission.every_minute.source_arn,
      aws_lambda_permission.every_minute.source_account,
    ]) == jsonencode(["store-freshet-transform", "events.amazonaws.com", "arn:aws:events:eu-central-1:123456789012:rule/store-freshet-every-minute", "123456789012"])
    error_message = "Only the stack's own rule may wake it."
  }

  assert {
    condition = jsonencode([
      aws_cloudwatch_event_target.transform.retry_policy[0].maximum_retry_attempts, aws_lambda_function_event_invoke_config.transform.maximum_retry_attempts,
      aws_cloudwatch_event_target.transform.retry_policy[0].maximum_event_age_in_seconds, aws_lambda_function_event_invoke_config.transform.maximum_event_age_in_seconds,
    ]) == jsonencode([0, 0, 60, 60])
    error_message = "A minute that was missed is not made up for: the next one comes."
  }
}

run "told" {
  assert {
    condition = jsonencode(output.freshet) == jsonencode({
      name            = "store"
      region          = "eu-central-1"
      pipelines_table = "store-freshet-pipelines"
      ledger_table    = "store-freshet-ledger"
      failures_table  = "store-freshet-failures"
      activity_table  = "store-freshet-activity"
      bucket          = "store-freshet-123456789012-eu-central-1"
      changes_stream  = "store-freshet-changes"
      changes_lanes   = 16

      changes_retention_hours = 24
      sources = {
        customers  = { kind = "dynamodb", resource = "store-customers", key = [], epoch = null }
        orders     = { kind = "dynamodb", resource = "store-orders", key = [], epoch = 7 }
        page_views = { kind = "kinesis", resource = "store-page-views", key = ["visitor_id"], epoch = null }
      }
      lookup_tables = {
        accounts = { table = "store-accounts", key = { account_id = "S" }, cache_seconds = 60 }
        prices   = { table = "prices", key = { country = "S", sku = "N" }, cache_seconds = 0 }
      }
      collect_failures = "store-freshet-collect-failures"
      transform        = "store-freshet-transform"
      captures         = { capture-dynamodb = "store-freshet-capture-dynamodb", capture-kinesis = "store-freshet-capture-kinesis" }
      destinations = {
        crm = {
          connector       = "hubspot", settings = {}, lanes = 20, secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:crm-AbCdEf"
          queue_url       = "https://sqs/store-freshet-crm.fifo"
          dead_letter_url = "https://sqs/store-freshet-crm-dead.fifo", function = "store-freshet-deliver-crm"
        }
        hook = {
          connector       = "webhook", settings = { url = "https://a.example/hook" }, lanes = 1, secret_arn = null
          queue_url       = "https://sqs/store-freshet-hook.fifo"
          dead_letter_url = "https://sqs/store-freshet-hook-dead.fifo", function = "store-freshet-deliver-hook"
        }
      }
    })
    error_message = "The freshet command is told all that it needs."
  }

  assert {
    condition = toset(output.alarms) == toset(concat(
      flatten([for function in output.functions : [for alarm in ["errors", "throttles", "failures"] : "${function.name}-${alarm}"]]),
      [for function in ["capture-dynamodb", "capture-kinesis", "transform"] : "store-freshet-${function}-iterator-age"],
      flatten([for destination in ["crm", "hook"] : [for alarm in ["waiting", "expiring", "dead-letters", "unauthorised"] : "store-freshet-${destination}-${alarm}"]]),
      ["store-freshet-uncollected", "store-freshet-pause-ends", "store-freshet-drift"],
    ))
    error_message = "Every function, every stream and every destination has its alarms."
  }

  assert {
    condition = alltrue([
      for metric in ["Freshness", "Events", "Matched", "Filtered", "Delivered", "Unchanged", "Superseded", "Failed", "Retried", "Throttled", "Unauthorised",
        "IteratorAge", "Waiting", "Invocations", "Duration", "IncomingRecords", "IncomingBytes", "NumberOfMessagesSent",
      "ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"] :
      anytrue([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : anytrue([for line in widget.properties.metrics : line[1] == metric])])
    ])
    error_message = "The dashboard shows freshness, throughput, failures and what costs money."
  }

  assert {
    condition = alltrue([
      for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : alltrue([
        for line in widget.properties.metrics : length(line) == (contains(["Freshness", "Delivered", "Unchanged", "Superseded", "Retried", "Throttled", "Unauthorised"], line[1]) || startswith(line[3], "store-freshet-deliver-") && line[0] == "Freshet" ? 6 : 4)
      ])
    ])
    error_message = "Metrics are by function, and deliver's by function and destination."
  }
}

run "permitted" {
  assert {
    condition = jsonencode({
      for name, function in output.functions : name => { for statement in function.policy : statement.Sid => statement.Action }
      }) == jsonencode({
      capture-dynamodb = {
        WriteOwnLog              = ["logs:CreateLogStream", "logs:PutLogEvents"]
        ReadTableStreams         = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"]
        StoreWhatLambdaGivesUpOn = ["s3:PutObject"]
        FindTheBucket            = ["s3:ListBucket"]
        PublishChanges           = ["kinesis:PutRecord", "kinesis:PutRecords"]
        AgreeOnLanes             = ["dynamodb:UpdateItem"]
        KeepFailuresAndCount     = ["dynamodb:UpdateItem"]
        StoreLargeFailures       = ["s3:PutObject"]
        CheckInOversize          = ["s3:PutObject"]
      }
      capture-kinesis = {
        WriteOwnLog              = ["logs:CreateLogStream", "logs:PutLogEvents"]
        ReadStreams              = ["kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards", "kinesis:ListStreams"]
        StoreWhatLambdaGivesUpOn = ["s3:PutObject"]
        FindTheBucket            = ["s3:ListBucket"]
        PublishChanges           = ["kinesis:PutRecord", "kinesis:PutRecords"]
        AgreeOnLanes             = ["dynamodb:UpdateItem"]
        KeepFailuresAndCount     = ["dynamodb:UpdateItem"]
        StoreLargeFailures       = ["s3:PutObject"]
        CheckInOversize          = ["s3:PutObject"]
      }
      transform = {
        WriteOwnLog              = ["logs:CreateLogStream", "logs:PutLogEvents"]
        ReadStreams              = ["kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards", "kinesis:ListStreams"]
        StoreWhatLambdaGivesUpOn = ["s3:PutObject"]
        FindTheBucket            = ["s3:ListBucket"]
        ReadPipelines            = ["dynamodb:GetItem", "dynamodb:Query"]
        AgreeOnLanes             = ["dynamodb:UpdateItem"]
        FollowPauses             = ["dynamodb:UpdateItem"]
        KeepReplays              = ["dynamodb:UpdateItem"]
        LearnSchemas             = ["dynamodb:PutItem"]
        KeepFailuresAndCount     = ["dynamodb:UpdateItem"]
        StoreLargeFailures       = ["s3:PutObject"]
        CheckInOversize          = ["s3:PutObject"]
        RedeemOversize           = ["s3:GetObject"]
        SeeWhatIsGone            = ["s3:ListBucket"]
        SendDeliveries           = ["sqs:GetQueueAttributes", "sqs:SendMessage"]
        LookUpRows               = ["dynamodb:BatchGetItem"]
        ReadEncryptedRows        = ["kms:Decrypt"]
      }
      collect-failures = {
        WriteOwnLog            = ["logs:CreateLogStream", "logs:PutLogEvents"]
        ReceiveMessages        = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
        KeepWhatWasNotInvoked  = ["sqs:SendMessage"]
        KeepFailuresAndCount   = ["dynamodb:UpdateItem"]
        StoreLargeFailures     = ["s3:PutObject"]
        RedeemOversize         = ["s3:GetObject"]
        ReadWhatLambdaGaveUpOn = ["s3:GetObject"]
        SeeWhatIsGone          = ["s3:ListBucket"]
      }
      deliver-crm = {
        WriteOwnLog          = ["logs:CreateLogStream", "logs:PutLogEvents"]
        ReceiveMessages      = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
        KeepTheLedger        = ["dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
        ReadPipelines        = ["dynamodb:GetItem", "dynamodb:Query"]
        FollowPauses         = ["dynamodb:UpdateItem"]
        KeepFailuresAndCount = ["dynamodb:UpdateItem"]
        StoreLargeFailures   = ["s3:PutObject"]
        RedeemOversize       = ["s3:GetObject"]
        SeeWhatIsGone        = ["s3:ListBucket"]
        PutMessagesOff       = ["sqs:ChangeMessageVisibility"]
        ReadTheSecret        = ["secretsmanager:GetSecretValue"]
      }
      deliver-hook = {
        WriteOwnLog          = ["logs:CreateLogStream", "logs:PutLogEvents"]
        ReceiveMessages      = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
        KeepTheLedger        = ["dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
        ReadPipelines        = ["dynamodb:GetItem", "dynamodb:Query"]
        FollowPauses         = ["dynamodb:UpdateItem"]
        KeepFailuresAndCount = ["dynamodb:UpdateItem"]
        StoreLargeFailures   = ["s3:PutObject"]
        RedeemOversize       = ["s3:GetObject"]
        SeeWhatIsGone        = ["s3:ListBucket"]
        PutMessagesOff       = ["sqs:ChangeMessageVisibility"]
      }
    })
    error_message = "Each function may do what its code and its mappings do, action by action, and nothing else."
  }

  assert {
    condition     = alltrue(flatten([for function in output.functions : [for statement in function.policy : [for action in statement.Action : !strcontains(action, "*")]]]))
    error_message = "No action of any role has a wildcard."
  }

  assert {
    condition = alltrue(flatten([
      for function in output.functions : [for statement in function.policy : [for resource in statement.Resource : can(regex("^arn:[^*]+([/:]\\*)?$", resource))]]
    ]))
    error_message = "No resource of any role has a wildcard, but after a prefix of its own."
  }

  assert {
    condition = alltrue(flatten([
      for function in output.functions : [
        for statement in function.policy : jsonencode(statement.Condition) == jsonencode({ "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = ["lanes"] } })
        if statement.Sid == "AgreeOnLanes"
      ]
    ]))
    error_message = "To agree on lanes a function writes counts of lanes, and no pipeline."
  }

  assert {
    condition = sort([
      for name, function in output.functions : name
      if contains([for statement in function.policy : statement.Sid], "FollowPauses")
      ]) == sort(["deliver-crm", "deliver-hook", "transform"]) && alltrue(flatten([
        for function in output.functions : [
          for statement in function.policy : jsonencode(statement.Condition) == jsonencode({ "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = ["live", "revision"] } })
          if statement.Sid == "FollowPauses"
        ]
    ]))
    error_message = "transform and deliver write how a pipeline stands, and no version of it."
  }

  assert {
    condition = alltrue([
      for statement in output.functions.transform.policy : jsonencode(statement.Condition) == jsonencode({ "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = ["replay"] } })
      if statement.Sid == "KeepReplays"
    ])
    error_message = "How far a replay has come stands beside the pipeline."
  }

  assert {
    condition = {
      for name, function in output.functions : name => [for statement in function.policy : jsonencode(statement.Condition) if statement.Sid == "LearnSchemas"]
      if contains([for statement in function.policy : statement.Sid], "LearnSchemas")
    } == { transform = [jsonencode({ "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = ["schema"] } })] }
    error_message = "transform alone writes what it has learned of the sources, and in that right no pipeline."
  }

  assert {
    condition = {
      for statement in output.functions["deliver-crm"].policy : statement.Sid => join(" ", statement.Resource)
      if contains(["KeepTheLedger", "KeepFailuresAndCount", "ReadTheSecret", "PutMessagesOff", "ReceiveMessages", "StoreLargeFailures", "RedeemOversize"], statement.Sid)
      } == {
      KeepTheLedger        = "arn:aws:dynamodb:eu-central-1:123456789012:table/store-freshet-ledger"
      KeepFailuresAndCount = "arn:aws:dynamodb:eu-central-1:123456789012:table/store-freshet-failures arn:aws:dynamodb:eu-central-1:123456789012:table/store-freshet-activity"
      ReadTheSecret        = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:crm-AbCdEf"
      PutMessagesOff       = "arn:aws:sqs:eu-central-1:123456789012:store-freshet-crm.fifo"
      ReceiveMessages      = "arn:aws:sqs:eu-central-1:123456789012:store-freshet-crm.fifo"
      StoreLargeFailures   = "arn:aws:s3:::the-bucket/failures/*"
      RedeemOversize       = "arn:aws:s3:::the-bucket/oversize/*"
    }
    error_message = "deliver may touch its own queue and secret, and the stack's tables."
  }

  assert {
    condition = toset(flatten([for statement in output.functions.transform.policy : statement.Resource if statement.Sid == "SendDeliveries"])) == toset([
      "arn:aws:sqs:eu-central-1:123456789012:store-freshet-crm.fifo", "arn:aws:sqs:eu-central-1:123456789012:store-freshet-hook.fifo"
    ])
    error_message = "transform may write to the destinations' queues."
  }

  assert {
    condition = {
      for statement in output.functions.transform.policy : statement.Sid => join(" ", statement.Resource) if contains(["LookUpRows", "ReadEncryptedRows"], statement.Sid)
      } == {
      LookUpRows        = "arn:aws:dynamodb:eu-central-1:123456789012:table/store-accounts arn:aws:dynamodb:eu-central-1:123456789012:table/prices"
      ReadEncryptedRows = "arn:aws:kms:eu-central-1:123456789012:key/accounts"
    }
    error_message = "transform may read rows of the lookup tables, and of no other."
  }
}

run "with_what_is_yet_to_be_made" {
  command = plan

  module {
    source = "./tests/to-be-made"
  }

  assert {
    condition     = output.mappings == ["backbone", "dead/crm", "queue/crm", "source/customers", "source/views"]
    error_message = "A stack can be planned together with its tables, streams, secrets, key and topic."
  }
}

run "other_architecture_and_key" {
  variables {
    architecture        = "x86_64"
    deletion_protection = false
    kms_key_arn         = "arn:aws:kms:eu-central-1:123456789012:key/ours"
  }

  assert {
    condition     = local.stack.architecture == "x86_64" && local.stack.kms_key_arn == "arn:aws:kms:eu-central-1:123456789012:key/ours"
    error_message = "Architecture and key reach every function."
  }

  assert {
    condition     = alltrue([for function in output.functions : contains([for statement in function.policy : statement.Sid], "UseTheKey")])
    error_message = "Every role may use the key."
  }

  assert {
    condition     = aws_sqs_queue.uncollected.kms_master_key_id == "arn:aws:kms:eu-central-1:123456789012:key/ours"
    error_message = "The queue of notifications that were in vain is encrypted with the key."
  }
}
