locals {
  zip = "${var.stack.packages}/${var.package}.zip"
}

# Made before the function, which would else make one that keeps its logs for ever.
resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.stack.log_retention_days
  kms_key_id        = var.stack.kms_key_arn
  tags              = var.stack.tags
}

resource "aws_lambda_function" "this" {
  # A function that starts before it may write would lose its first lines.
  depends_on = [aws_iam_role_policy.this]

  function_name    = var.name
  description      = var.description
  role             = aws_iam_role.this.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.stack.architecture]
  filename         = local.zip
  source_code_hash = try(filebase64sha256(local.zip), null)
  memory_size      = var.memory_mb
  timeout          = var.timeout_seconds
  kms_key_arn      = var.stack.kms_key_arn
  tags             = var.stack.tags

  environment {
    variables = var.environment
  }

  # Not JSON: the functions write JSON lines of their own, metrics among them, and Lambda would wrap each in another.
  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.this.name
  }

  dynamic "dead_letter_config" {
    for_each = var.dead_letter_queue_arn[*]
    content {
      target_arn = dead_letter_config.value
    }
  }

  lifecycle {
    precondition {
      condition     = fileexists(local.zip)
      error_message = "There is no ${local.zip}: run `make package`, or set `packages` to the folder with the functions' zips."
    }

    precondition {
      # An approximation from above: names, values, and a little for each.
      condition     = sum([for key, value in var.environment : length(key) + length(value) + 2]) <= 4096
      error_message = "The environment of ${var.name} is larger than the 4 KB that Lambda takes: it lists the stack's sources, destinations and lookup tables, so split them over two stacks."
    }
  }
}
