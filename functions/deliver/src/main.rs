//! Sends one destination's deliveries to its vendor.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::lambda::run(deliver::config::wire)
}
