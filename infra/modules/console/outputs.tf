output "function" {
  description = "The function: the outputs of its module."
  value       = module.function
}

output "url" {
  description = "The address that AWS gives it."
  value       = aws_lambda_function_url.this.function_url
}

output "callbacks" {
  description = "Where people come back to from signing in, as the identity provider has to know it."
  value       = local.callbacks
}

output "user_pool_id" {
  description = "The user pool, with Cognito."
  value       = one(aws_cognito_user_pool.this[*].id)
}

output "alarms" {
  description = "The names of the alarms of its pages."
  value       = module.alarms.names
}
