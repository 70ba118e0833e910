# The tables and the bucket: kept, encrypted, closed to the public.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  prefix              = "store-freshet"
  bucket              = "store-freshet-123456789012-eu-central-1"
  kms_key_arn         = null
  deletion_protection = true
  tags                = { "freshet:stack" = "store" }
}

run "tables" {
  module {
    source = "./modules/state"
  }

  assert {
    condition     = toset([for table in aws_dynamodb_table.this : table.name]) == toset(["store-freshet-pipelines", "store-freshet-ledger", "store-freshet-failures", "store-freshet-activity", "store-freshet-audit"])
    error_message = "The five tables have the local stack's names."
  }

  assert {
    condition = {
      for key, table in aws_dynamodb_table.this : key => [for name in compact([table.hash_key, table.range_key]) : "${name} ${one([for attribute in table.attribute : attribute.type if attribute.name == name])}"]
      } == {
      activity = ["minute N", "stage S"], audit = ["kind S", "at S"], failures = ["id S"], ledger = ["id S"], pipelines = ["kind S", "name S"]
    }
    error_message = "The tables have the keys that shared/src/aws reads and writes."
  }

  assert {
    condition = [
      for key, table in aws_dynamodb_table.this : [for index in table.global_secondary_index : "${key} ${index.name} ${index.hash_key} ${index.projection_type}"] if length(table.global_secondary_index) > 0
    ] == [["ledger by-email email KEYS_ONLY"]]
    error_message = "The ledger alone has an index, of keys only, by the address that was sent last."
  }

  assert {
    condition     = alltrue([for table in aws_dynamodb_table.this : table.billing_mode == "PAY_PER_REQUEST"])
    error_message = "Every table is on demand."
  }

  assert {
    condition     = alltrue([for table in aws_dynamodb_table.this : table.point_in_time_recovery[0].enabled])
    error_message = "Every table has point-in-time recovery."
  }

  assert {
    condition     = alltrue([for table in aws_dynamodb_table.this : table.server_side_encryption[0].enabled])
    error_message = "Every table is encrypted with a key in KMS."
  }

  assert {
    condition     = alltrue([for table in aws_dynamodb_table.this : table.deletion_protection_enabled])
    error_message = "Every table refuses to be deleted."
  }

  assert {
    condition = {
      for key, table in aws_dynamodb_table.this : key => try(table.ttl[0].attribute_name, "") if try(table.ttl[0].enabled, false)
    } == { activity = "expires_at", ledger = "expires_at" }
    error_message = "The tables whose items have an end forget them; pipelines, failures and the audit log stay."
  }

  assert {
    condition     = alltrue([for table in aws_dynamodb_table.this : table.tags["freshet:stack"] == "store"])
    error_message = "Every table has the stack's tag."
  }
}

run "bucket" {
  module {
    source = "./modules/state"
  }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this.block_public_acls,
      aws_s3_bucket_public_access_block.this.block_public_policy,
      aws_s3_bucket_public_access_block.this.ignore_public_acls,
      aws_s3_bucket_public_access_block.this.restrict_public_buckets,
    ])
    error_message = "The bucket is closed to the public in all four ways."
  }

  assert {
    condition     = one(aws_s3_bucket_ownership_controls.this.rule).object_ownership == "BucketOwnerEnforced"
    error_message = "The bucket has no ACLs."
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    error_message = "The bucket is encrypted."
  }

  assert {
    condition = jsondecode(aws_s3_bucket_policy.this.policy).Statement == [{
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = ["arn:aws:s3:::the-bucket", "arn:aws:s3:::the-bucket/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
    error_message = "The bucket's policy denies what comes without TLS, and allows nothing."
  }

  assert {
    condition = {
      for rule in aws_s3_bucket_lifecycle_configuration.this.rule : rule.filter[0].prefix => rule.expiration[0].days
      if length(rule.expiration) > 0
    } == { "aws/lambda/" = 45, "oversize/" = 45 }
    error_message = "References and what Lambda gave up on are kept for 45 days; failures have no end."
  }

  assert {
    condition = [
      for rule in aws_s3_bucket_lifecycle_configuration.this.rule : rule.abort_incomplete_multipart_upload[0].days_after_initiation
      if length(rule.abort_incomplete_multipart_upload) > 0
    ] == [1]
    error_message = "Uploads that never ended are removed."
  }

  assert {
    condition     = !aws_s3_bucket.this.force_destroy && aws_s3_bucket.this.tags["freshet:stack"] == "store"
    error_message = "The bucket is tagged, and not deleted while it is not empty."
  }
}

run "customer_key" {
  module {
    source = "./modules/state"
  }

  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/k"
  }

  assert {
    condition     = alltrue([for table in aws_dynamodb_table.this : table.server_side_encryption[0].kms_key_arn == var.kms_key_arn])
    error_message = "Every table is encrypted with the customer's key."
  }

  assert {
    condition = [
      for default in one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default :
      "${default.sse_algorithm} ${default.kms_master_key_id}"
    ] == ["aws:kms arn:aws:kms:eu-central-1:123456789012:key/k"]
    error_message = "The bucket is encrypted with the customer's key."
  }
}

run "without_deletion_protection" {
  module {
    source = "./modules/state"
  }

  variables {
    deletion_protection = false
  }

  assert {
    condition     = aws_s3_bucket.this.force_destroy && !anytrue([for table in aws_dynamodb_table.this : table.deletion_protection_enabled])
    error_message = "What protects from deletion can be switched off as a whole."
  }
}
