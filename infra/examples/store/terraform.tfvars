# An online store. This one file says what the stack consists of: Terraform reads it to deploy to AWS, and
# `cargo run -- demo` reads it to run the same stack on your machine, with simulated destinations.

name   = "store"
region = "eu-central-1"

# Where changes wait between capture and the pipelines: a Kinesis stream. A lane is a share of the keys whose order is
# kept; a shard takes 1 MB or 1,000 records a second. The number of lanes is fixed once the stack exists.
backbone = { shards = 1, lanes = 16 }

# Where data changes. Pipelines call a source by the name that it has here.
sources = {
  # A DynamoDB table: the ARN of its stream, which has to carry new and old images.
  customers = { dynamodb_stream_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/store-customers/stream/2026-01-01T00:00:00.000" }
  orders    = { dynamodb_stream_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/store-orders/stream/2026-01-01T00:00:00.000" }
  tickets   = { dynamodb_stream_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/store-tickets/stream/2026-01-01T00:00:00.000" }

  # A Kinesis stream of JSON. `key` names the fields within which order counts: here, each visitor's own views.
  page_views = { kinesis_stream_arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/store-page-views", key = ["visitor_id"] }
}

# Tables of which pipelines look up rows, by all key attributes of the table: "S" for a text, "N" for a number. A row that
# was read is believed for a minute, or for `cache_seconds`.
lookup_tables = {
  accounts = { table_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/store-accounts", key = { account_id = "S" } }
}

# Where data is used. Each destination has its own queue and its own function, so that a slow one delays no other.
# Secrets stay in Secrets Manager; only their ARNs stand here.
destinations = {
  # Marketing's CRM. At most two calls at a time, to stay within HubSpot's limit of requests.
  hubspot = {
    connector           = "hubspot"
    settings            = {}
    secret_arn          = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:store/hubspot-AbCdEf"
    maximum_concurrency = 2
  }

  # Any HTTP endpoint that verifies Standard Webhooks signatures. `body` says how events travel: "array" is a JSON
  # array of many events in one call, "ndjson" one event a line, "single" one call for each event.
  warehouse = {
    connector  = "webhook"
    settings   = { url = "https://warehouse.example/ingest", body = "array" }
    secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:store/warehouse-AbCdEf"
  }
  helpdesk = {
    connector  = "webhook"
    settings   = { url = "https://helpdesk.example/hooks/tickets", body = "single" }
    secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:store/helpdesk-AbCdEf"
  }
  analytics = {
    connector  = "webhook"
    settings   = { url = "https://analytics.example/v1/events", body = "ndjson" }
    secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:store/analytics-AbCdEf"
  }

  # Marketing's campaigns.
  klaviyo = {
    connector  = "klaviyo"
    settings   = {}
    secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:store/klaviyo-AbCdEf"
  }
  braze = {
    connector  = "braze"
    settings   = { rest_endpoint = "https://rest.iad-01.braze.com" }
    secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:store/braze-AbCdEf"
  }
  customer_io = {
    connector  = "customer_io"
    settings   = {}
    secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:store/customer-io-AbCdEf"
  }

  # Support's channel.
  slack = {
    connector  = "slack"
    settings   = {}
    secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:store/slack-AbCdEf"
  }
}
