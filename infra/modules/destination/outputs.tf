output "queue" {
  description = "The queue's name, URL and ARN."
  value       = { name = aws_sqs_queue.this.name, url = aws_sqs_queue.this.url, arn = aws_sqs_queue.this.arn }
}

output "dead_letter_queue" {
  description = "The dead-letter queue's name, URL and ARN."
  value       = { name = aws_sqs_queue.dead.name, url = aws_sqs_queue.dead.url, arn = aws_sqs_queue.dead.arn }
}

output "function" {
  description = "deliver's name, ARN and role."
  value       = { name = module.deliver.name, arn = module.deliver.arn, role_arn = module.deliver.role_arn }
}
