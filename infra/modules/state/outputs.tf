output "tables" {
  description = "Each table's name and ARN: pipelines, ledger, failures, activity, audit."
  value       = { for key, table in aws_dynamodb_table.this : key => { name = table.name, arn = table.arn } }
}

output "bucket" {
  description = "The bucket's name and ARN."
  value       = { name = aws_s3_bucket.this.bucket, arn = aws_s3_bucket.this.arn }
}
