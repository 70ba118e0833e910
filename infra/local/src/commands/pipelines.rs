//! `freshet pipelines`: a folder of pipelines, and those that are live on a stack.

mod diff;

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, anyhow, bail};
use clap::{Args, Subcommand};
use shared::{
    aws::{Change, Others, PublishError},
    config::Environment,
    ports::Pipelines as _,
};

pub use self::diff::diff;
use super::table::{Side, Table};
use crate::{
    deployed::{Chosen, Connection},
    pipelines::{self, Outline},
};

/// The arguments of `freshet pipelines`.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a folder's pipelines live: all of them, or none where one is wrong
    Push {
        /// The folder of *.toml
        #[arg(default_value = "pipelines")]
        folder: PathBuf,
        /// Also take live pipelines that are not in the folder out of service; their history stays
        #[arg(long)]
        prune: bool,
        #[command(flatten)]
        stack: Chosen,
    },
    /// Write the live pipelines into a folder, as they were pushed
    Pull {
        /// The folder of *.toml
        #[arg(default_value = "pipelines")]
        folder: PathBuf,
        /// Overwrite files that say something else
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        stack: Chosen,
    },
    /// Show what a push would change; exits with 1 where it would change something
    Diff {
        /// The folder of *.toml
        #[arg(default_value = "pipelines")]
        folder: PathBuf,
        #[command(flatten)]
        stack: Chosen,
    },
    /// List the live pipelines
    List {
        #[command(flatten)]
        stack: Chosen,
    },
}

/// Does what is asked.
pub async fn command(arguments: Arguments, environment: &dyn Environment) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Push { folder, prune, stack } => {
            let others = if prune { Others::Retire } else { Others::Keep };
            print!("{}", push(&stack.connect(environment)?, &folder, others).await?);
        }
        Command::Pull { folder, force, stack } => {
            print!("{}", pull(&stack.connect(environment)?, &folder, force).await?);
        }
        Command::Diff { folder, stack } => {
            let differences = diff(&stack.connect(environment)?, &folder).await?;
            print!("{differences}");
            return Ok(if differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::List { stack } => print!("{}", list(&stack.connect(environment)?).await?),
    }
    Ok(ExitCode::SUCCESS)
}

/// Publishes a folder's pipelines in one transaction, and tells what became of each. Where anything is wrong, nothing is
/// changed, and the error has every problem with its file and line.
pub async fn push(stack: &Connection<'_>, folder: &Path, others: Others) -> anyhow::Result<String> {
    let files =
        pipelines::read(folder, &stack.deployed.known()).map_err(|error| anyhow!("nothing was pushed:\n{error:#}"))?;
    let documents: Vec<_> = files.iter().map(|file| (&*file.pipeline.name, &*file.document)).collect();
    let published = match stack.pipelines().publish_all(&documents, others).await {
        Ok(published) => published,
        Err(error @ PublishError::Overtaken) => {
            bail!("{error}; `freshet pipelines diff {}` shows it", folder.display())
        }
        Err(error) => return Err(error.into()),
    };
    let widest = published.iter().map(|published| published.name.len()).max().unwrap_or(0);
    let mut told = String::new();
    for published in published {
        let change = match published.change {
            Change::New => "new",
            Change::Changed => "changed",
            Change::Unchanged => "unchanged",
            Change::Retired => "out of service",
        };
        writeln!(told, "{:<widest$}  version {} ({change})", published.name, published.version)?;
    }
    Ok(told)
}

/// Writes the live pipelines into a folder, byte for byte as they were pushed, and tells what became of each file. A
/// pipeline that stands in the folder already stays in its file, whatever that is called.
pub async fn pull(stack: &Connection<'_>, folder: &Path, force: bool) -> anyhow::Result<String> {
    let present = pipelines::by_name(folder)?;
    let mut live = stack.pipelines().live().await?;
    live.sort_by(|a, b| a.name.cmp(&b.name));
    let mut writes = Vec::new();
    let mut refused = Vec::new();
    for pipeline in live {
        let file = present.get(&pipeline.name).map(|(file, _)| file.clone());
        let file = file.unwrap_or_else(|| folder.join(format!("{}.toml", pipeline.name)));
        // What stands there under the pipeline's name may be another pipeline.
        let there = match std::fs::read(&file) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| format!("{} cannot be read", file.display())),
        };
        match there {
            Some(bytes) if bytes == pipeline.document.as_bytes() => writes.push((file, pipeline, "unchanged")),
            Some(_) if !force => refused.push(file.display().to_string()),
            Some(_) => writes.push((file, pipeline, "overwritten")),
            None => writes.push((file, pipeline, "written")),
        }
    }
    if !refused.is_empty() {
        bail!(
            "nothing was written, since these files say something else than what is live: {}; look at it with `freshet \
             pipelines diff {}`, and overwrite them with --force",
            refused.join(", "),
            folder.display()
        );
    }
    std::fs::create_dir_all(folder).with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    let mut told = String::new();
    for (file, pipeline, what) in writes {
        if what != "unchanged" {
            std::fs::write(&file, &pipeline.document)
                .with_context(|| format!("{} cannot be written", file.display()))?;
        }
        writeln!(told, "{}  version {} ({what})", file.display(), pipeline.version)?;
    }
    if told.is_empty() {
        told.push_str("No pipeline is live on this stack.\n");
    }
    Ok(told)
}

/// The live pipelines as a table.
pub async fn list(stack: &Connection<'_>) -> anyhow::Result<String> {
    let mut live = stack.pipelines().live().await?;
    live.sort_by(|a, b| a.name.cmp(&b.name));
    let mut table = Table::new([
        ("pipeline", Side::Left),
        ("version", Side::Right),
        ("source", Side::Left),
        ("destination", Side::Left),
        ("action", Side::Left),
    ]);
    for pipeline in live {
        let Outline { source, destination, action, .. } = Outline::of(&pipeline.document);
        let [source, destination, action] = [source, destination, action].map(Option::unwrap_or_default);
        table.row([pipeline.name, pipeline.version.to_string(), source, destination, action]);
    }
    if table.is_empty() {
        return Ok("No pipeline is live on this stack; `freshet pipelines push <folder>` makes some so.\n".to_owned());
    }
    Ok(table.render(None))
}
