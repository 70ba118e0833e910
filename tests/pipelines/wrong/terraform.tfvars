# The stack that the wrong pipelines beside this file are checked against.

name   = "wrong"
region = "eu-central-1"

sources = {
  customers = { dynamodb_stream_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/customers/stream/2026-01-01T00:00:00.000" }
  orders    = { dynamodb_stream_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000" }
}

lookup_tables = {
  accounts = { table_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/accounts", key = { account_id = "S" } }
}

destinations = {
  crm    = { connector = "hubspot", secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:crm-AbCdEf" }
  people = { connector = "customer_io", secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:people-AbCdEf" }
  chat   = { connector = "slack", secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:chat-AbCdEf" }
  hook   = { connector = "webhook", settings = { url = "https://hook.example/in", body = "array" } }
}
