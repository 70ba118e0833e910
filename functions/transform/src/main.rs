//! Filters and maps change events into deliveries, one queue a destination.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::lambda::run(transform::config::wire)
}
