resource "aws_lambda_event_source_mapping" "stream" {
  for_each = var.stream_mappings

  # Lambda tries the role's permissions when the mapping is made.
  depends_on = [aws_iam_role_policy.this]

  function_name     = aws_lambda_function.this.arn
  event_source_arn  = each.value.arn
  starting_position = "TRIM_HORIZON"
  tags              = var.stack.tags

  batch_size                         = 500
  maximum_batching_window_in_seconds = each.value.window_seconds
  parallelization_factor             = 2

  # A batch is checkpointed up to the first record that is not done.
  function_response_types        = ["ReportBatchItemFailures"]
  bisect_batch_on_function_error = true

  # A limit of retries would turn an outage into reordering: only age ends them, within what the stream keeps.
  maximum_retry_attempts        = -1
  maximum_record_age_in_seconds = 43200

  # S3 alone gets the records themselves, beside where they were.
  destination_config {
    on_failure {
      destination_arn = var.stack.bucket_arn
    }
  }

  dynamic "filter_criteria" {
    for_each = length(each.value.filter) > 0 ? [each.value.filter] : []
    content {
      dynamic "filter" {
        for_each = filter_criteria.value
        content {
          pattern = filter.value
        }
      }
    }
  }
}

resource "aws_lambda_event_source_mapping" "queue" {
  for_each = var.queue_mappings

  depends_on = [aws_iam_role_policy.this]

  function_name           = aws_lambda_function.this.arn
  event_source_arn        = each.value.arn
  batch_size              = 10
  function_response_types = ["ReportBatchItemFailures"]
  tags                    = var.stack.tags

  scaling_config {
    maximum_concurrency = each.value.maximum_concurrency
  }
}
