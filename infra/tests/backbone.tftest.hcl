# The stream between capture and transform.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name            = "store-freshet-changes"
  shards          = 3
  retention_hours = 48
  on_demand       = false
  kms_key_arn     = null
  tags            = { "freshet:stack" = "store" }
}

run "provisioned" {
  module {
    source = "./modules/backbone"
  }

  assert {
    condition     = aws_kinesis_stream.changes.shard_count == 3 && aws_kinesis_stream.changes.stream_mode_details[0].stream_mode == "PROVISIONED"
    error_message = "The stream has the shards that were asked for."
  }

  assert {
    condition     = aws_kinesis_stream.changes.retention_period == 48
    error_message = "The stream keeps records for as long as was asked for."
  }

  assert {
    condition     = aws_kinesis_stream.changes.encryption_type == "KMS" && aws_kinesis_stream.changes.kms_key_id == "alias/aws/kinesis"
    error_message = "The stream is encrypted, with AWS's key."
  }

  assert {
    condition     = aws_kinesis_stream.changes.tags["freshet:stack"] == "store"
    error_message = "The stream has the stack's tag."
  }
}

run "on_demand_with_customer_key" {
  module {
    source = "./modules/backbone"
  }

  variables {
    on_demand   = true
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/k"
  }

  assert {
    condition     = aws_kinesis_stream.changes.stream_mode_details[0].stream_mode == "ON_DEMAND"
    error_message = "The stream scales on demand."
  }

  assert {
    condition     = aws_kinesis_stream.changes.kms_key_id == "arn:aws:kms:eu-central-1:123456789012:key/k"
    error_message = "The stream is encrypted with the customer's key."
  }
}
