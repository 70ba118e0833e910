# The function, and the address that it answers at.

module "function" {
  source = "../function"

  name            = var.name
  description     = "The web page on which people build, watch and mend pipelines."
  package         = "console"
  memory_mb       = 512
  timeout_seconds = 60
  statements      = concat(var.statements, local.statements)
  sets_aside      = false
  stack           = var.stack

  environment = merge(var.environment, {
    SESSIONS_SECRET_ARN = aws_secretsmanager_secret.sessions.arn
    CONSOLE_SECRET_ARN  = local.client_secret_arn
  })
}

locals {
  client_secret_arn = var.cognito ? one(aws_secretsmanager_secret.client[*].arn) : var.client_secret_arn

  statements = [
    {
      sid       = "KeepTheSessionsKeys"
      actions   = ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"]
      resources = [aws_secretsmanager_secret.sessions.arn]
      condition = null
    },
    {
      sid       = "ReadTheClient"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = [local.client_secret_arn]
      condition = null
    },
    {
      sid       = "DecryptTheClient"
      actions   = ["kms:Decrypt"]
      resources = var.client_secret_kms_key_arn[*]
      condition = null
    },
  ]
}

# Anybody may ask: who may see something is decided by the console, whose pages lead to signing in.
resource "aws_lambda_function_url" "this" {
  function_name      = module.function.name
  authorization_type = "NONE"
}

# "Control access to Lambda function URLs", Lambda guide: an address needs both, the second only by way of the address. The
# provider adds the first by itself, too, but keeps it in no state.
resource "aws_lambda_permission" "url" {
  statement_id           = "Url"
  action                 = "lambda:InvokeFunctionUrl"
  function_name          = module.function.name
  principal              = "*"
  function_url_auth_type = aws_lambda_function_url.this.authorization_type
}

# By CloudFormation, since aws_lambda_permission has its condition (invoked_via_function_url) only in version 6.28 and later
# of the provider. Without the condition every account of AWS could invoke the function with an event of its own making.
resource "aws_cloudformation_stack" "invoke" {
  name = "${replace(var.name, "_", "-")}-url"
  tags = var.stack.tags

  template_body = jsonencode({
    AWSTemplateFormatVersion = "2010-09-09"
    Description              = "Lets the address of ${var.name} invoke it."
    Resources = {
      Invoke = {
        Type = "AWS::Lambda::Permission"
        Properties = {
          FunctionName          = module.function.arn
          Action                = "lambda:InvokeFunction"
          Principal             = "*"
          InvokedViaFunctionUrl = true
        }
      }
    }
  })
}
