# The console: how it is reached, what it knows, what it may do, and how people sign in.

mock_provider "aws" {
  source = "./tests/mocks"
}

override_resource {
  target = module.state.aws_dynamodb_table.this["pipelines"]
  values = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/store-freshet-pipelines" }
}

override_resource {
  target = module.state.aws_dynamodb_table.this["ledger"]
  values = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/store-freshet-ledger" }
}

override_resource {
  target = module.state.aws_dynamodb_table.this["failures"]
  values = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/store-freshet-failures" }
}

override_resource {
  target = module.state.aws_dynamodb_table.this["activity"]
  values = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/store-freshet-activity" }
}

override_resource {
  target = module.state.aws_dynamodb_table.this["audit"]
  values = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/store-freshet-audit" }
}

override_resource {
  target = module.destination["crm"].aws_sqs_queue.this
  values = { arn = "arn:aws:sqs:eu-central-1:123456789012:store-freshet-crm.fifo", url = "https://sqs/store-freshet-crm.fifo" }
}

override_resource {
  target = module.destination["crm"].aws_sqs_queue.dead
  values = { arn = "arn:aws:sqs:eu-central-1:123456789012:store-freshet-crm-dead.fifo" }
}

override_resource {
  target = module.destination["hook"].aws_sqs_queue.dead
  values = { arn = "arn:aws:sqs:eu-central-1:123456789012:store-freshet-hook-dead.fifo" }
}

override_resource {
  target = aws_cloudwatch_event_rule.every_minute
  values = { arn = "arn:aws:events:eu-central-1:123456789012:rule/store-freshet-every-minute" }
}

override_resource {
  target = module.destination["hook"].aws_sqs_queue.this
  values = { arn = "arn:aws:sqs:eu-central-1:123456789012:store-freshet-hook.fifo", url = "https://sqs/store-freshet-hook.fifo" }
}

override_resource {
  target = module.console[0].module.function.aws_lambda_function.this
  values = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:store-freshet-console" }
}

override_resource {
  target = module.console[0].aws_secretsmanager_secret.sessions
  values = { arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:store-freshet-console-sessions-AbCdEf" }
}

variables {
  packages = "./tests/packages"
  name     = "store"
  sources = {
    customers = { dynamodb_stream_arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/store-customers/stream/2026-01-01T00:00:00.000" }
  }
  destinations = {
    crm = {
      connector          = "hubspot", secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:crm-AbCdEf"
      secret_kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/theirs"
    }
    hook = { connector = "webhook", settings = { url = "https://a.example/hook" }, lanes = 1 }
  }
  lookup_tables = {
    accounts = {
      table_arn   = "arn:aws:dynamodb:eu-central-1:123456789012:table/store-accounts", key = { account_id = "S" }
      kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/accounts"
    }
  }
  console = {
    client_secret_arn         = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:console-AbCdEf"
    client_secret_kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/clients"
    roles                     = { claim = "groups", viewer = ["staff"], editor = ["sales", "support"] }
    contact                   = "Ask the data team."
  }
}

run "made" {
  assert {
    condition     = output.functions.console.name == "store-freshet-console" && output.console_url == "https://abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-central-1.on.aws/"
    error_message = "The console is a function with an address of its own."
  }

  assert {
    condition     = output.console.callbacks == ["https://abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-central-1.on.aws/sign-in/return"] && output.console.user_pool_id == null
    error_message = "What the identity provider has to know is put out."
  }

  assert {
    condition     = toset([for alarm in output.alarms : alarm if startswith(alarm, "store-freshet-console")]) == toset(["store-freshet-console-errors", "store-freshet-console-throttles", "store-freshet-console-pages"])
    error_message = "The console has its alarms, and none for what it never sets aside."
  }

  assert {
    condition = alltrue([
      for metric in ["UrlRequestCount", "Url4xxCount", "Url5xxCount", "Invocations", "Duration"] :
      anytrue([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : anytrue([for line in widget.properties.metrics : line[1] == metric && line[3] == "store-freshet-console"])])
    ])
    error_message = "The dashboard shows how the console is used, and what it costs."
  }
}

run "without_a_topic" {
  assert {
    condition     = length(module.alert) == 0 && length(aws_cloudwatch_event_target.alert) == 0 && !contains(keys(module.console[0].function.environment), "ALERT_TOPIC_ARN")
    error_message = "Nothing measures for people, and nothing is paid, where no message could go anywhere."
  }
}

run "with_alerts" {
  variables {
    console = {
      client_secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:console-AbCdEf"
      roles             = { claim = "groups", viewer = ["staff"] }
      alerts            = { topic_arn = "arn:aws:sns:eu-central-1:123456789012:alerts", topic_kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/topics" }
    }
  }

  override_resource {
    target = module.alert[0].aws_lambda_function.this
    values = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:store-freshet-alert" }
  }

  assert {
    condition = module.alert[0].environment == tomap({
      PIPELINES_TABLE = "store-freshet-pipelines"
      ACTIVITY_TABLE  = "store-freshet-activity"
      ALERT_TOPIC_ARN = "arn:aws:sns:eu-central-1:123456789012:alerts"
      QUEUES          = jsonencode({ crm = "https://sqs/store-freshet-crm.fifo", hook = "https://sqs/store-freshet-hook.fifo" })
    })
    error_message = "Alert finds what it measures, and the topic."
  }

  assert {
    condition = { for statement in output.functions.alert.policy : statement.Sid => "${join(" ", statement.Action)}: ${join(" ", statement.Resource)}" if statement.Sid != "WriteOwnLog" } == {
      ReadPipelines   = "dynamodb:GetItem dynamodb:Query: arn:aws:dynamodb:eu-central-1:123456789012:table/store-freshet-pipelines"
      MarkAlerts      = "dynamodb:UpdateItem: arn:aws:dynamodb:eu-central-1:123456789012:table/store-freshet-pipelines"
      ReadActivity    = "dynamodb:Query: arn:aws:dynamodb:eu-central-1:123456789012:table/store-freshet-activity"
      CountWhatWaits  = "sqs:GetQueueAttributes: arn:aws:sqs:eu-central-1:123456789012:store-freshet-crm.fifo arn:aws:sqs:eu-central-1:123456789012:store-freshet-hook.fifo"
      TellPeople      = "sns:Publish: arn:aws:sns:eu-central-1:123456789012:alerts"
      EncryptMessages = "kms:Decrypt kms:GenerateDataKey: arn:aws:kms:eu-central-1:123456789012:key/topics"
    }
    error_message = "Alert reads what it measures, marks what it has told, and writes to its topic only."
  }

  assert {
    condition = { for statement in output.functions.alert.policy : statement.Sid => jsonencode(statement.Condition) if can(statement.Condition) } == {
      MarkAlerts = jsonencode({ "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = ["alert"] } })
    }
    error_message = "Of the table of pipelines alert writes what people were told, and nothing else."
  }

  assert {
    condition = [
      aws_cloudwatch_event_target.alert[0].rule, aws_cloudwatch_event_target.alert[0].arn,
      aws_lambda_permission.alert[0].function_name, aws_lambda_permission.alert[0].source_arn,
      ] == [
      aws_cloudwatch_event_rule.every_minute.name, module.alert[0].arn,
      "store-freshet-alert", "arn:aws:events:eu-central-1:123456789012:rule/store-freshet-every-minute",
    ]
    error_message = "Alert is woken every minute, and by that schedule only."
  }

  assert {
    condition     = module.console[0].function.environment["ALERT_TOPIC_ARN"] == "arn:aws:sns:eu-central-1:123456789012:alerts"
    error_message = "The console says where messages go."
  }
}

run "reached" {
  module {
    source = "./modules/console"
  }

  variables {
    name                      = "store_a-freshet-console"
    environment               = { A = "b" }
    statements                = []
    client_secret_arn         = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:console-AbCdEf"
    client_secret_kms_key_arn = null
    cognito                   = false
    cognito_domain            = "unused"
    public_url                = null
    deletion_protection       = true
    stack = {
      architecture             = "arm64"
      packages                 = "./tests/packages"
      bucket_arn               = "arn:aws:s3:::the-bucket"
      kms_key_arn              = "arn:aws:kms:eu-central-1:123456789012:key/ours"
      permissions_boundary_arn = null
      log_retention_days       = 30
      alarm_topic_arn          = null
      tags                     = { "freshet:stack" = "store_a" }
    }
  }

  assert {
    condition     = aws_lambda_function_url.this.authorization_type == "NONE" && aws_lambda_function_url.this.function_name == "store_a-freshet-console"
    error_message = "The console decides itself who may see it."
  }

  assert {
    condition = jsonencode([
      aws_lambda_permission.url.action, aws_lambda_permission.url.function_name, aws_lambda_permission.url.principal, aws_lambda_permission.url.function_url_auth_type,
    ]) == jsonencode(["lambda:InvokeFunctionUrl", "store_a-freshet-console", "*", "NONE"])
    error_message = "Anybody may ask at the address, as long as it is one without AWS's own sign-in."
  }

  assert {
    condition = jsondecode(aws_cloudformation_stack.invoke.template_body).Resources == {
      Invoke = {
        Type = "AWS::Lambda::Permission"
        Properties = {
          FunctionName = "arn:aws:lambda:eu-central-1:123456789012:function:a-function", Action = "lambda:InvokeFunction"
          Principal    = "*", InvokedViaFunctionUrl = true
        }
      }
    }
    error_message = "The function may be invoked by way of its address, and in no other way."
  }

  assert {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9-]{0,127}$", aws_cloudformation_stack.invoke.name))
    error_message = "CloudFormation takes letters, digits and dashes in a stack's name."
  }

  assert {
    condition     = jsondecode(aws_secretsmanager_secret_version.sessions.secret_string) == { keys = [] }
    error_message = "The console makes the keys of its sessions itself, from none."
  }

  assert {
    condition = [
      aws_secretsmanager_secret.sessions.name, aws_secretsmanager_secret.sessions.kms_key_id, tostring(aws_secretsmanager_secret.sessions.recovery_window_in_days),
    ] == ["store_a-freshet-console-sessions", "arn:aws:kms:eu-central-1:123456789012:key/ours", "30"]
    error_message = "They are encrypted with the stack's key, and can be had back."
  }

  assert {
    condition     = length(aws_cognito_user_pool.this) == 0 && length(aws_secretsmanager_secret.client) == 0
    error_message = "Without Cognito nothing of it is made."
  }
}

run "known" {
  assert {
    condition = { for name, value in module.console[0].function.environment : name => value if !contains(keys(local.environment), name) } == {
      ALLOW_PRIVATE_ADDRESSES = "false"
      AUDIT_TABLE             = "store-freshet-audit"
      CONSOLE_SECRET_ARN      = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:console-AbCdEf"
      CONTACT                 = "Ask the data team."
      DESTINATIONS = jsonencode({
        crm  = { connector = "hubspot", lanes = 8, queue_url = "https://sqs/store-freshet-crm.fifo", secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:crm-AbCdEf", settings = {} }
        hook = { connector = "webhook", lanes = 1, queue_url = "https://sqs/store-freshet-hook.fifo", settings = { url = "https://a.example/hook" } }
      })
      LOOKUP_TABLES       = jsonencode({ accounts = { cache_seconds = 60, key = { account_id = "S" }, table = "store-accounts" } })
      ROLES               = jsonencode({ admin = [], claim = "groups", editor = ["sales", "support"], viewer = ["staff"] })
      SESSIONS_SECRET_ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:store-freshet-console-sessions-AbCdEf"
      SOURCES             = jsonencode(["customers"])
    }
    error_message = "The console is told what functions/console/src/config.rs reads."
  }

  assert {
    condition     = alltrue([for name, value in local.environment : module.console[0].function.environment[name] == value])
    error_message = "The console knows the stack's parts as the other functions do."
  }
}

run "permitted" {
  assert {
    condition = { for statement in output.functions.console.policy : statement.Sid => "${join(" ", statement.Action)}: ${join(" ", statement.Resource)}" } == {
      WriteOwnLog         = "logs:CreateLogStream logs:PutLogEvents: arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/a-function:*"
      ReadPipelines       = "dynamodb:GetItem dynamodb:Query: arn:aws:dynamodb:eu-central-1:123456789012:table/store-freshet-pipelines"
      PublishPipelines    = "dynamodb:PutItem dynamodb:UpdateItem: arn:aws:dynamodb:eu-central-1:123456789012:table/store-freshet-pipelines"
      KeepDraftsAndAlerts = "dynamodb:DeleteItem dynamodb:PutItem dynamodb:UpdateItem: arn:aws:dynamodb:eu-central-1:123456789012:table/store-freshet-pipelines"
      ReadTheLedger       = "dynamodb:BatchGetItem dynamodb:GetItem: arn:aws:dynamodb:eu-central-1:123456789012:table/store-freshet-ledger"
      FindRowsByAddress   = "dynamodb:Query: arn:aws:dynamodb:eu-central-1:123456789012:table/store-freshet-ledger/index/by-email"
      SeeToFailures       = "dynamodb:GetItem dynamodb:Scan dynamodb:UpdateItem: arn:aws:dynamodb:eu-central-1:123456789012:table/store-freshet-failures"
      ReadLargeFailures   = "s3:GetObject: arn:aws:s3:::the-bucket/failures/*"
      ReadActivity        = "dynamodb:Query: arn:aws:dynamodb:eu-central-1:123456789012:table/store-freshet-activity"
      KeepTheAuditLog     = "dynamodb:PutItem dynamodb:Query: arn:aws:dynamodb:eu-central-1:123456789012:table/store-freshet-audit"
      PublishChanges      = "kinesis:PutRecord kinesis:PutRecords: arn:aws:kinesis:eu-central-1:123456789012:stream/changes"
      ReadChanges         = "kinesis:GetRecords kinesis:GetShardIterator kinesis:ListShards: arn:aws:kinesis:eu-central-1:123456789012:stream/changes"
      CheckInOversize     = "s3:PutObject: arn:aws:s3:::the-bucket/oversize/*"
      RedeemOversize      = "s3:GetObject: arn:aws:s3:::the-bucket/oversize/*"
      SeeWhatIsGone       = "s3:ListBucket: arn:aws:s3:::the-bucket"
      SendDeliveries      = "sqs:GetQueueAttributes sqs:SendMessage: arn:aws:sqs:eu-central-1:123456789012:store-freshet-crm.fifo arn:aws:sqs:eu-central-1:123456789012:store-freshet-hook.fifo"
      LookUpRows          = "dynamodb:BatchGetItem: arn:aws:dynamodb:eu-central-1:123456789012:table/store-accounts"
      ReadEncryptedRows   = "kms:Decrypt: arn:aws:kms:eu-central-1:123456789012:key/accounts"
      ChangeConnections   = "secretsmanager:GetSecretValue secretsmanager:PutSecretValue: arn:aws:secretsmanager:eu-central-1:123456789012:secret:crm-AbCdEf"
      EncryptConnections  = "kms:Decrypt kms:GenerateDataKey: arn:aws:kms:eu-central-1:123456789012:key/theirs"
      KeepTheSessionsKeys = "secretsmanager:GetSecretValue secretsmanager:PutSecretValue: arn:aws:secretsmanager:eu-central-1:123456789012:secret:store-freshet-console-sessions-AbCdEf"
      ReadTheClient       = "secretsmanager:GetSecretValue: arn:aws:secretsmanager:eu-central-1:123456789012:secret:console-AbCdEf"
      DecryptTheClient    = "kms:Decrypt: arn:aws:kms:eu-central-1:123456789012:key/clients"
    }
    error_message = "The console may do what its code does, action by action, and nothing else."
  }

  assert {
    condition = { for statement in output.functions.console.policy : statement.Sid => jsonencode(statement.Condition) if can(statement.Condition) } == {
      PublishPipelines    = jsonencode({ "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = ["live", "revision", "version#*"] } })
      KeepDraftsAndAlerts = jsonencode({ "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = ["alert", "draft"] } })
    }
    error_message = "Of the table of pipelines the console writes pipelines and drafts, and nothing that functions note there for themselves."
  }
}

run "with_cognito" {
  variables {
    console = { cognito = true, public_url = "https://console.example" }
  }

  override_resource {
    target = module.console[0].aws_secretsmanager_secret.client
    values = { arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:store-freshet-console-client-AbCdEf" }
  }

  assert {
    condition     = output.console_url == "https://console.example" && output.console.user_pool_id == "eu-central-1_AbCdEfGhI"
    error_message = "The console is where its own address leads, and people are put into the user pool."
  }

  assert {
    condition = output.console.callbacks == [
      "https://abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-central-1.on.aws/sign-in/return", "https://console.example/sign-in/return",
    ]
    error_message = "People come back to the console at either address."
  }

  assert {
    condition     = jsondecode(module.console[0].function.environment["ROLES"]) == { claim = "cognito:groups", viewer = ["viewer"], editor = ["editor"], admin = ["admin"] }
    error_message = "The user pool's groups are the roles."
  }

  assert {
    condition = [
      module.console[0].function.environment["CONSOLE_SECRET_ARN"], module.console[0].function.environment["PUBLIC_URL"]
    ] == ["arn:aws:secretsmanager:eu-central-1:123456789012:secret:store-freshet-console-client-AbCdEf", "https://console.example"]
    error_message = "The console finds its client in the secret that is made for it."
  }
}

run "user_pool" {
  module {
    source = "./modules/console"
  }

  variables {
    name                      = "store-freshet-console"
    environment               = { A = "b" }
    statements                = []
    client_secret_arn         = null
    client_secret_kms_key_arn = null
    cognito                   = true
    cognito_domain            = "store-freshet-123456789012"
    public_url                = null
    deletion_protection       = false
    stack = {
      architecture             = "arm64"
      packages                 = "./tests/packages"
      bucket_arn               = "arn:aws:s3:::the-bucket"
      kms_key_arn              = null
      permissions_boundary_arn = null
      log_retention_days       = 30
      alarm_topic_arn          = null
      tags                     = {}
    }
  }

  assert {
    condition     = aws_cognito_user_pool.this[0].admin_create_user_config[0].allow_admin_create_user_only
    error_message = "Nobody signs up by himself."
  }

  assert {
    condition     = toset([for group in aws_cognito_user_group.this : group.name]) == toset(["viewer", "editor", "admin"])
    error_message = "There is a group for each role."
  }

  assert {
    condition = jsonencode([
      aws_cognito_user_pool_client.this[0].allowed_oauth_flows, aws_cognito_user_pool_client.this[0].callback_urls, aws_cognito_user_pool_client.this[0].generate_secret,
    ]) == jsonencode([["code"], ["https://abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-central-1.on.aws/sign-in/return"], true])
    error_message = "The client has the authorization code flow, and leads back to the console only."
  }

  assert {
    condition = jsondecode(aws_secretsmanager_secret_version.client[0].secret_string) == {
      issuer    = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI"
      client_id = "the-client", client_secret = "the-clients-secret"
    }
    error_message = "The secret has what functions/console/src/openid.rs reads."
  }

  assert {
    condition     = aws_secretsmanager_secret.client[0].recovery_window_in_days == 0 && aws_cognito_user_pool.this[0].deletion_protection == "INACTIVE"
    error_message = "A stack to try things with can be taken down, and made anew."
  }
}
