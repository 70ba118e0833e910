data "aws_caller_identity" "current" {}

data "aws_region" "current" {}

locals {
  prefix = "${var.name}-freshet"

  # Terraform reads no TOML, so patterns find the vendor's name, whether it does without a secret, and whether it grants
  # tokens that are kept in the secret, in each file of shared/destinations. A test of `shared` takes them from here, and compares what they find with what the files say.
  connector_name           = "(?m)^name = \"([^\"]+)\""
  connector_without_secret = "(?m)^auth = \"none\"|^\\[auth\\.signature\\]\\n(?:[^\\[\\n].*\\n)*optional = true"
  connector_with_tokens    = "(?m)^\\[auth\\.oauth\\]"

  connector_folder = "${path.module}/../shared/destinations"
  connectors = {
    for file in fileset(local.connector_folder, "*.toml") : trimsuffix(file, ".toml") => {
      name         = regex(local.connector_name, file("${local.connector_folder}/${file}"))[0]
      needs_secret = !can(regex(local.connector_without_secret, file("${local.connector_folder}/${file}")))

      renews_secret = can(regex(local.connector_with_tokens, file("${local.connector_folder}/${file}")))
    }
  }

  tags = merge(var.tags, { "freshet:stack" = var.name })

  # Pipelines know a source by its name in the stack; records know their table or stream.
  tables  = { for name, source in var.sources : name => source if source.dynamodb_stream_arn != null }
  streams = { for name, source in var.sources : name => source if source.kinesis_stream_arn != null }

  # As transform and the freshet command know them.
  lookup_tables = {
    for name, table in var.lookup_tables : name => {
      table = regex(":table/([^/]+)$", table.table_arn)[0], key = table.key, cache_seconds = table.cache_seconds
    }
  }

  lanes = { for name, destination in var.destinations : name => coalesce(destination.lanes, 4 * destination.maximum_concurrency) }

  # What every function of the stack shares.
  stack = {
    architecture             = var.architecture
    packages                 = coalesce(var.packages, "${path.module}/../target/lambda/${var.architecture}")
    bucket_arn               = module.state.bucket.arn
    kms_key_arn              = var.kms_key_arn
    permissions_boundary_arn = var.permissions_boundary_arn
    log_retention_days       = var.log_retention_days
    alarm_topic_arn          = var.alarm_topic_arn
    tags                     = local.tags
  }

  environment = {
    PIPELINES_TABLE = module.state.tables.pipelines.name
    LEDGER_TABLE    = module.state.tables.ledger.name
    FAILURES_TABLE  = module.state.tables.failures.name
    ACTIVITY_TABLE  = module.state.tables.activity.name
    OVERSIZE_BUCKET = module.state.bucket.name
    CHANGES_STREAM  = module.backbone.name
    CHANGES_LANES   = tostring(var.backbone.lanes)
    # So long after a pause it can be resumed without a loss.
    CHANGES_RETENTION_HOURS = tostring(var.backbone.retention_hours)
  }

  console_url = one([for console in module.console : try(coalesce(var.console.public_url), console.url)])

  # What the console's environment has beyond that. No secret is in it.
  console_environment = {
    AUDIT_TABLE = module.state.tables.audit.name
    SOURCES     = jsonencode(keys(var.sources))
    DESTINATIONS = jsonencode({
      for name, destination in var.destinations : name => merge(
        {
          connector = destination.connector
          settings  = destination.settings
          queue_url = module.destination[name].queue.url
          lanes     = local.lanes[name]
        },
        destination.secret_arn == null ? {} : { secret_arn = destination.secret_arn },
      )
    })
    LOOKUP_TABLES           = jsonencode(local.lookup_tables)
    ROLES                   = jsonencode(try(coalesce(var.console.roles), local.cognito_roles))
    CONTACT                 = try(var.console.contact, null)
    PUBLIC_URL              = try(var.console.public_url, null)
    ALERT_TOPIC_ARN         = try(var.console.alerts.topic_arn, null)
    ALLOW_PRIVATE_ADDRESSES = tostring(try(var.console.allow_private_addresses, false))
  }

  # The groups of the user pool, in the claim that Cognito has them in.
  cognito_roles = { claim = "cognito:groups", viewer = ["viewer"], editor = ["editor"], admin = ["admin"] }
}
