# source → capture → backbone → transform → a queue for each destination → deliver → vendor
# and beside it: what AWS gave up on → collect-failures → failures

module "state" {
  source = "./modules/state"

  prefix = local.prefix
  # Buckets share one namespace over all accounts, and have no underscores.
  bucket              = "${replace(local.prefix, "_", "-")}-${data.aws_caller_identity.current.account_id}-${data.aws_region.current.id}"
  kms_key_arn         = var.kms_key_arn
  deletion_protection = var.deletion_protection
  tags                = local.tags
}

module "backbone" {
  source = "./modules/backbone"

  name            = "${local.prefix}-changes"
  shards          = var.backbone.shards
  retention_hours = var.backbone.retention_hours
  on_demand       = var.backbone.on_demand
  kms_key_arn     = var.kms_key_arn
  tags            = local.tags
}

# Both are made, whatever the sources are: which kind a source is may be known only when its table or stream is made.
locals {
  captures = {
    capture-dynamodb = {
      description = "Turns the changes of DynamoDB tables into change events."
      arns        = [for source in local.tables : source.dynamodb_stream_arn]
      key_arns    = [for source in local.tables : source.kms_key_arn if source.kms_key_arn != null]
      sources = {
        for name, source in local.tables : regex(":table/([^/]+)", source.dynamodb_stream_arn)[0] => merge(
          { name = name }, source.epoch == null ? {} : { epoch = source.epoch },
        )
      }
    }
    capture-kinesis = {
      description = "Turns the events of Kinesis streams into change events."
      arns        = [for source in local.streams : source.kinesis_stream_arn]
      key_arns    = [for source in local.streams : source.kms_key_arn if source.kms_key_arn != null]
      sources = {
        for name, source in local.streams : regex(":stream/([^/]+)", source.kinesis_stream_arn)[0] => merge(
          { name = name },
          length(source.key) == 0 ? {} : { key = source.key },
          source.epoch == null ? {} : { epoch = source.epoch },
        )
      }
    }
  }
}

module "capture" {
  source   = "./modules/function"
  for_each = toset(["capture-dynamodb", "capture-kinesis"])

  name            = "${local.prefix}-${each.key}"
  description     = local.captures[each.key].description
  package         = each.key
  memory_mb       = 256
  timeout_seconds = 60
  environment     = merge(local.environment, { SOURCES = jsonencode(local.captures[each.key].sources) })
  statements      = local.capture_may
  reads_streams   = true
  stream_arns     = local.captures[each.key].arns
  stream_key_arns = local.captures[each.key].key_arns
  stack           = local.stack
}

module "source" {
  source   = "./modules/stream-mapping"
  for_each = var.sources

  function_arn    = module.capture[each.value.dynamodb_stream_arn != null ? "capture-dynamodb" : "capture-kinesis"].arn
  stream_arn      = coalesce(each.value.dynamodb_stream_arn, each.value.kinesis_stream_arn)
  window_seconds  = each.value.window_seconds
  parallelization = coalesce(each.value.parallelization, each.value.dynamodb_stream_arn != null ? 2 : 1)
  filter          = each.value.filter
  bucket_arn      = module.state.bucket.arn
  tags            = local.tags
}

module "transform" {
  source = "./modules/function"

  name            = "${local.prefix}-transform"
  description     = "Runs the pipelines: filters and maps change events, and sends deliveries to their destinations' queues."
  package         = "transform"
  memory_mb       = 512
  timeout_seconds = 60
  statements      = local.transform_may
  stack           = local.stack

  environment = merge(local.environment, {
    SOURCES = jsonencode(keys(var.sources))
    DESTINATIONS = jsonencode({
      for name, destination in var.destinations : name => {
        connector = destination.connector
        queue_url = module.destination[name].queue.url
        lanes     = local.lanes[name]
      }
    })
    LOOKUP_TABLES = jsonencode(local.lookup_tables)
  })

  reads_streams = true
  stream_arns   = [module.backbone.arn]
}

module "backbone_mapping" {
  source = "./modules/stream-mapping"

  function_arn = module.transform.arn
  stream_arn   = module.backbone.arn
  # The window makes a vendor's batches, since a FIFO queue has none of its own.
  window_seconds  = 1
  parallelization = 2
  bucket_arn      = module.state.bucket.arn
  tags            = local.tags
}

module "destination" {
  source   = "./modules/destination"
  for_each = var.destinations

  prefix                  = local.prefix
  name                    = each.key
  connector               = each.value.connector
  settings                = each.value.settings
  secret_arn              = each.value.secret_arn
  secret_kms_key_arn      = each.value.secret_kms_key_arn
  renews_secret           = local.connectors[each.value.connector].renews_secret
  maximum_concurrency     = each.value.maximum_concurrency
  lanes                   = local.lanes[each.key]
  rate_limit              = each.value.rate_limit
  quota_share             = each.value.quota_share
  allow_private_addresses = each.value.allow_private_addresses
  environment             = local.environment
  statements              = local.deliver_may
  stack                   = local.stack
}

module "console" {
  source = "./modules/console"
  count  = var.console == null ? 0 : 1

  name                      = "${local.prefix}-console"
  client_secret_arn         = var.console.client_secret_arn
  client_secret_kms_key_arn = var.console.client_secret_kms_key_arn
  cognito                   = var.console.cognito
  cognito_domain            = "${replace(local.prefix, "_", "-")}-${data.aws_caller_identity.current.account_id}"
  public_url                = var.console.public_url
  deletion_protection       = var.deletion_protection
  statements                = local.console_may
  stack                     = local.stack

  environment = merge(local.environment, { for key, value in local.console_environment : key => value if value != null })
}
