output "queue" {
  description = "The queue's name, URL and ARN."
  value       = { name = aws_sqs_queue.this.name, url = aws_sqs_queue.this.url, arn = aws_sqs_queue.this.arn }
}

output "dead_letter_queue" {
  description = "The dead-letter queue's name, URL and ARN."
  value       = { name = aws_sqs_queue.dead.name, url = aws_sqs_queue.dead.url, arn = aws_sqs_queue.dead.arn }
}

output "deliver" {
  description = "The function that delivers: the outputs of its module."
  value       = module.deliver
}

output "alarms" {
  description = "The names of the queues' alarms."
  value       = module.alarms.names
}
