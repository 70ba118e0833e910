locals {
  # The key of each table, as `shared::aws` reads and writes it, and whether its items have an end; an index of keys, by
  # its name, on a text.
  tables = {
    pipelines = { hash = { name = "kind", type = "S" }, range = { name = "name", type = "S" }, expires = false }
    ledger    = { hash = { name = "id", type = "S" }, range = null, expires = true, index = { name = "by-email", text = "email" } }
    failures  = { hash = { name = "id", type = "S" }, range = null, expires = false }
    activity  = { hash = { name = "minute", type = "N" }, range = { name = "stage", type = "S" }, expires = true }
    # Kept though there is no console any more: who changed what.
    audit = { hash = { name = "kind", type = "S" }, range = { name = "at", type = "S" }, expires = false }
  }
}

resource "aws_dynamodb_table" "this" {
  for_each = local.tables

  name                        = "${var.prefix}-${each.key}"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = each.value.hash.name
  range_key                   = try(each.value.range.name, null)
  deletion_protection_enabled = var.deletion_protection
  tags                        = var.tags

  dynamic "attribute" {
    for_each = [for key in [each.value.hash, each.value.range] : key if key != null]
    content {
      name = attribute.value.name
      type = attribute.value.type
    }
  }

  dynamic "attribute" {
    for_each = try([each.value.index.text], [])
    content {
      name = attribute.value
      type = "S"
    }
  }

  dynamic "global_secondary_index" {
    for_each = try([each.value.index], [])
    content {
      name            = global_secondary_index.value.name
      hash_key        = global_secondary_index.value.text
      projection_type = "KEYS_ONLY"
    }
  }

  dynamic "ttl" {
    for_each = each.value.expires ? ["expires_at"] : []
    content {
      attribute_name = ttl.value
      enabled        = true
    }
  }

  point_in_time_recovery {
    enabled = true
  }

  # Without a customer's key the table has AWS's own in KMS, whose use CloudTrail shows.
  server_side_encryption {
    enabled     = true
    kms_key_arn = var.kms_key_arn
  }
}
