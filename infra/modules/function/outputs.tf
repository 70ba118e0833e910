output "name" {
  description = "The function's name."
  value       = aws_lambda_function.this.function_name
}

output "arn" {
  description = "The function's ARN."
  value       = aws_lambda_function.this.arn
}

output "role_arn" {
  description = "Its role's ARN: what a vendor's or a key's policy may have to name."
  value       = aws_iam_role.this.arn
}

output "policy" {
  description = "The statements of its role, for a review."
  value       = local.statements
}

output "mappings" {
  description = "The event source mappings of its queues."
  value       = { for name, mapping in aws_lambda_event_source_mapping.queue : name => { uuid = mapping.uuid, from = mapping.event_source_arn } }
}

output "environment" {
  description = "Its environment. No secret is in it."
  value       = var.environment
}

output "alarms" {
  description = "The names of its alarms."
  value       = module.alarms.names
}
