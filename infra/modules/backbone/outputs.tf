output "name" {
  description = "The stream's name."
  value       = aws_kinesis_stream.changes.name
}

output "arn" {
  description = "The stream's ARN."
  value       = aws_kinesis_stream.changes.arn
}
