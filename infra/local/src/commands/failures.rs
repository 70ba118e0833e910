//! `freshet failures`: what did not arrive, and what a person does about it.

mod list;
pub mod redrive;
mod show;

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use shared::{
    config::Environment,
    failure::{Marked, Selection, Stage, Standing},
    ports::KeptFailures as _,
    redrive::UNKNOWN,
    time::{Clock as _, SystemClock},
};

pub use self::{list::list, redrive::redrive, show::show};
use super::table::terminal_width;
use crate::deployed::{Chosen, Connection};

/// The arguments of `freshet failures`.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// Which failures.
#[derive(Debug, Args)]
struct Filters {
    /// Those of this pipeline
    #[arg(long, value_name = "NAME")]
    pipeline: Option<String>,
    /// Those of this destination
    #[arg(long, value_name = "NAME")]
    destination: Option<String>,
    /// Those of this stage: capture, transform, deliver, invocation
    #[arg(long, value_name = "STAGE")]
    stage: Option<Stage>,
}

impl Filters {
    fn selection(self, standing: Standing) -> Selection {
        let Self { pipeline, destination, stage } = self;
        Selection { pipeline, destination, stage, standing: Some(standing), ..Selection::default() }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List failures, newest first
    List {
        #[command(flatten)]
        filters: Filters,
        /// Those that stand like this: open, redriven, discarded
        #[arg(long, value_name = "STATE", default_value = "open")]
        state: Standing,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: usize,
        #[command(flatten)]
        stack: Chosen,
    },
    /// Show everything about a failure, and what failed
    Show {
        /// Its id, as the list has it
        id: String,
        #[command(flatten)]
        stack: Chosen,
    },
    /// Send failures on their way again, from where they failed
    Redrive {
        /// Their ids, as the list has them
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        ids: Vec<String>,
        /// All open ones, or those of the filters
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        filters: Filters,
        #[command(flatten)]
        stack: Chosen,
    },
    /// Give failures up: they are kept, and nobody is asked to see to them any more
    Discard {
        /// Their ids, as the list has them
        #[arg(required = true)]
        ids: Vec<String>,
        /// Why, for whoever looks later
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        stack: Chosen,
    },
}

/// Does what is asked.
pub async fn command(arguments: Arguments, environment: &dyn Environment) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::List { filters, state, limit, stack } => {
            let stack = stack.connect(environment)?;
            print!("{}", list(&stack, &filters.selection(state), limit, terminal_width()).await?);
        }
        Command::Show { id, stack } => print!("{}", show(&stack.connect(environment)?, &id).await?),
        Command::Redrive { ids, all, filters, stack } => {
            let named = filters.pipeline.is_some() || filters.destination.is_some() || filters.stage.is_some();
            if named && !all {
                bail!("filters go with --all; of failures named by their ids, each is redriven");
            }
            let stack = stack.connect(environment)?;
            let ids = if all { open(&stack, filters).await? } else { ids };
            let report = redrive(&stack, &ids).await?;
            print!("{report}");
            return Ok(if report.is_whole() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Discard { ids, reason, stack } => {
            print!("{}", discard(&stack.connect(environment)?, &ids, &reason).await?);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The ids of all open failures of the filters, oldest first.
async fn open(stack: &Connection<'_>, filters: Filters) -> anyhow::Result<Vec<String>> {
    let listed = stack.failures().list(&filters.selection(Standing::Open)).await?;
    Ok(listed.into_iter().rev().map(|failure| failure.id).collect())
}

/// Gives failures up, and tells of each what became of it.
pub async fn discard(stack: &Connection<'_>, ids: &[String], reason: &str) -> anyhow::Result<String> {
    if reason.trim().is_empty() {
        bail!("the reason is empty; say in a few words why this is given up, for whoever looks later");
    }
    let table = stack.failures();
    let mut told = String::new();
    for id in ids {
        let marked = table.discard(id, reason, SystemClock.now()).await?;
        let line = match (marked, table.get(id).await?) {
            (Marked::Yes, _) => format!("discarded  {id}\n"),
            (Marked::Overtaken, None) => format!("left alone  {id}: {UNKNOWN}\n"),
            (Marked::Overtaken, Some(kept)) => {
                format!(
                    "left alone  {id}: it is {}, and only what is open is given up\n",
                    kept.listed.standing.as_str()
                )
            }
        };
        told.push_str(&line);
    }
    Ok(told)
}
