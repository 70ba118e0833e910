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
