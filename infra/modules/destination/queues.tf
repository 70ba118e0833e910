locals {
  fourteen_days = 14 * 24 * 60 * 60
}

resource "aws_sqs_queue" "this" {
  name       = "${var.prefix}-${var.name}.fifo"
  fifo_queue = true
  # A lane is a message group: order, deduplication and throughput are each group's own.
  deduplication_scope   = "messageGroup"
  fifo_throughput_limit = "perMessageGroupId"

  message_retention_seconds = local.fourteen_days
  # AWS's advice: six times the function's timeout, so that no message is received twice while it is worked on.
  visibility_timeout_seconds = 6 * local.timeout_seconds

  sqs_managed_sse_enabled = var.stack.kms_key_arn == null ? true : null
  kms_master_key_id       = var.stack.kms_key_arn
  tags                    = var.stack.tags

  # A count of receives judges nothing: a vendor may be down for days. What crashes the function is found by deliver.
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead.arn
    maxReceiveCount     = 1000
  })
}

resource "aws_sqs_queue" "dead" {
  name                       = "${var.prefix}-${var.name}-dead.fifo"
  fifo_queue                 = true
  deduplication_scope        = "messageGroup"
  fifo_throughput_limit      = "perMessageGroupId"
  message_retention_seconds  = local.fourteen_days
  visibility_timeout_seconds = 6 * local.timeout_seconds
  sqs_managed_sse_enabled    = var.stack.kms_key_arn == null ? true : null
  kms_master_key_id          = var.stack.kms_key_arn
  tags                       = var.stack.tags
}

resource "aws_sqs_queue_redrive_allow_policy" "dead" {
  queue_url = aws_sqs_queue.dead.url
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.this.arn]
  })
}

resource "aws_sqs_queue_policy" "tls" {
  for_each = { queue = aws_sqs_queue.this, dead = aws_sqs_queue.dead }

  queue_url = each.value.url
  policy = jsonencode({
    Version = "2012-10-17"
    # A denial has to be whole, so it names everything.
    Statement = [{
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "sqs:*"
      Resource  = each.value.arn
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}
