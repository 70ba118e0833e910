//! Turns the records of DynamoDB streams into change events.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::lambda::run(capture_dynamodb::CaptureDynamodb::wire)
}
