locals {
  function_name   = "${var.prefix}-deliver-${var.name}"
  timeout_seconds = 60

  environment = {
    DESTINATION             = var.name
    CONNECTOR               = var.connector
    SETTINGS                = jsonencode(var.settings)
    QUEUE_URL               = aws_sqs_queue.this.url
    QUEUE_LANES             = tostring(var.lanes)
    SECRET_ARN              = var.secret_arn
    RATE_LIMIT              = var.rate_limit == null ? null : jsonencode(var.rate_limit)
    QUOTA_SHARE             = var.quota_share == null ? null : tostring(var.quota_share)
    ALLOW_PRIVATE_ADDRESSES = tostring(var.allow_private_addresses)
    VENDOR_TIMEOUT_SECONDS  = "30"
    LONGEST_WAIT_SECONDS    = "3600"
  }

  statements = [
    {
      sid       = "PutMessagesOff"
      actions   = ["sqs:ChangeMessageVisibility"]
      resources = [aws_sqs_queue.this.arn]
      condition = null
    },
    {
      sid       = "ReadTheSecret"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = var.secret_arn[*]
      condition = null
    },
    {
      sid       = "RenewTheSecret"
      actions   = ["secretsmanager:PutSecretValue"]
      resources = var.renews_secret ? var.secret_arn[*] : []
      condition = null
    },
    {
      sid       = "DecryptTheSecret"
      actions   = var.renews_secret ? ["kms:Decrypt", "kms:GenerateDataKey"] : ["kms:Decrypt"]
      resources = var.secret_kms_key_arn[*]
      condition = null
    },
  ]
}

module "deliver" {
  source = "../function"

  name            = local.function_name
  description     = "Delivers to ${var.name}, by the connector ${var.connector}."
  package         = "deliver"
  memory_mb       = 256
  timeout_seconds = local.timeout_seconds
  environment     = merge(var.environment, { for key, value in local.environment : key => value if value != null })
  statements      = concat(var.statements, local.statements)
  destination     = var.name
  stack           = var.stack

  queue_mappings = {
    (var.name) = { arn = aws_sqs_queue.this.arn, maximum_concurrency = var.maximum_concurrency }
  }
}
