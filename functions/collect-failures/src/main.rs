//! Turns what AWS gave up on into failures that a person sees.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::lambda::run(collect_failures::config::wire)
}
