# One role a function. Every action is named; a resource ends in * only after a prefix of its own.

locals {
  queue_arns = [for mapping in var.queue_mappings : mapping.arn]
  table_arns = [for arn in var.stream_arns : arn if strcontains(arn, ":dynamodb:")]
  shard_arns = [for arn in var.stream_arns : arn if strcontains(arn, ":kinesis:")]

  log = {
    sid       = "WriteOwnLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this.arn}:*"]
    condition = null
  }

  # What Lambda does in the function's name to feed it.
  mappings = [
    {
      sid = "ReadTableStreams"
      # Lambda's documentation asks for ListStreams; AWS's own examples give it on the stream itself, here and below.
      actions   = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"]
      resources = local.table_arns
      condition = null
    },
    {
      sid       = "ReadStreams"
      actions   = ["kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards", "kinesis:ListStreams"]
      resources = local.shard_arns
      condition = null
    },
    {
      sid       = "ReadEncryptedSources"
      actions   = ["kms:Decrypt"]
      resources = distinct(var.stream_key_arns)
      condition = null
    },
    {
      sid       = "StoreWhatLambdaGivesUpOn"
      actions   = ["s3:PutObject"]
      resources = var.reads_streams ? ["${var.stack.bucket_arn}/aws/lambda/*"] : []
      condition = null
    },
    {
      sid       = "FindTheBucket"
      actions   = ["s3:ListBucket"]
      resources = var.reads_streams ? [var.stack.bucket_arn] : []
      condition = null
    },
    {
      sid       = "ReceiveMessages"
      actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
      resources = local.queue_arns
      condition = null
    },
    {
      sid       = "KeepWhatWasNotInvoked"
      actions   = ["sqs:SendMessage"]
      resources = var.dead_letter_queue_arn[*]
      condition = null
    },
  ]

  key = {
    sid       = "UseTheKey"
    actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"]
    resources = var.stack.kms_key_arn[*]
    condition = null
  }

  statements = [
    for statement in concat([local.log], local.mappings, var.statements, [local.key]) : merge(
      { Sid = statement.sid, Effect = "Allow", Action = statement.actions, Resource = statement.resources },
      statement.condition == null ? {} : { Condition = { (statement.condition.test) = { (statement.condition.key) = statement.condition.values } } },
    )
    if length(statement.resources) > 0
  ]
}

resource "aws_iam_role" "this" {
  name                 = var.name
  description          = "The function ${var.name}."
  permissions_boundary = var.stack.permissions_boundary_arn
  tags                 = var.stack.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name   = "function"
  role   = aws_iam_role.this.id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.statements })
}
