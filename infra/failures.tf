# What AWS gave up on: on-failure objects of the stream mappings, of which S3 notifies, and dead letters.

module "collect_failures" {
  source = "./modules/function"

  name                  = "${local.prefix}-collect-failures"
  description           = "Turns what AWS gave up on into failures that a person sees."
  package               = "collect-failures"
  memory_mb             = 256
  timeout_seconds       = 60
  statements            = local.collect_may
  dead_letter_queue_arn = aws_sqs_queue.uncollected.arn
  stack                 = local.stack

  environment = merge(local.environment, {
    DEAD_LETTER_QUEUES = jsonencode({ for name, destination in module.destination : destination.dead_letter_queue.arn => name })
  })

  queue_mappings = {
    for name, destination in module.destination : name => { arn = destination.dead_letter_queue.arn, maximum_concurrency = 2 }
  }
}

resource "aws_lambda_permission" "bucket" {
  statement_id   = "Bucket"
  action         = "lambda:InvokeFunction"
  function_name  = module.collect_failures.name
  principal      = "s3.amazonaws.com"
  source_arn     = module.state.bucket.arn
  source_account = data.aws_caller_identity.current.account_id
}

resource "aws_s3_bucket_notification" "given_up" {
  depends_on = [aws_lambda_permission.bucket]

  bucket = module.state.bucket.name

  lambda_function {
    lambda_function_arn = module.collect_failures.arn
    events              = ["s3:ObjectCreated:*"]
    filter_prefix       = "aws/lambda/"
  }
}

# S3 invokes asynchronously, and Lambda ends its retries after six hours: a notification that was in vain until then
# stays here. Lambda writes to standard queues only.
resource "aws_sqs_queue" "uncollected" {
  name                       = "${local.prefix}-uncollected"
  message_retention_seconds  = 14 * 24 * 60 * 60
  visibility_timeout_seconds = 360
  sqs_managed_sse_enabled    = var.kms_key_arn == null ? true : null
  kms_master_key_id          = var.kms_key_arn
  tags                       = local.tags
}

resource "aws_sqs_queue_policy" "uncollected" {
  queue_url = aws_sqs_queue.uncollected.url
  policy = jsonencode({
    Version = "2012-10-17"
    # A denial has to be whole, so it names everything.
    Statement = [{
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "sqs:*"
      Resource  = aws_sqs_queue.uncollected.arn
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}

module "uncollected_alarms" {
  source = "./modules/alarms"

  prefix    = local.prefix
  topic_arn = var.alarm_topic_arn
  tags      = local.tags

  alarms = {
    uncollected = {
      description        = "collect-failures was in vain for six hours, and what Lambda gave up on is not among the failures. Mend it by its log, then invoke it with each message of the queue ${aws_sqs_queue.uncollected.name}; infra/OPERATING.md says how."
      namespace          = "AWS/SQS"
      metric             = "ApproximateNumberOfMessagesVisible"
      dimensions         = { QueueName = aws_sqs_queue.uncollected.name }
      statistic          = "Maximum"
      threshold          = 0
      period             = 300
      evaluation_periods = 1
    }
  }
}
