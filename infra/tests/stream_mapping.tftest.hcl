# How a stream invokes a function.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  function_arn    = "arn:aws:lambda:eu-central-1:123456789012:function:capture"
  stream_arn      = "arn:aws:kinesis:eu-central-1:123456789012:stream/views"
  window_seconds  = 1
  parallelization = 3
  filter          = ["{\"data\":{}}", "{}"]
  bucket_arn      = "arn:aws:s3:::the-bucket"
  tags            = { "freshet:stack" = "store" }
}

run "mapping" {
  module {
    source = "./modules/stream-mapping"
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this.function_response_types == toset(["ReportBatchItemFailures"])
    error_message = "It takes partial batch responses."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this.bisect_batch_on_function_error
    error_message = "It bisects."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this.maximum_retry_attempts == -1
    error_message = "It retries without limit."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this.maximum_record_age_in_seconds == 12 * 60 * 60
    error_message = "It gives a record up after twelve hours."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this.destination_config[0].on_failure[0].destination_arn == "arn:aws:s3:::the-bucket"
    error_message = "What it gives up on goes to the bucket, with its records."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this.parallelization_factor == 3 && aws_lambda_event_source_mapping.this.batch_size == 500
    error_message = "It has as many batches of 500 a shard under way as were asked for."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this.starting_position == "TRIM_HORIZON"
    error_message = "It reads from the oldest record on."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this.maximum_batching_window_in_seconds == 1
    error_message = "It has the window that was asked for."
  }

  assert {
    condition     = [for filter in aws_lambda_event_source_mapping.this.filter_criteria[0].filter : filter.pattern] == ["{\"data\":{}}", "{}"]
    error_message = "It has the filter that was asked for."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this.event_source_arn == var.stream_arn && aws_lambda_event_source_mapping.this.function_name == var.function_arn
    error_message = "It joins the stream and the function."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this.tags["freshet:stack"] == "store"
    error_message = "It has the stack's tag."
  }
}

run "without_a_filter" {
  module {
    source = "./modules/stream-mapping"
  }

  variables {
    filter = []
  }

  assert {
    condition     = length(aws_lambda_event_source_mapping.this.filter_criteria) == 0
    error_message = "Without a filter everything is taken."
  }
}
