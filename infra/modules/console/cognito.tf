# People and their groups in a user pool, for who has no identity provider.

locals {
  cognito = var.cognito ? 1 : 0

  # The groups that people can be put in, and what the console makes of them.
  groups = {
    viewer = "Sees pipelines and what became of each change; personal values are hidden."
    editor = "Changes pipelines, and retries what failed."
    admin  = "Changes connections and alerts, and sees who changed what."
  }

  # Where people come back to from signing in. The function knows neither: it reads its client from a secret at run time,
  # or client, address and function would each wait for the other.
  callbacks = [for url in compact([aws_lambda_function_url.this.function_url, var.public_url]) : "${trimsuffix(url, "/")}/sign-in/return"]
}

resource "aws_cognito_user_pool" "this" {
  count = local.cognito

  name                     = var.name
  username_attributes      = ["email"]
  auto_verified_attributes = ["email"]
  mfa_configuration        = "OPTIONAL"
  deletion_protection      = var.deletion_protection ? "ACTIVE" : "INACTIVE"
  tags                     = var.stack.tags

  software_token_mfa_configuration {
    enabled = true
  }

  # Nobody signs up by himself.
  admin_create_user_config {
    allow_admin_create_user_only = true
  }

  password_policy {
    minimum_length                   = 14
    require_lowercase                = false
    require_numbers                  = false
    require_symbols                  = false
    require_uppercase                = false
    temporary_password_validity_days = 7
  }

  account_recovery_setting {
    recovery_mechanism {
      name     = "verified_email"
      priority = 1
    }
  }
}

resource "aws_cognito_user_group" "this" {
  for_each = { for name, description in local.groups : name => description if var.cognito }

  name         = each.key
  description  = each.value
  user_pool_id = aws_cognito_user_pool.this[0].id
}

resource "aws_cognito_user_pool_domain" "this" {
  count = local.cognito

  domain       = var.cognito_domain
  user_pool_id = aws_cognito_user_pool.this[0].id
}

resource "aws_cognito_user_pool_client" "this" {
  count = local.cognito

  name                                 = var.name
  user_pool_id                         = aws_cognito_user_pool.this[0].id
  generate_secret                      = true
  allowed_oauth_flows_user_pool_client = true
  allowed_oauth_flows                  = ["code"]
  allowed_oauth_scopes                 = ["openid", "profile", "email"]
  supported_identity_providers         = ["COGNITO"]
  callback_urls                        = local.callbacks
  prevent_user_existence_errors        = "ENABLED"
}

resource "aws_secretsmanager_secret" "client" {
  count = local.cognito

  name                    = "${var.name}-client"
  description             = "What Cognito knows ${var.name} by."
  kms_key_id              = var.stack.kms_key_arn
  recovery_window_in_days = local.recovery_window_in_days
  tags                    = var.stack.tags
}

resource "aws_secretsmanager_secret_version" "client" {
  count = local.cognito

  secret_id = aws_secretsmanager_secret.client[0].id
  secret_string = jsonencode({
    issuer        = "https://${aws_cognito_user_pool.this[0].endpoint}"
    client_id     = aws_cognito_user_pool_client.this[0].id
    client_secret = aws_cognito_user_pool_client.this[0].client_secret
  })
}
