# What the functions' code calls, as shared/src/aws has it. A role takes from here what its function calls.

locals {
  may = {
    publish = {
      sid       = "PublishChanges"
      actions   = ["kinesis:PutRecord", "kinesis:PutRecords"]
      resources = [module.backbone.arn]
      condition = null
    }
    read_pipelines = {
      sid       = "ReadPipelines"
      actions   = ["dynamodb:GetItem", "dynamodb:Query"]
      resources = [module.state.tables.pipelines.arn]
      condition = null
    }
    agree_on_lanes = {
      sid       = "AgreeOnLanes"
      actions   = ["dynamodb:UpdateItem"]
      resources = [module.state.tables.pipelines.arn]
      # Captures ask for the backbone, transform for the queues.
      condition = { test = "ForAllValues:StringEquals", key = "dynamodb:LeadingKeys", values = ["lanes"] }
    }
    follow_pauses = {
      sid       = "FollowPauses"
      actions   = ["dynamodb:UpdateItem"]
      resources = [module.state.tables.pipelines.arn]
      # deliver notes from where a paused pipeline is to be replayed, and transform when that is done; no function writes a
      # version of a pipeline, or its history.
      condition = { test = "ForAllValues:StringEquals", key = "dynamodb:LeadingKeys", values = ["live", "revision"] }
    }
    keep_replays = {
      sid       = "KeepReplays"
      actions   = ["dynamodb:UpdateItem"]
      resources = [module.state.tables.pipelines.arn]
      # How far the replay of a resumed pipeline has come, and who is at it.
      condition = { test = "ForAllValues:StringEquals", key = "dynamodb:LeadingKeys", values = ["replay"] }
    }
    learn_schemas = {
      sid       = "LearnSchemas"
      actions   = ["dynamodb:PutItem"]
      resources = [module.state.tables.pipelines.arn]
      # Which fields a source's rows have, and of which kinds: no value.
      condition = { test = "ForAllValues:StringEquals", key = "dynamodb:LeadingKeys", values = ["schema"] }
    }
    keep_ledger = {
      sid       = "KeepTheLedger"
      actions   = ["dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
      resources = [module.state.tables.ledger.arn]
      condition = null
    }
    keep_failures = {
      sid       = "KeepFailuresAndCount"
      actions   = ["dynamodb:UpdateItem"]
      resources = [module.state.tables.failures.arn, module.state.tables.activity.arn]
      condition = null
    }
    store_failures = {
      sid       = "StoreLargeFailures"
      actions   = ["s3:PutObject"]
      resources = ["${module.state.bucket.arn}/failures/*"]
      condition = null
    }
    check_in = {
      sid       = "CheckInOversize"
      actions   = ["s3:PutObject"]
      resources = ["${module.state.bucket.arn}/oversize/*"]
      condition = null
    }
    redeem = {
      sid       = "RedeemOversize"
      actions   = ["s3:GetObject"]
      resources = ["${module.state.bucket.arn}/oversize/*"]
      condition = null
    }
    read_given_up = {
      sid       = "ReadWhatLambdaGaveUpOn"
      actions   = ["s3:GetObject"]
      resources = ["${module.state.bucket.arn}/aws/lambda/*"]
      condition = null
    }
    # Without it S3 answers 403 for an object that is gone, and the function would try again for ever.
    see_what_is_gone = {
      sid       = "SeeWhatIsGone"
      actions   = ["s3:ListBucket"]
      resources = [module.state.bucket.arn]
      condition = null
    }
  }

  capture_may = [local.may.publish, local.may.agree_on_lanes, local.may.keep_failures, local.may.store_failures, local.may.check_in]

  transform_may = [
    local.may.read_pipelines, local.may.agree_on_lanes, local.may.follow_pauses, local.may.keep_replays, local.may.learn_schemas,
    local.may.keep_failures,
    local.may.store_failures, local.may.check_in, local.may.redeem, local.may.see_what_is_gone,
    # Not among the above, of which deliver takes too: the queues are made with it.
    {
      sid = "SendDeliveries"
      # A replay waits while much is before it.
      actions   = ["sqs:GetQueueAttributes", "sqs:SendMessage"]
      resources = [for destination in module.destination : destination.queue.arn]
      condition = null
    },
    {
      sid       = "LookUpRows"
      actions   = ["dynamodb:BatchGetItem"]
      resources = [for table in var.lookup_tables : table.table_arn]
      condition = null
    },
    {
      sid       = "ReadEncryptedRows"
      actions   = ["kms:Decrypt"]
      resources = distinct([for table in var.lookup_tables : table.kms_key_arn if table.kms_key_arn != null])
      condition = null
    },
  ]

  collect_may = [local.may.keep_failures, local.may.store_failures, local.may.redeem, local.may.read_given_up, local.may.see_what_is_gone]

  deliver_may = [
    local.may.keep_ledger, local.may.read_pipelines, local.may.follow_pauses, local.may.keep_failures, local.may.store_failures, local.may.redeem, local.may.see_what_is_gone,
  ]

  console_secrets = distinct([for destination in var.destinations : destination.secret_arn if destination.secret_arn != null])

  console_may = [
    local.may.read_pipelines, local.may.publish, local.may.check_in, local.may.redeem, local.may.see_what_is_gone,
    {
      sid       = "PublishPipelines"
      actions   = ["dynamodb:PutItem", "dynamodb:UpdateItem"]
      resources = [module.state.tables.pipelines.arn]
      # How a pipeline stands, its history, and that something has changed.
      condition = { test = "ForAllValues:StringLike", key = "dynamodb:LeadingKeys", values = ["live", "revision", "version#*"] }
    },
    {
      sid       = "KeepDraftsAndAlerts"
      actions   = ["dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
      resources = [module.state.tables.pipelines.arn]
      condition = { test = "ForAllValues:StringEquals", key = "dynamodb:LeadingKeys", values = ["alert", "draft"] }
    },
    {
      sid       = "ReadTheLedger"
      actions   = ["dynamodb:BatchGetItem", "dynamodb:GetItem"]
      resources = [module.state.tables.ledger.arn]
      condition = null
    },
    {
      sid       = "FindRowsByAddress"
      actions   = ["dynamodb:Query"]
      resources = ["${module.state.tables.ledger.arn}/index/by-email"]
      condition = null
    },
    {
      sid       = "SeeToFailures"
      actions   = ["dynamodb:GetItem", "dynamodb:Scan", "dynamodb:UpdateItem"]
      resources = [module.state.tables.failures.arn]
      condition = null
    },
    {
      sid       = "ReadLargeFailures"
      actions   = ["s3:GetObject"]
      resources = ["${module.state.bucket.arn}/failures/*"]
      condition = null
    },
    {
      sid       = "ReadActivity"
      actions   = ["dynamodb:Query"]
      resources = [module.state.tables.activity.arn]
      condition = null
    },
    {
      sid = "KeepTheAuditLog"
      # An entry is written when a change begins, and again with its end; nothing of it is deleted.
      actions   = ["dynamodb:PutItem", "dynamodb:Query"]
      resources = [module.state.tables.audit.arn]
      condition = null
    },
    {
      sid       = "ReadChanges"
      actions   = ["kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"]
      resources = [module.backbone.arn]
      condition = null
    },
    {
      sid       = "SendDeliveries"
      actions   = ["sqs:GetQueueAttributes", "sqs:SendMessage"]
      resources = [for destination in module.destination : destination.queue.arn]
      condition = null
    },
    {
      sid       = "LookUpRows"
      actions   = ["dynamodb:BatchGetItem"]
      resources = [for table in var.lookup_tables : table.table_arn]
      condition = null
    },
    {
      sid       = "ReadEncryptedRows"
      actions   = ["kms:Decrypt"]
      resources = distinct([for table in var.lookup_tables : table.kms_key_arn if table.kms_key_arn != null])
      condition = null
    },
    {
      sid = "ChangeConnections"
      # A credential is checked with the vendor, and a new one written; no page shows one.
      actions   = ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"]
      resources = local.console_secrets
      condition = null
    },
    {
      sid       = "EncryptConnections"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = distinct([for destination in var.destinations : destination.secret_kms_key_arn if destination.secret_kms_key_arn != null])
      condition = null
    },
  ]
}
