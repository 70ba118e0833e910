# A stack beside what it needs, none of which is there yet: every ARN is unknown while this is planned.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.80, < 7.0"
    }
  }
}

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
}

resource "aws_kinesis_stream" "views" {
  name        = "views"
  shard_count = 1
}

resource "aws_secretsmanager_secret" "crm" {
  name = "crm"
}

resource "aws_secretsmanager_secret" "console" {
  name = "console"
}

resource "aws_kms_key" "all" {
  description = "All that is at rest."
}

resource "aws_sns_topic" "alarms" {
  name = "alarms"
}

resource "aws_dynamodb_table" "accounts" {
  name         = "accounts"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "account_id"

  attribute {
    name = "account_id"
    type = "S"
  }
}

module "freshet" {
  source = "../../"

  name            = "store"
  packages        = "./tests/packages"
  kms_key_arn     = aws_kms_key.all.arn
  alarm_topic_arn = aws_sns_topic.alarms.arn

  sources = {
    customers = { dynamodb_stream_arn = aws_dynamodb_table.customers.stream_arn, kms_key_arn = aws_kms_key.all.arn }
    views     = { kinesis_stream_arn = aws_kinesis_stream.views.arn }
  }

  destinations = {
    crm = { connector = "hubspot", secret_arn = aws_secretsmanager_secret.crm.arn, secret_kms_key_arn = aws_kms_key.all.arn }
  }

  lookup_tables = {
    accounts = { table_arn = aws_dynamodb_table.accounts.arn, key = { account_id = "S" }, kms_key_arn = aws_kms_key.all.arn }
  }

  console = {
    client_secret_arn         = aws_secretsmanager_secret.console.arn
    client_secret_kms_key_arn = aws_kms_key.all.arn
    roles                     = { claim = "groups", admin = ["platform"] }
    alerts                    = { topic_arn = aws_sns_topic.alarms.arn, topic_kms_key_arn = aws_kms_key.all.arn }
  }
}

output "mappings" {
  description = "By what they read."
  value       = keys(module.freshet.mappings)
}
