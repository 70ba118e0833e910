# What a stack consists of. Most messages below are word for word those of the local stack
# (infra/local/src/stack/variables.rs), so that a mistake reads the same in both.

locals {
  patterns = {
    name         = "^[a-z][a-z0-9_-]{0,31}$"
    table        = "^arn:[^:]+:dynamodb:[^:]+:\\d{12}:table/[^/*]+$"
    table_stream = "^arn:[^:]+:dynamodb:[^:]+:\\d{12}:table/[^/]+/stream/.+$"
    stream       = "^arn:[^:]+:kinesis:[^:]+:\\d{12}:stream/[^/]+$"
    secret       = "^arn:[^:]+:secretsmanager:[^:]+:\\d{12}:secret:[^*]+$"
  }
}

variable "name" {
  description = "The stack's name: the prefix of everything that is made. Unique in the account, since IAM roles are global."
  type        = string

  validation {
    condition     = can(regex(local.patterns.name, var.name))
    error_message = "name: the name \"${var.name}\" has to be of lower-case letters, digits, dashes and underscores, beginning with a letter, at most 32"
  }

  validation {
    condition     = length(var.name) <= 27
    error_message = "name: the name \"${var.name}\" has ${length(var.name)} characters; a stack's may have 27, since its bucket's name ends at 63"
  }
}

variable "backbone" {
  description = "The Kinesis stream between capture and the pipelines. A shard takes 1 MB or 1,000 records a second. The number of lanes, the shares of the keys whose order is kept, is fixed once the stack exists. How long records are kept is how long a pipeline may be paused without losing anything; more than 24 hours cost extra."
  type = object({
    shards          = optional(number, 1)
    lanes           = optional(number, 16)
    retention_hours = optional(number, 24)
    on_demand       = optional(bool, false)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.backbone.shards >= 1
    error_message = "backbone.shards is ${var.backbone.shards}; a stream has at least one"
  }

  validation {
    condition     = var.backbone.lanes >= 1
    error_message = "backbone.lanes is ${var.backbone.lanes}; set it to 16, or four for each shard that the stack may ever have"
  }

  validation {
    condition     = var.backbone.lanes <= 4000 && floor(var.backbone.lanes) == var.backbone.lanes
    error_message = "backbone.lanes is ${var.backbone.lanes}; it is a whole number, at most 4000"
  }

  validation {
    condition     = var.backbone.retention_hours >= 24 && var.backbone.retention_hours <= 8760
    error_message = "backbone.retention_hours is ${var.backbone.retention_hours}; AWS takes 24 to 8760"
  }
}

variable "sources" {
  description = "Where data changes, by the name that pipelines call it: a DynamoDB table by its stream's ARN, or a Kinesis stream by its ARN."
  type = map(object({
    # One of the two. A table's stream has to carry new and old images.
    dynamodb_stream_arn = optional(string)
    kinesis_stream_arn  = optional(string)
    # Kinesis: the fields of an event that name its row; without, the partition key does.
    key = optional(list(string), [])
    # Greater than any before, where positions start anew without a new stream: a failover, a Kinesis stream made anew.
    epoch = optional(number)
    # Patterns of event filtering, as JSON, at most 5. What matches none is not captured at all.
    filter = optional(list(string), [])
    # How many batches of a shard run at once, each with keys of its own: 2 for a table. 1 for a Kinesis stream, since a
    # record that the KPL has aggregated holds several keys, and the order of each needs one batch after the other.
    parallelization = optional(number)
    # How long records are gathered for a batch: longer costs less, and delays.
    window_seconds = optional(number, 0)
    # The customer key that the table or stream is encrypted with.
    kms_key_arn = optional(string)
  }))
  nullable = false

  validation {
    condition     = length(var.sources) > 0
    error_message = "sources is empty; add a table or a stream"
  }

  validation {
    condition = alltrue([for name in keys(var.sources) : can(regex(local.patterns.name, name))])
    error_message = join("\n", [
      for name in keys(var.sources) :
      "sources.${name}: the name \"${name}\" has to be of lower-case letters, digits, dashes and underscores, beginning with a letter, at most 32"
      if !can(regex(local.patterns.name, name))
    ])
  }

  validation {
    condition = alltrue([for source in values(var.sources) : (source.dynamodb_stream_arn == null) != (source.kinesis_stream_arn == null)])
    error_message = join("\n", [
      for name, source in var.sources : "sources.${name}: has to have one of dynamodb_stream_arn and kinesis_stream_arn, and not both"
      if(source.dynamodb_stream_arn == null) == (source.kinesis_stream_arn == null)
    ])
  }

  validation {
    condition = alltrue([
      for source in values(var.sources) :
      source.dynamodb_stream_arn == null || can(regex(local.patterns.table_stream, source.dynamodb_stream_arn))
    ])
    error_message = join("\n", [
      for name, source in var.sources :
      "sources.${name}: dynamodb_stream_arn is \"${source.dynamodb_stream_arn}\", which is no ARN of a table's stream; it looks like arn:aws:dynamodb:<region>:<account>:table/<table>/stream/<label>: see the table's \"Exports and streams\", or its attribute stream_arn in Terraform"
      if source.dynamodb_stream_arn != null && !can(regex(local.patterns.table_stream, source.dynamodb_stream_arn))
    ])
  }

  validation {
    condition = alltrue([
      for source in values(var.sources) :
      source.kinesis_stream_arn == null || can(regex(local.patterns.stream, source.kinesis_stream_arn))
    ])
    error_message = join("\n", [
      for name, source in var.sources :
      "sources.${name}: kinesis_stream_arn is \"${source.kinesis_stream_arn}\", which is no ARN of a Kinesis stream; it looks like arn:aws:kinesis:<region>:<account>:stream/<name>"
      if source.kinesis_stream_arn != null && !can(regex(local.patterns.stream, source.kinesis_stream_arn))
    ])
  }

  validation {
    condition = alltrue([for source in values(var.sources) : source.dynamodb_stream_arn == null || length(source.key) == 0])
    error_message = join("\n", [
      for name, source in var.sources : "sources.${name}: key is for Kinesis; a table has its own"
      if source.dynamodb_stream_arn != null && length(source.key) > 0
    ])
  }

  validation {
    # The functions know a table or stream by its name.
    condition = length(distinct([
      for name, source in var.sources :
      try(regex(":(?:table|stream)/[^/]+", coalesce(source.dynamodb_stream_arn, source.kinesis_stream_arn)), name)
    ])) == length(var.sources)
    error_message = "sources: two of them are the same table or stream, or have the same name in two accounts; keep one, since a pipeline's filter can tell its events apart"
  }

  validation {
    condition = alltrue([for source in values(var.sources) : try(source.epoch >= 0 && floor(source.epoch) == source.epoch, source.epoch == null)])
    error_message = join("\n", [
      for name, source in var.sources : "sources.${name}.epoch is ${source.epoch}; it is a whole number, and greater than any before"
      if !try(source.epoch >= 0 && floor(source.epoch) == source.epoch, source.epoch == null)
    ])
  }

  validation {
    condition = alltrue([
      for source in values(var.sources) :
      source.parallelization == null || try(source.parallelization >= 1 && source.parallelization <= 10 && floor(source.parallelization) == source.parallelization, false)
    ])
    error_message = join("\n", [
      for name, source in var.sources : "sources.${name}.parallelization is ${source.parallelization}; AWS takes 1 to 10"
      if source.parallelization != null && !try(source.parallelization >= 1 && source.parallelization <= 10 && floor(source.parallelization) == source.parallelization, false)
    ])
  }

  validation {
    condition = alltrue([
      for source in values(var.sources) : source.window_seconds >= 0 && source.window_seconds <= 300 && floor(source.window_seconds) == source.window_seconds
    ])
    error_message = join("\n", [
      for name, source in var.sources : "sources.${name}.window_seconds is ${source.window_seconds}; AWS takes 0 to 300"
      if !(source.window_seconds >= 0 && source.window_seconds <= 300 && floor(source.window_seconds) == source.window_seconds)
    ])
  }

  validation {
    condition = alltrue([
      for source in values(var.sources) : length(source.filter) <= 5 && alltrue([for pattern in source.filter : can(keys(jsondecode(pattern)))])
    ])
    error_message = join("\n", [
      for name, source in var.sources :
      "sources.${name}.filter has to be at most 5 patterns, each a JSON object such as jsonencode({ dynamodb = { NewImage = { country = { S = [\"US\"] } } } })"
      if !(length(source.filter) <= 5 && alltrue([for pattern in source.filter : can(keys(jsondecode(pattern)))]))
    ])
  }
}

variable "destinations" {
  description = "Where data is used, by the name that pipelines call it. Each has its own queue and function, so that a slow one delays no other."
  type = map(object({
    # A file of shared/destinations, by its name.
    connector = string
    settings  = optional(map(string), {})
    # The secret stays in Secrets Manager and is read at run time.
    secret_arn         = optional(string)
    secret_kms_key_arn = optional(string)
    # How many invocations may deliver at once.
    maximum_concurrency = optional(number, 2)
    # Fixed once the stack exists; four for each concurrent invocation, without. 1: one delivery after the other.
    lanes = optional(number)
    # At most so many requests in so many seconds, all invocations together, in place of what the connector's file says.
    rate_limit = optional(object({ requests = number, seconds = number }))
    # What share of the vendor's quota may be used: others use it too.
    quota_share = optional(number)
    # Whether its address may be in a private network. Without, only addresses of the internet are called.
    allow_private_addresses = optional(bool, false)
  }))
  nullable = false

  validation {
    condition = alltrue([for name in keys(var.destinations) : can(regex(local.patterns.name, name))])
    error_message = join("\n", [
      for name in keys(var.destinations) :
      "destinations.${name}: the name \"${name}\" has to be of lower-case letters, digits, dashes and underscores, beginning with a letter, at most 32"
      if !can(regex(local.patterns.name, name))
    ])
  }

  validation {
    condition = alltrue([for name in keys(var.destinations) : length("${var.name}-freshet-deliver-${name}") <= 64])
    error_message = join("\n", [
      for name in keys(var.destinations) :
      "destinations.${name}: its function would be ${var.name}-freshet-deliver-${name}, which has ${length("${var.name}-freshet-deliver-${name}")} characters; AWS takes 64, so shorten the name of the destination or of the stack"
      if length("${var.name}-freshet-deliver-${name}") > 64
    ])
  }

  validation {
    condition = length([for name in keys(var.destinations) : name if contains(keys(var.destinations), trimsuffix(name, "-dead")) && endswith(name, "-dead")]) == 0
    error_message = join("\n", [
      for name in keys(var.destinations) :
      "destinations.${name}: the dead letters of ${trimsuffix(name, "-dead")} have a queue of this name; name the destination otherwise"
      if endswith(name, "-dead") && contains(keys(var.destinations), trimsuffix(name, "-dead"))
    ])
  }

  validation {
    condition     = length(local.connectors) > 0 || length(var.destinations) == 0
    error_message = "destinations: the connectors are in shared/destinations beside this module, and it is not there; write the module's source as the repository's with //infra behind it, so that Terraform takes both"
  }

  validation {
    condition = length(local.connectors) == 0 || alltrue([for destination in values(var.destinations) : contains(keys(local.connectors), destination.connector)])
    error_message = join("\n", [
      for name, destination in var.destinations :
      "destinations.${name}.connector: there is no connector \"${destination.connector}\"; write one of ${join(", ", keys(local.connectors))}"
      if !contains(keys(local.connectors), destination.connector)
    ])
  }

  validation {
    condition = alltrue([
      for destination in values(var.destinations) : destination.secret_arn != null || !try(local.connectors[destination.connector].needs_secret, false)
    ])
    error_message = join("\n", [
      for name, destination in var.destinations :
      "destinations.${name}.secret_arn is not set; ${try(local.connectors[destination.connector].name, "")} needs a secret: put it into Secrets Manager and set its ARN"
      if destination.secret_arn == null && try(local.connectors[destination.connector].needs_secret, false)
    ])
  }

  validation {
    condition = alltrue([
      for destination in values(var.destinations) :
      destination.secret_arn == null || can(regex(local.patterns.secret, destination.secret_arn))
    ])
    # The value is not repeated: it may be the secret itself.
    error_message = join("\n", [
      for name, destination in var.destinations :
      "destinations.${name}.secret_arn is no ARN of a secret; it looks like arn:aws:secretsmanager:<region>:<account>:secret:<name>, and the secret itself never stands here"
      if destination.secret_arn != null && !can(regex(local.patterns.secret, destination.secret_arn))
    ])
  }

  validation {
    condition = alltrue([
      for destination in values(var.destinations) : destination.maximum_concurrency >= 2 && destination.maximum_concurrency <= 1000
    ])
    error_message = join("\n", [
      for name, destination in var.destinations :
      "destinations.${name}.maximum_concurrency is ${destination.maximum_concurrency}; AWS takes 2 to 1000"
      if !(destination.maximum_concurrency >= 2 && destination.maximum_concurrency <= 1000)
    ])
  }

  validation {
    condition = alltrue([
      for destination in values(var.destinations) :
      destination.lanes == null || try(destination.lanes >= 1 && destination.lanes <= 4000 && floor(destination.lanes) == destination.lanes, false)
    ])
    error_message = join("\n", [
      for name, destination in var.destinations :
      "destinations.${name}.lanes is ${destination.lanes}; a queue has 1 to 4000: leave it out for four for each concurrent invocation, or set 1 where the vendor takes one request at a time"
      if destination.lanes != null && !try(destination.lanes >= 1 && destination.lanes <= 4000 && floor(destination.lanes) == destination.lanes, false)
    ])
  }

  validation {
    condition = alltrue([
      for destination in values(var.destinations) :
      destination.rate_limit == null || try(destination.rate_limit.requests > 0 && destination.rate_limit.seconds > 0, false)
    ])
    error_message = join("\n", [
      for name, destination in var.destinations :
      "destinations.${name}.rate_limit is ${destination.rate_limit.requests} requests in ${destination.rate_limit.seconds} seconds; both have to be above zero: write how many the vendor may get, or leave rate_limit out"
      if destination.rate_limit != null && !try(destination.rate_limit.requests > 0 && destination.rate_limit.seconds > 0, false)
    ])
  }

  validation {
    condition = alltrue([
      for destination in values(var.destinations) :
      destination.quota_share == null || try(destination.quota_share >= 0.001 && destination.quota_share <= 1, false)
    ])
    error_message = join("\n", [
      for name, destination in var.destinations :
      "destinations.${name}.quota_share is ${destination.quota_share}; write which share of the vendor's quota may be used, from 0.001 to 1, or leave quota_share out"
      if destination.quota_share != null && !try(destination.quota_share >= 0.001 && destination.quota_share <= 1, false)
    ])
  }
}

variable "lookup_tables" {
  description = "Tables of which pipelines look up rows, by the name that pipelines call them."
  type = map(object({
    table_arn = string
    # All key attributes of the table, one or two: S for texts, N for numbers.
    key = map(string)
    # How long a row that was read is believed. That there is none, for five seconds at most.
    cache_seconds = optional(number, 60)
    # The customer key that the table is encrypted with.
    kms_key_arn = optional(string)
  }))
  default  = {}
  nullable = false

  validation {
    condition = alltrue([for name in keys(var.lookup_tables) : can(regex(local.patterns.name, name))])
    error_message = join("\n", [
      for name in keys(var.lookup_tables) :
      "lookup_tables.${name}: the name \"${name}\" has to be of lower-case letters, digits, dashes and underscores, beginning with a letter, at most 32"
      if !can(regex(local.patterns.name, name))
    ])
  }

  validation {
    condition = alltrue([for table in values(var.lookup_tables) : can(regex(local.patterns.table, table.table_arn))])
    error_message = join("\n", [
      for name, table in var.lookup_tables :
      "lookup_tables.${name}.table_arn is \"${table.table_arn}\", which is no ARN of a table; it looks like arn:aws:dynamodb:<region>:<account>:table/<table>"
      if !can(regex(local.patterns.table, table.table_arn))
    ])
  }

  validation {
    condition = alltrue([
      for table in values(var.lookup_tables) : contains([1, 2], length(table.key)) && alltrue([for kind in values(table.key) : contains(["S", "N"], kind)])
    ])
    error_message = join("\n", [
      for name, table in var.lookup_tables :
      "lookup_tables.${name}.key has to be all key attributes of the table, one or two, each \"S\" for texts or \"N\" for numbers: such as { account_id = \"S\" }"
      if !(contains([1, 2], length(table.key)) && alltrue([for kind in values(table.key) : contains(["S", "N"], kind)]))
    ])
  }

  validation {
    condition = alltrue([
      for table in values(var.lookup_tables) : table.cache_seconds >= 0 && table.cache_seconds <= 3600 && floor(table.cache_seconds) == table.cache_seconds
    ])
    error_message = join("\n", [
      for name, table in var.lookup_tables :
      "lookup_tables.${name}.cache_seconds is ${table.cache_seconds}; rows are kept for 0, not at all, to 3600 seconds"
      if !(table.cache_seconds >= 0 && table.cache_seconds <= 3600 && floor(table.cache_seconds) == table.cache_seconds)
    ])
  }
}

variable "console" {
  description = "The console: the web page on which people build, watch and mend pipelines, at an address of its own. There is none, without."
  type = object({
    # The secret with what the identity provider knows the console by: {"issuer":"https://…","client_id":"…",
    # "client_secret":"…"}, the last only where the provider gives one. It is read at run time.
    client_secret_arn         = optional(string)
    client_secret_kms_key_arn = optional(string)
    # In place of it: a user pool of Cognito, with the groups viewer, editor and admin.
    cognito = optional(bool, false)
    # Which values of which claim of the ID token are which role.
    roles = optional(object({ claim = string, viewer = optional(list(string), []), editor = optional(list(string), []), admin = optional(list(string), []) }))
    # Whom people ask who may not do what they want to: a sentence.
    contact = optional(string)
    # Its own address, https:// and a host, where a proxy or CDN of one's own leads to it.
    public_url = optional(string)
    # The topic that alerts go to, which people set in the console; its customer key, if it has one.
    alerts = optional(object({ topic_arn = string, topic_kms_key_arn = optional(string) }))
    # Whether the identity provider may be in a private network.
    allow_private_addresses = optional(bool, false)
  })
  default = null

  validation {
    condition     = var.console == null || try((var.console.client_secret_arn != null) != var.console.cognito, true)
    error_message = "console: has to have one of client_secret_arn and cognito = true, and not both"
  }

  validation {
    condition = try(var.console.client_secret_arn, null) == null || can(regex(local.patterns.secret, var.console.client_secret_arn))
    # The value is not repeated: it may be the secret itself.
    error_message = "console.client_secret_arn is no ARN of a secret; it looks like arn:aws:secretsmanager:<region>:<account>:secret:<name>, and the secret itself never stands here"
  }

  validation {
    condition     = var.console == null || try(var.console.cognito || var.console.roles != null, true)
    error_message = "console.roles is not set; write which values of which claim of the ID token are which role, such as { claim = \"groups\", viewer = [\"staff\"], editor = [\"sales\"], admin = [\"platform\"] }"
  }

  validation {
    condition     = try(var.console.roles, null) == null || try(length(concat(var.console.roles.viewer, var.console.roles.editor, var.console.roles.admin)) > 0 && var.console.roles.claim != "", false)
    error_message = "console.roles lets nobody in: it needs the claim's name, and at least one value for viewer, editor or admin"
  }

  validation {
    condition     = try(var.console.public_url, null) == null || can(regex("^https://[^/?#@[:space:]]+/?$", var.console.public_url))
    error_message = "console.public_url is \"${try(coalesce(var.console.public_url, "-"), "-")}\"; set it to https:// and a host, without a path, or leave it out"
  }

  validation {
    condition     = try(var.console.alerts, null) == null || can(regex("^arn:[^:]+:sns:[^:]+:\\d{12}:[^:.]+$", var.console.alerts.topic_arn))
    error_message = "console.alerts.topic_arn is \"${try(coalesce(var.console.alerts.topic_arn, "-"), "-")}\", which is no ARN of a topic that messages to people can go to; it looks like arn:aws:sns:<region>:<account>:<name>, and is not FIFO"
  }

  validation {
    # "Creating a domain for your user pool", Cognito guide.
    condition     = try(!var.console.cognito, true) || !can(regex("aws|amazon|cognito", var.name))
    error_message = "console.cognito: the sign-in page's host would begin with \"${replace(var.name, "_", "-")}-freshet\", and Cognito takes none with aws, amazon or cognito in it; name the stack otherwise, or bring an identity provider with client_secret_arn"
  }
}

variable "architecture" {
  description = "The functions' processor: arm64, or x86_64."
  type        = string
  default     = "arm64"
  nullable    = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture is \"${var.architecture}\"; Lambda has arm64 and x86_64"
  }
}

variable "packages" {
  description = "The folder with the functions' zips; target/lambda/<architecture> of this repository, without."
  type        = string
  default     = null
}

variable "kms_key_arn" {
  description = "A customer key for everything that holds data: tables, stream, queues, bucket, log groups, environments. AWS's own keys, without."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[^:]+:kms:[^:]+:\\d{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn is \"${coalesce(var.kms_key_arn, "-")}\", which is no ARN of a key; it looks like arn:aws:kms:<region>:<account>:key/<id>"
  }
}

variable "permissions_boundary_arn" {
  description = "The permissions boundary of every role."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null || can(regex("^arn:[^:]+:iam::(\\d{12}|aws):policy/.+$", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn is \"${coalesce(var.permissions_boundary_arn, "-")}\", which is no ARN of a policy; it looks like arn:aws:iam::<account>:policy/<name>"
  }
}

variable "log_retention_days" {
  description = "How many days logs are kept. They have ids in them, and no values."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days is ${var.log_retention_days}; CloudWatch takes 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653"
  }
}

variable "alarm_topic_arn" {
  description = "The SNS topic that alarms go to, and their ends. Nobody is told, without."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_topic_arn == null || can(regex("^arn:[^:]+:sns:[^:]+:\\d{12}:[^:.]+$", var.alarm_topic_arn))
    error_message = "alarm_topic_arn is \"${coalesce(var.alarm_topic_arn, "-")}\", which is no ARN of a topic that alarms can go to; it looks like arn:aws:sns:<region>:<account>:<name>, and is not FIFO"
  }
}

variable "deletion_protection" {
  description = "Whether the tables, and the bucket while it is not empty, refuse to be deleted."
  type        = bool
  default     = true
  nullable    = false
}

variable "tags" {
  description = "Tags of everything, beside freshet:stack."
  type        = map(string)
  default     = {}
  nullable    = false
}
