output "uuid" {
  description = "Its UUID, which the keys of its on-failure objects have."
  value       = aws_lambda_event_source_mapping.this.uuid
}

output "from" {
  description = "The stream's ARN."
  value       = aws_lambda_event_source_mapping.this.event_source_arn
}

output "window_seconds" {
  description = "How long records are gathered."
  value       = aws_lambda_event_source_mapping.this.maximum_batching_window_in_seconds
}

output "parallelization" {
  description = "How many batches of a shard run at once."
  value       = aws_lambda_event_source_mapping.this.parallelization_factor
}

output "filter" {
  description = "The patterns."
  value       = var.filter
}

output "to" {
  description = "The function's ARN."
  value       = aws_lambda_event_source_mapping.this.function_name
}
