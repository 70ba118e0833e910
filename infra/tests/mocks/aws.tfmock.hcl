# What AWS would answer, as far as the modules look at it.

mock_data "aws_caller_identity" {
  defaults = { account_id = "123456789012" }
}

mock_data "aws_region" {
  defaults = { id = "eu-central-1" }
}

mock_resource "aws_cloudwatch_log_group" {
  defaults = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/a-function" }
}

mock_resource "aws_dynamodb_table" {
  defaults = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/a-table" }
}

mock_resource "aws_iam_role" {
  defaults = { arn = "arn:aws:iam::123456789012:role/a-role" }
}

mock_resource "aws_kinesis_stream" {
  defaults = { arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/changes" }
}

mock_resource "aws_lambda_function" {
  defaults = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:a-function" }
}

mock_resource "aws_s3_bucket" {
  defaults = { arn = "arn:aws:s3:::the-bucket" }
}

mock_resource "aws_sqs_queue" {
  defaults = {
    arn = "arn:aws:sqs:eu-central-1:123456789012:a-queue"
    url = "https://sqs.eu-central-1.amazonaws.com/123456789012/a-queue"
  }
}

mock_resource "aws_lambda_function_url" {
  defaults = { function_url = "https://abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-central-1.on.aws/" }
}

mock_resource "aws_secretsmanager_secret" {
  defaults = { arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:a-secret-AbCdEf" }
}

mock_resource "aws_cognito_user_pool" {
  defaults = { id = "eu-central-1_AbCdEfGhI", endpoint = "cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI" }
}

mock_resource "aws_cognito_user_pool_client" {
  defaults = { id = "the-client", client_secret = "the-clients-secret" }
}
