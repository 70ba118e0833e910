data "aws_caller_identity" "current" {}

data "aws_region" "current" {}

locals {
  prefix = "${var.name}-freshet"

  # The slugs of shared/destinations, and which of them need a secret. A test of `shared` compares it with those files.
  connectors = jsondecode(file("${path.module}/connectors.json"))

  tags = merge(var.tags, { "freshet:stack" = var.name })

  # Pipelines know a source by its name in the stack; records know their table or stream.
  tables  = { for name, source in var.sources : name => source if source.dynamodb_stream_arn != null }
  streams = { for name, source in var.sources : name => source if source.kinesis_stream_arn != null }

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
  }
}
