# One destination: its queues, its function and their alarms.

mock_provider "aws" {
  source = "./tests/mocks"
}

override_resource {
  target = aws_sqs_queue.this
  values = {
    arn = "arn:aws:sqs:eu-central-1:123456789012:store-freshet-hook.fifo"
    url = "https://sqs.eu-central-1.amazonaws.com/123456789012/store-freshet-hook.fifo"
  }
}

override_resource {
  target = aws_sqs_queue.dead
  values = {
    arn = "arn:aws:sqs:eu-central-1:123456789012:store-freshet-hook-dead.fifo"
    url = "https://sqs.eu-central-1.amazonaws.com/123456789012/store-freshet-hook-dead.fifo"
  }
}

variables {
  prefix                  = "store-freshet"
  name                    = "hook"
  connector               = "webhook"
  settings                = { url = "https://a.example/hook" }
  secret_arn              = null
  secret_kms_key_arn      = null
  renews_secret           = false
  maximum_concurrency     = 3
  lanes                   = 12
  rate_limit              = null
  quota_share             = null
  allow_private_addresses = false
  environment             = { LEDGER_TABLE = "store-freshet-ledger" }
  statements              = []
  stack = {
    architecture             = "arm64"
    packages                 = "./tests/packages"
    bucket_arn               = "arn:aws:s3:::the-bucket"
    kms_key_arn              = null
    permissions_boundary_arn = null
    log_retention_days       = 30
    alarm_topic_arn          = "arn:aws:sns:eu-central-1:123456789012:alarms"
    tags                     = { "freshet:stack" = "store" }
  }
}

run "queues" {
  module {
    source = "./modules/destination"
  }

  assert {
    condition     = aws_sqs_queue.this.name == "store-freshet-hook.fifo" && aws_sqs_queue.dead.name == "store-freshet-hook-dead.fifo"
    error_message = "The queues have the local stack's names."
  }

  assert {
    condition     = alltrue([for queue in [aws_sqs_queue.this, aws_sqs_queue.dead] : queue.fifo_queue && queue.deduplication_scope == "messageGroup"])
    error_message = "A message is a repeat only within its lane."
  }

  assert {
    condition     = alltrue([for queue in [aws_sqs_queue.this, aws_sqs_queue.dead] : queue.fifo_throughput_limit == "perMessageGroupId"])
    error_message = "The throughput is each lane's own."
  }

  assert {
    condition     = alltrue([for queue in [aws_sqs_queue.this, aws_sqs_queue.dead] : queue.message_retention_seconds == 14 * 24 * 60 * 60])
    error_message = "The queues keep messages for fourteen days."
  }

  assert {
    condition     = alltrue([for queue in [aws_sqs_queue.this, aws_sqs_queue.dead] : queue.visibility_timeout_seconds == 6 * 60])
    error_message = "A message stays invisible for six times the function's timeout."
  }

  assert {
    condition     = alltrue([for queue in [aws_sqs_queue.this, aws_sqs_queue.dead] : queue.sqs_managed_sse_enabled])
    error_message = "The queues are encrypted."
  }

  assert {
    condition = jsondecode(aws_sqs_queue.this.redrive_policy) == {
      deadLetterTargetArn = "arn:aws:sqs:eu-central-1:123456789012:store-freshet-hook-dead.fifo", maxReceiveCount = 1000
    }
    error_message = "After a thousand receives a message is a dead letter."
  }

  assert {
    condition = jsondecode(aws_sqs_queue_redrive_allow_policy.dead.redrive_allow_policy) == {
      redrivePermission = "byQueue", sourceQueueArns = ["arn:aws:sqs:eu-central-1:123456789012:store-freshet-hook.fifo"]
    }
    error_message = "Only its own queue's messages become dead letters."
  }

  assert {
    condition = { for name, policy in aws_sqs_queue_policy.tls : name => jsondecode(policy.policy).Statement } == {
      for name, queue in { queue = "store-freshet-hook.fifo", dead = "store-freshet-hook-dead.fifo" } : name => [{
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = "arn:aws:sqs:eu-central-1:123456789012:${queue}"
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }]
    }
    error_message = "The queues' policies deny what comes without TLS, and allow nothing."
  }

  assert {
    condition     = alltrue([for queue in [aws_sqs_queue.this, aws_sqs_queue.dead] : queue.tags["freshet:stack"] == "store"])
    error_message = "The queues have the stack's tag."
  }

  assert {
    condition     = toset(output.alarms) == toset([for alarm in ["waiting", "expiring", "dead-letters", "unauthorised"] : "store-freshet-hook-${alarm}"])
    error_message = "A destination has alarms for waiting, expiring and dead deliveries, and for refused credentials."
  }

  assert {
    condition = { for name, alarm in local.alarms : name => jsonencode([alarm.namespace, alarm.metric, alarm.statistic, alarm.threshold, alarm.dimensions]) } == {
      waiting      = jsonencode(["Freshet", "Waiting", "Maximum", 15 * 60 * 1000, { destination = "hook", function = "store-freshet-deliver-hook" }])
      expiring     = jsonencode(["Freshet", "Waiting", "Maximum", 10 * 24 * 60 * 60 * 1000, { destination = "hook", function = "store-freshet-deliver-hook" }])
      dead-letters = jsonencode(["AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", 0, { QueueName = "store-freshet-hook-dead.fifo" }])
      unauthorised = jsonencode(["Freshet", "Unauthorised", "Sum", 0, { destination = "hook", function = "store-freshet-deliver-hook" }])
    }
    error_message = "The alarms watch the destination's own queues and metrics."
  }

  assert {
    condition     = alltrue([for alarm in [local.alarms.waiting, local.alarms.expiring] : alarm.period * alarm.evaluation_periods > 3600 && alarm.datapoints_to_alarm == 1])
    error_message = "What waits tells of itself once an hour at least, and its alarm lasts from one time to the next."
  }
}

run "deliver" {
  module {
    source = "./modules/destination"
  }

  assert {
    condition = output.deliver.environment == tomap({
      ALLOW_PRIVATE_ADDRESSES = "false"
      CONNECTOR               = "webhook"
      DESTINATION             = "hook"
      LEDGER_TABLE            = "store-freshet-ledger"
      LONGEST_WAIT_SECONDS    = "3600"
      QUEUE_LANES             = "12"
      QUEUE_URL               = "https://sqs.eu-central-1.amazonaws.com/123456789012/store-freshet-hook.fifo"
      SETTINGS                = "{\"url\":\"https://a.example/hook\"}"
      VENDOR_TIMEOUT_SECONDS  = "30"
    })
    error_message = "deliver's environment is what functions/deliver/src/config.rs reads; without a secret it has none."
  }

  assert {
    condition     = output.deliver.mappings["hook"].from == "arn:aws:sqs:eu-central-1:123456789012:store-freshet-hook.fifo"
    error_message = "The destination's queue invokes its function."
  }

  assert {
    condition     = output.deliver.name == "store-freshet-deliver-hook"
    error_message = "The function has its destination's name."
  }

  assert {
    condition = { for statement in output.deliver.policy : statement.Sid => jsonencode([statement.Action, statement.Resource]) if statement.Sid != "WriteOwnLog" } == {
      ReceiveMessages = jsonencode([["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], ["arn:aws:sqs:eu-central-1:123456789012:store-freshet-hook.fifo"]])
      PutMessagesOff  = jsonencode([["sqs:ChangeMessageVisibility"], ["arn:aws:sqs:eu-central-1:123456789012:store-freshet-hook.fifo"]])
    }
    error_message = "deliver may use its own queue, and without a secret may read none."
  }
}

run "with_a_secret_and_a_customer_key" {
  module {
    source = "./modules/destination"
  }

  variables {
    secret_arn         = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:hook-AbCdEf"
    secret_kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/secret"
    rate_limit         = { requests = 5, seconds = 1 }
    quota_share        = 0.5
    stack = {
      architecture             = "arm64"
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
    condition     = output.deliver.environment["SECRET_ARN"] == "arn:aws:secretsmanager:eu-central-1:123456789012:secret:hook-AbCdEf"
    error_message = "The function has the secret's ARN, and reads the secret at run time."
  }

  assert {
    condition     = output.deliver.environment["RATE_LIMIT"] == "{\"requests\":5,\"seconds\":1}"
    error_message = "A limit of one's own goes to the function."
  }

  assert {
    condition     = output.deliver.environment["QUOTA_SHARE"] == "0.5"
    error_message = "The share of the vendor's quota goes to the function."
  }

  assert {
    condition = { for statement in output.deliver.policy : statement.Sid => jsonencode([statement.Action, statement.Resource]) if endswith(statement.Sid, "Secret") } == {
      ReadTheSecret    = jsonencode([["secretsmanager:GetSecretValue"], ["arn:aws:secretsmanager:eu-central-1:123456789012:secret:hook-AbCdEf"]])
      DecryptTheSecret = jsonencode([["kms:Decrypt"], ["arn:aws:kms:eu-central-1:123456789012:key/secret"]])
    }
    error_message = "The function may read its own secret and no other."
  }

  assert {
    condition     = alltrue([for queue in [aws_sqs_queue.this, aws_sqs_queue.dead] : queue.kms_master_key_id == "arn:aws:kms:eu-central-1:123456789012:key/ours"])
    error_message = "The queues are encrypted with the customer's key."
  }
}

run "with_a_token_that_is_kept_in_the_secret" {
  module {
    source = "./modules/destination"
  }

  variables {
    secret_arn         = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:hook-AbCdEf"
    secret_kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/secret"
    renews_secret      = true
  }

  assert {
    condition = { for statement in output.deliver.policy : statement.Sid => jsonencode([statement.Action, statement.Resource]) if endswith(statement.Sid, "Secret") } == {
      ReadTheSecret    = jsonencode([["secretsmanager:GetSecretValue"], ["arn:aws:secretsmanager:eu-central-1:123456789012:secret:hook-AbCdEf"]])
      RenewTheSecret   = jsonencode([["secretsmanager:PutSecretValue"], ["arn:aws:secretsmanager:eu-central-1:123456789012:secret:hook-AbCdEf"]])
      DecryptTheSecret = jsonencode([["kms:Decrypt", "kms:GenerateDataKey"], ["arn:aws:kms:eu-central-1:123456789012:key/secret"]])
    }
    error_message = "What the vendor grants is written beside the secret, and nowhere else."
  }
}

run "in_a_private_network" {
  module {
    source = "./modules/destination"
  }

  variables {
    allow_private_addresses = true
  }

  assert {
    condition     = output.deliver.environment["ALLOW_PRIVATE_ADDRESSES"] == "true"
    error_message = "A destination that is meant to be in a private network may be called there."
  }
}
