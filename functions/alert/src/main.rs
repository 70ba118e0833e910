//! Tells people when a pipeline passes a limit of theirs, and when that is over.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::lambda::run(alert::config::wire)
}
