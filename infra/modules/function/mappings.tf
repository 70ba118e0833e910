resource "aws_lambda_event_source_mapping" "queue" {
  for_each = var.queue_mappings

  function_name           = aws_lambda_function.this.arn
  event_source_arn        = each.value.arn
  batch_size              = 10
  function_response_types = ["ReportBatchItemFailures"]
  tags                    = var.stack.tags

  scaling_config {
    maximum_concurrency = each.value.maximum_concurrency
  }
}
