//! The web page on which people build, watch and mend pipelines, behind a function URL.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::lambda::start(console::config::wire, |console| lambda_http::run(console.router()))
}
