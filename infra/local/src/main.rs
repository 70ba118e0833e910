//! The `freshet` command.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use freshet::commands::{
    self, demo, destinations, expressions, failures, invoke, lint, pipelines, plan, preview, sources, status, test,
};
use shared::config::ProcessEnvironment;

/// Fresh data, straight from the source.
#[derive(Debug, Parser)]
#[command(name = "freshet", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the whole stack on this machine with the life of an online store, and check that everything arrives in order
    Demo(demo::Arguments),
    /// Hand an event to one function, and show what it returns and what it emits
    Invoke(invoke::Arguments),
    /// List what can be delivered to, show the reference page of each, and check a stack's credentials
    Destinations(destinations::Arguments),
    /// List what expressions can use, with examples
    Expressions(expressions::Arguments),
    /// Check pipelines without running them: every problem with its line, its reason and its mend
    Lint(lint::Arguments),
    /// Run the tests beside pipelines, their [[tests]], without a stack
    Test(test::Arguments),
    /// Push, pull, compare and list the pipelines of a deployed stack
    Pipelines(pipelines::Arguments),
    /// Show what a pipeline would do with real events, without sending anything
    Preview(preview::Arguments),
    /// Tell what switching a pipeline on would mean: deliveries, requests, quota, backfill, dollars
    Plan(plan::Arguments),
    /// List the sources of a deployed stack, and what is known of their fields
    Sources(sources::Arguments),
    /// Show how fresh the data of a deployed stack is, what waits and what failed
    Status(status::Arguments),
    /// List, show, redrive and discard the failures of a deployed stack
    Failures(failures::Arguments),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    commands::log();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("freshet: the runtime does not start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(async {
        match cli.command {
            Command::Demo(arguments) => demo::command(arguments).await,
            Command::Invoke(arguments) => invoke::command(arguments).await,
            Command::Destinations(arguments) => destinations::command(&arguments, &ProcessEnvironment).await,
            Command::Expressions(arguments) => expressions::command(&arguments),
            Command::Lint(arguments) => lint::command(&arguments, &ProcessEnvironment).await,
            Command::Test(arguments) => test::command(&arguments, &ProcessEnvironment),
            Command::Pipelines(arguments) => pipelines::command(arguments, &ProcessEnvironment).await,
            Command::Preview(arguments) => preview::command(arguments, &ProcessEnvironment).await,
            Command::Plan(arguments) => plan::command(arguments, &ProcessEnvironment).await,
            Command::Sources(arguments) => sources::command(arguments, &ProcessEnvironment).await,
            Command::Status(arguments) => Box::pin(status::command(arguments, &ProcessEnvironment)).await,
            Command::Failures(arguments) => failures::command(arguments, &ProcessEnvironment).await,
        }
    });
    ended.unwrap_or_else(|error| {
        eprintln!("freshet: {error:#}");
        ExitCode::FAILURE
    })
}
