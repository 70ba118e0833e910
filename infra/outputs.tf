output "freshet" {
  description = "What the freshet command needs to work on this stack: `terraform output -json freshet`."
  value = {
    name            = var.name
    region          = data.aws_region.current.id
    pipelines_table = module.state.tables.pipelines.name
    ledger_table    = module.state.tables.ledger.name
    failures_table  = module.state.tables.failures.name
    activity_table  = module.state.tables.activity.name
    bucket          = module.state.bucket.name
    changes_stream  = module.backbone.name
    changes_lanes   = var.backbone.lanes
    # How long a paused pipeline can be resumed without a loss.
    changes_retention_hours = var.backbone.retention_hours
    sources = {
      for name, source in var.sources : name => source.dynamodb_stream_arn != null ? {
        kind = "dynamodb", resource = regex(":table/([^/]+)", source.dynamodb_stream_arn)[0], key = [], epoch = source.epoch
        } : {
        kind = "kinesis", resource = regex(":stream/([^/]+)", source.kinesis_stream_arn)[0], key = source.key, epoch = source.epoch
      }
    }
    lookup_tables    = local.lookup_tables
    collect_failures = module.collect_failures.name
    transform        = module.transform.name
    captures         = { for name, capture in module.capture : name => capture.name }
    destinations = {
      for name, destination in var.destinations : name => {
        connector       = destination.connector
        settings        = destination.settings
        secret_arn      = destination.secret_arn
        lanes           = local.lanes[name]
        queue_url       = module.destination[name].queue.url
        dead_letter_url = module.destination[name].dead_letter_queue.url
        function        = module.destination[name].deliver.name
      }
    }
  }
}

output "console_url" {
  description = "The console's address; null without a console."
  value       = local.console_url
}

output "console" {
  description = "What the identity provider has to know of the console, its callbacks; with Cognito the user pool that people are put in. Null without a console."
  value       = one([for console in module.console : { callbacks = console.callbacks, user_pool_id = console.user_pool_id }])
}

output "tables" {
  description = "Name and ARN of each table: pipelines, ledger, failures, activity, audit."
  value       = module.state.tables
}

output "changes" {
  description = "Name and ARN of the backbone, for consumers of your own."
  value       = { name = module.backbone.name, arn = module.backbone.arn }
}

output "bucket" {
  description = "Name and ARN of the bucket."
  value       = module.state.bucket
}

output "queues" {
  description = "Name, URL and ARN of each destination's queue."
  value       = { for name, destination in module.destination : name => destination.queue }
}

output "dead_letter_queues" {
  description = "Name, URL and ARN of each destination's dead-letter queue."
  value       = { for name, destination in module.destination : name => destination.dead_letter_queue }
}

output "uncollected_queue" {
  description = "URL of the queue for notifications that collect-failures could not take."
  value       = aws_sqs_queue.uncollected.url
}

output "functions" {
  description = "Of each function the name, ARN, role, and the role's statements."
  value = {
    for name, function in local.functions : name => {
      name = function.name, arn = function.arn, role_arn = function.role_arn, policy = function.policy
    }
  }
}

output "mappings" {
  description = "The UUID of each event source mapping, by what it reads. The keys of on-failure objects have them."
  value = merge(
    { for name, mapping in module.source : "source/${name}" => mapping.uuid },
    { backbone = module.backbone_mapping.uuid },
    { for name, destination in module.destination : "queue/${name}" => destination.deliver.mappings[name].uuid },
    { for name, mapping in module.collect_failures.mappings : "dead/${name}" => mapping.uuid },
  )
}

output "alarms" {
  description = "The names of all alarms."
  value = sort(concat(
    flatten([for function in local.functions : function.alarms]),
    flatten([for destination in module.destination : destination.alarms]),
    flatten([for console in module.console : console.alarms]),
    module.uncollected_alarms.names,
    module.pipeline_alarms.names,
  ))
}

output "dashboard" {
  description = "The dashboard's name."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}
