# The keys that sessions are sealed with. The console writes them itself, and renews them.
resource "aws_secretsmanager_secret" "sessions" {
  name                    = "${var.name}-sessions"
  description             = "The keys of the sessions of ${var.name}, which renews them itself."
  kms_key_id              = var.stack.kms_key_arn
  recovery_window_in_days = local.recovery_window_in_days
  tags                    = var.stack.tags
}

resource "aws_secretsmanager_secret_version" "sessions" {
  secret_id     = aws_secretsmanager_secret.sessions.id
  secret_string = jsonencode({ keys = [] })

  lifecycle {
    # What the console has written since.
    ignore_changes = [secret_string, version_stages]
  }
}

locals {
  # Without protection a stack can be made anew under its name at once.
  recovery_window_in_days = var.deletion_protection ? 30 : 0
}
