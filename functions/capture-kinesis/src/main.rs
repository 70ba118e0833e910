//! Turns the records of Kinesis streams into change events.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::lambda::run(capture_kinesis::CaptureKinesis::wire)
}
