# One table, one webhook: copy this file, and change the names.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.80, < 7.0"
    }
  }
}

provider "aws" {
  region = "eu-central-1"
}

# The table whose changes are captured. A table that exists needs the two lines of the stream.
resource "aws_dynamodb_table" "customers" {
  name             = "customers"
  billing_mode     = "PAY_PER_REQUEST"
  hash_key         = "customer_id"
  stream_enabled   = true
  stream_view_type = "NEW_AND_OLD_IMAGES"

  attribute {
    name = "customer_id"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }
}

# Put its value in with `aws secretsmanager put-secret-value`, so that it stands in no file and no state.
resource "aws_secretsmanager_secret" "webhook" {
  name = "freshet/webhook"
}

module "freshet" {
  source = "../../"

  name = "minimal"

  sources = {
    customers = { dynamodb_stream_arn = aws_dynamodb_table.customers.stream_arn }
  }

  destinations = {
    warehouse = {
      connector  = "webhook"
      settings   = { url = "https://warehouse.example/ingest", body = "array" }
      secret_arn = aws_secretsmanager_secret.webhook.arn
    }
  }
}

# `terraform output -json freshet` is what the freshet command reads.
output "freshet" {
  description = "What the freshet command needs."
  value       = module.freshet.freshet
}
