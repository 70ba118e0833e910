# Apart from the function, since which of the captures a source's stream invokes may be known only when its table is made.

resource "aws_lambda_event_source_mapping" "this" {
  function_name     = var.function_arn
  event_source_arn  = var.stream_arn
  starting_position = "TRIM_HORIZON"
  tags              = var.tags

  batch_size                         = 500
  maximum_batching_window_in_seconds = var.window_seconds
  parallelization_factor             = var.parallelization

  # A batch is checkpointed up to the first record that is not done.
  function_response_types        = ["ReportBatchItemFailures"]
  bisect_batch_on_function_error = true

  # A limit of retries would turn an outage into reordering: only age ends them, within what the stream keeps.
  maximum_retry_attempts        = -1
  maximum_record_age_in_seconds = 43200

  # S3 alone gets the records themselves, beside where they were.
  destination_config {
    on_failure {
      destination_arn = var.bucket_arn
    }
  }

  dynamic "filter_criteria" {
    for_each = length(var.filter) > 0 ? [var.filter] : []
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
