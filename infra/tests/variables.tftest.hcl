# Each mistake in the variables is refused. The line after `says:` is how, as `tests/terraform/run` checks it too.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  packages = "./tests/packages"
  name     = "store"
  sources = {
    customers = { dynamodb_stream_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/c/stream/2026-01-01T00:00:00.000" }
  }
  destinations = {
    hook = { connector = "webhook", settings = { url = "https://a.example/hook" } }
  }
}

# says: name: the name "My Store" has to be of lower-case letters, digits, dashes and underscores, beginning with a letter, at most 32
run "a_bad_name" {
  command = plan

  variables {
    name = "My Store"
  }

  expect_failures = [var.name]
}

# says: name: the name "a-name-of-twenty-eight-chars" has 28 characters; a stack's may have 27, since its bucket's name ends at 63
run "too_long_a_name" {
  command = plan

  variables {
    name = "a-name-of-twenty-eight-chars"
  }

  expect_failures = [var.name]
}

# says: backbone.shards is 0; a stream has at least one
run "no_shards" {
  command = plan

  variables {
    backbone = { shards = 0 }
  }

  expect_failures = [var.backbone]
}

# says: backbone.lanes is 0; set it to 16, or four for each shard that the stack may ever have
run "no_lanes" {
  command = plan

  variables {
    backbone = { lanes = 0 }
  }

  expect_failures = [var.backbone]
}

# says: backbone.lanes is 5000; it is a whole number, at most 4000
run "too_many_lanes" {
  command = plan

  variables {
    backbone = { lanes = 5000 }
  }

  expect_failures = [var.backbone]
}

# says: backbone.retention_hours is 12; AWS takes 24 to 8760
run "too_short_a_retention" {
  command = plan

  variables {
    backbone = { retention_hours = 12 }
  }

  expect_failures = [var.backbone]
}

# says: sources is empty; add a table or a stream
run "no_sources" {
  command = plan

  variables {
    sources = {}
  }

  expect_failures = [var.sources]
}

# says: sources.Page views: the name "Page views" has to be of lower-case letters, digits, dashes and underscores, beginning with a letter, at most 32
run "a_bad_source_name" {
  command = plan

  variables {
    sources = { "Page views" = { kinesis_stream_arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/v" } }
  }

  expect_failures = [var.sources]
}

# says: sources.customers: has to have one of dynamodb_stream_arn and kinesis_stream_arn, and not both
run "no_arn" {
  command = plan

  variables {
    sources = { customers = {} }
  }

  expect_failures = [var.sources]
}

# says: sources.customers: has to have one of dynamodb_stream_arn and kinesis_stream_arn, and not both
run "both_arns" {
  command = plan

  variables {
    sources = { customers = { dynamodb_stream_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/c/stream/2026", kinesis_stream_arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/v" } }
  }

  expect_failures = [var.sources]
}

# says: sources.customers: dynamodb_stream_arn is "arn:aws:dynamodb:eu-central-1:123456789012:table/c", which is no ARN of a table's stream; it looks like arn:aws:dynamodb:<region>:<account>:table/<table>/stream/<label>: see the table's "Exports and streams", or its attribute stream_arn in Terraform
run "a_tables_own_arn" {
  command = plan

  variables {
    sources = { customers = { dynamodb_stream_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/c" } }
  }

  expect_failures = [var.sources]
}

# says: sources.views: kinesis_stream_arn is "page-views", which is no ARN of a Kinesis stream; it looks like arn:aws:kinesis:<region>:<account>:stream/<name>
run "a_streams_name" {
  command = plan

  variables {
    sources = { views = { kinesis_stream_arn = "page-views" } }
  }

  expect_failures = [var.sources]
}

# says: sources.customers: key is for Kinesis; a table has its own
run "a_key_for_a_table" {
  command = plan

  variables {
    sources = { customers = { dynamodb_stream_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/c/stream/2026", key = ["id"] } }
  }

  expect_failures = [var.sources]
}

# says: sources: two of them are the same table or stream, or have the same name in two accounts; keep one, since a pipeline's filter can tell its events apart
run "one_table_twice" {
  command = plan

  variables {
    sources = { one = { dynamodb_stream_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/c/stream/2026" }, two = { dynamodb_stream_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/c/stream/2027" } }
  }

  expect_failures = [var.sources]
}

# says: sources.customers.parallelization is 11; AWS takes 1 to 10
run "too_many_batches_at_once" {
  command = plan

  variables {
    sources = { customers = { dynamodb_stream_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/c/stream/2026", parallelization = 11 } }
  }

  expect_failures = [var.sources]
}

# says: sources.customers.window_seconds is 301; AWS takes 0 to 300
run "too_long_a_window" {
  command = plan

  variables {
    sources = { customers = { dynamodb_stream_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/c/stream/2026", window_seconds = 301 } }
  }

  expect_failures = [var.sources]
}

# says: sources.customers.epoch is 1.5; it is a whole number, and greater than any before
run "a_broken_epoch" {
  command = plan

  variables {
    sources = { customers = { dynamodb_stream_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/c/stream/2026", epoch = 1.5 } }
  }

  expect_failures = [var.sources]
}

# says: sources.views.filter has to be at most 5 patterns, each a JSON object such as jsonencode({ dynamodb = { NewImage = { country = { S = ["US"] } } } })
run "a_filter_that_is_no_json" {
  command = plan

  variables {
    sources = { views = { kinesis_stream_arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/v", filter = ["country = US"] } }
  }

  expect_failures = [var.sources]
}

# says: sources.views.filter has to be at most 5 patterns
run "six_filters" {
  command = plan

  variables {
    sources = { views = { kinesis_stream_arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/v", filter = ["{}", "{}", "{}", "{}", "{}", "{}"] } }
  }

  expect_failures = [var.sources]
}

# says: destinations.Hook: the name "Hook" has to be of lower-case letters, digits, dashes and underscores, beginning with a letter, at most 32
run "a_bad_destination_name" {
  command = plan

  variables {
    destinations = { Hook = { connector = "webhook" } }
  }

  expect_failures = [var.destinations]
}

# says: destinations.a-destination-of-twenty-four: its function would be a-name-of-twenty-seven-char-freshet-deliver-a-destination-of-twenty-four, which has 72 characters; AWS takes 64, so shorten the name of the destination or of the stack
run "too_long_a_function_name" {
  command = plan

  variables {
    name         = "a-name-of-twenty-seven-char"
    destinations = { a-destination-of-twenty-four = { connector = "webhook" } }
  }

  expect_failures = [var.destinations]
}

# says: destinations.hook-dead: the dead letters of hook have a queue of this name; name the destination otherwise
run "a_dead_letter_queues_name" {
  command = plan

  variables {
    destinations = { hook = { connector = "webhook" }, hook-dead = { connector = "webhook" } }
  }

  expect_failures = [var.destinations]
}

# says: destinations.hook.connector: there is no connector "webhok"; write one of 
run "an_unknown_connector" {
  command = plan

  variables {
    destinations = { hook = { connector = "webhok" } }
  }

  expect_failures = [var.destinations]
}

# says: destinations.crm.secret_arn is not set; HubSpot needs a secret: put it into Secrets Manager and set its ARN
run "a_missing_secret" {
  command = plan

  variables {
    destinations = { crm = { connector = "hubspot" } }
  }

  expect_failures = [var.destinations]
}

# says: destinations.crm.secret_arn is no ARN of a secret; it looks like arn:aws:secretsmanager:<region>:<account>:secret:<name>, and the secret itself never stands here
run "the_secret_itself" {
  command = plan

  variables {
    destinations = { crm = { connector = "hubspot", secret_arn = "pat-eu1-1234" } }
  }

  expect_failures = [var.destinations]
}

# says: destinations.hook.maximum_concurrency is 1; AWS takes 2 to 1000
run "a_concurrency_of_one" {
  command = plan

  variables {
    destinations = { hook = { connector = "webhook", maximum_concurrency = 1 } }
  }

  expect_failures = [var.destinations]
}

# says: destinations.hook.maximum_concurrency is 1001; AWS takes 2 to 1000
run "a_concurrency_of_1001" {
  command = plan

  variables {
    destinations = { hook = { connector = "webhook", maximum_concurrency = 1001 } }
  }

  expect_failures = [var.destinations]
}

# says: destinations.hook.lanes is 0; a queue has 1 to 4000: leave it out for four for each concurrent invocation, or set 1 where the vendor takes one request at a time
run "no_lanes_of_a_queue" {
  command = plan

  variables {
    destinations = { hook = { connector = "webhook", lanes = 0 } }
  }

  expect_failures = [var.destinations]
}

# says: destinations.hook.rate_limit is 0 requests in 10 seconds; both have to be above zero: write how many the vendor may get, or leave rate_limit out
run "a_rate_of_zero" {
  command = plan

  variables {
    destinations = { hook = { connector = "webhook", rate_limit = { requests = 0, seconds = 10 } } }
  }

  expect_failures = [var.destinations]
}

# says: destinations.hook.quota_share is 90; write which share of the vendor's quota may be used, from 0.001 to 1, or leave quota_share out
run "a_quota_share_in_per_cent" {
  command = plan

  variables {
    destinations = { hook = { connector = "webhook", quota_share = 90 } }
  }

  expect_failures = [var.destinations]
}

# says: architecture is "amd64"; Lambda has arm64 and x86_64
run "an_unknown_architecture" {
  command = plan

  variables {
    architecture = "amd64"
  }

  expect_failures = [var.architecture]
}

# says: kms_key_arn is "alias/mine", which is no ARN of a key; it looks like arn:aws:kms:<region>:<account>:key/<id>
run "a_keys_alias" {
  command = plan

  variables {
    kms_key_arn = "alias/mine"
  }

  expect_failures = [var.kms_key_arn]
}

# says: permissions_boundary_arn is "boundary", which is no ARN of a policy; it looks like arn:aws:iam::<account>:policy/<name>
run "a_boundarys_name" {
  command = plan

  variables {
    permissions_boundary_arn = "boundary"
  }

  expect_failures = [var.permissions_boundary_arn]
}

# says: log_retention_days is 31; CloudWatch takes 1, 3, 5, 7, 14, 30,
run "a_retention_that_cloudwatch_has_not" {
  command = plan

  variables {
    log_retention_days = 31
  }

  expect_failures = [var.log_retention_days]
}

# says: alarm_topic_arn is "arn:aws:sns:eu-central-1:123456789012:alarms.fifo", which is no ARN of a topic that alarms can go to; it looks like arn:aws:sns:<region>:<account>:<name>, and is not FIFO
run "a_topic_that_is_fifo" {
  command = plan

  variables {
    alarm_topic_arn = "arn:aws:sns:eu-central-1:123456789012:alarms.fifo"
  }

  expect_failures = [var.alarm_topic_arn]
}

# says: lookup_tables.Accounts: the name "Accounts" has to be of lower-case letters, digits, dashes and underscores, beginning with a letter, at most 32
run "a_bad_lookup_table_name" {
  command = plan

  variables {
    lookup_tables = { Accounts = { table_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/a", key = { id = "S" } } }
  }

  expect_failures = [var.lookup_tables]
}

# says: lookup_tables.accounts.table_arn is "accounts", which is no ARN of a table; it looks like arn:aws:dynamodb:<region>:<account>:table/<table>
run "no_arn_of_a_lookup_table" {
  command = plan

  variables {
    lookup_tables = { accounts = { table_arn = "accounts", key = { id = "S" } } }
  }

  expect_failures = [var.lookup_tables]
}

# says: lookup_tables.accounts.key has to be all key attributes of the table, one or two, each "S" for texts or "N" for numbers: such as { account_id = "S" }
run "a_lookup_tables_key_of_another_type" {
  command = plan

  variables {
    lookup_tables = { accounts = { table_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/a", key = { id = "B" } } }
  }

  expect_failures = [var.lookup_tables]
}

# says: lookup_tables.accounts.cache_seconds is 3601; rows are kept for 0, not at all, to 3600 seconds
run "too_long_a_cache" {
  command = plan

  variables {
    lookup_tables = { accounts = { table_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/a", key = { id = "S" }, cache_seconds = 3601 } }
  }

  expect_failures = [var.lookup_tables]
}

# says: console: has to have one of client_secret_arn and cognito = true, and not both
run "a_console_without_a_way_in" {
  command = plan

  variables {
    console = { roles = { claim = "groups", viewer = ["staff"] } }
  }

  expect_failures = [var.console]
}

# says: console: has to have one of client_secret_arn and cognito = true, and not both
run "a_console_with_two_ways_in" {
  command = plan

  variables {
    console = { client_secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:console-AbCdEf", cognito = true, roles = { claim = "groups", viewer = ["staff"] } }
  }

  expect_failures = [var.console]
}

# says: console.client_secret_arn is no ARN of a secret; it looks like arn:aws:secretsmanager:<region>:<account>:secret:<name>, and the secret itself never stands here
run "a_clients_secret_itself" {
  command = plan

  variables {
    console = { client_secret_arn = "the secret itself", roles = { claim = "groups", viewer = ["staff"] } }
  }

  expect_failures = [var.console]
}

# says: console.roles is not set; write which values of which claim of the ID token are which role, such as { claim = "groups", viewer = ["staff"], editor = ["sales"], admin = ["platform"] }
run "a_console_without_roles" {
  command = plan

  variables {
    console = { client_secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:console-AbCdEf" }
  }

  expect_failures = [var.console]
}

# says: console.roles lets nobody in: it needs the claim's name, and at least one value for viewer, editor or admin
run "roles_that_let_nobody_in" {
  command = plan

  variables {
    console = { client_secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:console-AbCdEf", roles = { claim = "groups" } }
  }

  expect_failures = [var.console]
}

# says: console.public_url is "http://console.example"; set it to https:// and a host, without a path, or leave it out
run "a_public_url_without_tls" {
  command = plan

  variables {
    console = { client_secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:console-AbCdEf", roles = { claim = "groups", viewer = ["staff"] }, public_url = "http://console.example" }
  }

  expect_failures = [var.console]
}

# says: console.public_url is "https://console.example/freshet"; set it to https:// and a host, without a path, or leave it out
run "a_public_url_with_a_path" {
  command = plan

  variables {
    console = { client_secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:console-AbCdEf", roles = { claim = "groups", viewer = ["staff"] }, public_url = "https://console.example/freshet" }
  }

  expect_failures = [var.console]
}

# says: console.alerts.topic_arn is "arn:aws:sns:eu-central-1:123456789012:alerts.fifo", which is no ARN of a topic that messages to people can go to; it looks like arn:aws:sns:<region>:<account>:<name>, and is not FIFO
run "alerts_to_a_fifo_topic" {
  command = plan

  variables {
    console = { client_secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:console-AbCdEf", roles = { claim = "groups", viewer = ["staff"] }, alerts = { topic_arn = "arn:aws:sns:eu-central-1:123456789012:alerts.fifo" } }
  }

  expect_failures = [var.console]
}

# says: console.cognito: the sign-in page's host would begin with "my-aws-freshet", and Cognito takes none with aws, amazon or cognito in it; name the stack otherwise, or bring an identity provider with client_secret_arn
run "a_name_that_cognito_does_not_take" {
  command = plan

  variables {
    console = { cognito = true }
    name    = "my_aws"
  }

  expect_failures = [var.console]
}
