//! `freshet pipelines`: a folder of pipelines, and those that are live on a stack.

mod diff;
mod seen;
mod standing;

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, anyhow, bail};
use clap::{Args, Subcommand};
use shared::{
    aws::PipelinesTable,
    config::Environment,
    pipeline::{
        Outline,
        publication::{Change, Edition, Others, PublishError, Published},
        timeline::NOTICE,
    },
    ports::{Pipelines as _, Publishing as _},
    time::{Clock as _, SystemClock},
};

use self::seen::Seen;
pub use self::{
    diff::diff,
    standing::{history, in_words, pause, resume, roll_back, show},
};
use super::table::{Side, Table};
use crate::{
    deployed::{Chosen, Connection},
    pipelines,
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
        /// Also where others have published what the folder has not seen; their versions stay in the history
        #[arg(long)]
        force: bool,
        /// Return only when it is in effect, for scripts that write changes next
        #[arg(long)]
        wait: bool,
        #[command(flatten)]
        author: Author,
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
    /// List the live pipelines, and how each stands
    List {
        #[command(flatten)]
        stack: Chosen,
    },
    /// List the versions of a pipeline: who published each, and when
    History {
        /// The pipeline
        name: String,
        #[command(flatten)]
        stack: Chosen,
    },
    /// Write the text of a pipeline to standard output
    Show {
        /// The pipeline
        name: String,
        /// Which version; the newest, without
        #[arg(long, value_name = "N")]
        version: Option<u64>,
        #[command(flatten)]
        stack: Chosen,
    },
    /// Publish the text of an older version as the next one; what was sent is not undone
    Rollback {
        /// The pipeline
        name: String,
        /// The version to go back to
        #[arg(long, value_name = "N")]
        to: u64,
        #[command(flatten)]
        author: Author,
        #[command(flatten)]
        stack: Chosen,
    },
    /// Send nothing of a pipeline from now on, also of what is queued; a resume sends what was left out
    Pause {
        /// The pipeline
        name: String,
        /// Why, for others to read
        #[arg(long)]
        reason: Option<String>,
        #[command(flatten)]
        author: Author,
        #[command(flatten)]
        stack: Chosen,
    },
    /// Send what a pause has left out, in order, and then what arrives
    Resume {
        /// The pipeline
        name: String,
        #[command(flatten)]
        stack: Chosen,
    },
}

/// Who makes a change.
#[derive(Debug, Args)]
struct Author {
    /// Your name in the history; the name that you are logged in with, without
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

impl Author {
    fn name(&self, environment: &dyn Environment) -> String {
        let logged_in = || ["USER", "LOGNAME"].iter().find_map(|name| environment.get(name));
        self.by.clone().or_else(logged_in).filter(|name| !name.is_empty()).unwrap_or_else(|| "somebody".to_owned())
    }

    /// A publication now, in effect when every function knows of it.
    async fn edition(&self, stack: &Connection<'_>, environment: &dyn Environment) -> anyhow::Result<Edition> {
        let at = stack.pipelines().now().await?;
        Ok(Edition { by: self.name(environment), at, from: at + NOTICE })
    }
}

/// Does what is asked.
pub async fn command(arguments: Arguments, environment: &dyn Environment) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Push { folder, prune, force, wait, author, stack } => {
            let others = if prune { Others::Retire } else { Others::Keep };
            let stack = stack.connect(environment)?;
            let edition = author.edition(&stack, environment).await?;
            print!("{}", push(&stack, &folder, others, force, &edition).await?);
            if wait {
                // Also where nothing has changed: somebody else may have pushed the same a moment ago.
                tokio::time::sleep(NOTICE).await;
            }
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
        Command::History { name, stack } => print!("{}", history(&stack.connect(environment)?, &name).await?),
        Command::Show { name, version, stack } => {
            print!("{}", show(&stack.connect(environment)?, &name, version).await?);
        }
        Command::Rollback { name, to, author, stack } => {
            let stack = stack.connect(environment)?;
            let edition = author.edition(&stack, environment).await?;
            print!("{}", roll_back(&stack, &name, to, &edition).await?);
        }
        Command::Pause { name, reason, author, stack } => {
            let (stack, by) = (stack.connect(environment)?, author.name(environment));
            let now = stack.pipelines().now().await?;
            print!("{}", pause(&stack, &name, &by, reason.as_deref(), now).await?);
        }
        Command::Resume { name, stack } => {
            let stack = stack.connect(environment)?;
            let now = stack.pipelines().now().await?;
            print!("{}", resume(&stack, &name, now).await?);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Publishes a folder's pipelines in one transaction, and tells what became of each. Where anything is wrong, or others
/// have published what the folder has not seen, nothing is changed, and the error has every problem. With `force` the
/// folder counts, whatever it has seen.
pub async fn push(
    stack: &Connection<'_>,
    folder: &Path,
    others: Others,
    force: bool,
    edition: &Edition,
) -> anyhow::Result<String> {
    let files =
        pipelines::read(folder, &stack.known().await?).map_err(|error| anyhow!("nothing was pushed:\n{error:#}"))?;
    let documents: Vec<_> = files.iter().map(|file| (&*file.pipeline.name, &*file.document)).collect();
    let mut seen = Seen::read(folder, &stack.deployed)?;
    let over = seen.versions().filter(|_| !force);
    let published = match stack.pipelines().publish_over(&documents, others, edition, over).await {
        Ok(published) => published,
        Err(error @ PublishError::Overtaken(_)) => {
            let folder = folder.display();
            bail!(
                "{error}\n`freshet pipelines diff {folder}` shows what differs. Bring their changes into your files and push \
                 with --force, or give yours up with `freshet pipelines pull --force {folder}`"
            )
        }
        Err(error) => return Err(error.into()),
    };
    let widest = published.iter().map(|published| published.name.len()).max().unwrap_or(0);
    let mut told = String::new();
    for published in &published {
        let change = match published.change {
            Change::New => "new",
            Change::Changed => "changed",
            Change::Unchanged => "unchanged",
            Change::Retired => "out of service",
        };
        writeln!(told, "{:<widest$}  version {} ({change})", published.name, published.version)?;
    }
    if published.iter().any(|published| published.change != Change::Unchanged) {
        writeln!(told, "In effect for what arrives from {} on.", edition.from.to_rfc3339())?;
    }
    let version = |published: &Published| (published.change != Change::Retired).then_some(published.version);
    if let Err(error) = seen.note(published.iter().map(|published| (published.name.as_str(), version(published)))) {
        writeln!(
            told,
            "All of it is published; but {error:#}, so the next push from here cannot know what it has seen."
        )?;
    }
    Ok(told)
}

/// Writes the live pipelines into a folder, byte for byte as they were pushed, and tells what became of each file. A
/// pipeline that stands in the folder already stays in its file, whatever that is called. A file that nobody has touched
/// since it was pulled or pushed is brought up to date; one that says something else is only overwritten with `force`.
pub async fn pull(stack: &Connection<'_>, folder: &Path, force: bool) -> anyhow::Result<String> {
    let present = pipelines::by_name(folder)?;
    let mut seen = Seen::read(folder, &stack.deployed)?;
    let table = stack.pipelines();
    let mut live = table.live().await?;
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
            Some(bytes) if is_as_seen(&table, &seen, &pipeline.name, &bytes).await? => {
                writes.push((file, pipeline, "brought up to date"));
            }
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
    for (file, pipeline, what) in &writes {
        if *what != "unchanged" {
            std::fs::write(file, &pipeline.document)
                .with_context(|| format!("{} cannot be written", file.display()))?;
        }
        writeln!(told, "{}  version {} ({what})", file.display(), pipeline.version)?;
    }
    let gone = present.iter().filter(|(name, _)| !writes.iter().any(|(_, pipeline, _)| pipeline.name == **name));
    let gone: Vec<_> = gone.collect();
    for (_, (file, _)) in &gone {
        writeln!(told, "{}  is not live (kept)", file.display())?;
    }
    if writes.is_empty() {
        told.push_str("No pipeline is live on this stack.\n");
    }
    let live = writes.iter().map(|(_, pipeline, _)| (pipeline.name.as_str(), Some(pipeline.version)));
    seen.note(live.chain(gone.iter().map(|(name, _)| (name.as_str(), None))))?;
    Ok(told)
}

/// Whether a file says what the version said that was seen last.
async fn is_as_seen(table: &PipelinesTable, seen: &Seen, name: &str, bytes: &[u8]) -> anyhow::Result<bool> {
    let Some(version) = seen.versions().and_then(|versions| versions.get(name)) else { return Ok(false) };
    let document = table.document(name, *version).await?;
    Ok(document.is_some_and(|document| document.as_bytes() == bytes))
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
        ("state", Side::Left),
    ]);
    let (now, retention) = (SystemClock.now(), stack.deployed.retention());
    for pipeline in live {
        let Outline { source, destination, action, .. } = Outline::of(&pipeline.document);
        let [source, destination, action] = [source, destination, action].map(Option::unwrap_or_default);
        let state = in_words(&pipeline.state, now, retention);
        table.row([pipeline.name, pipeline.version.to_string(), source, destination, action, state]);
    }
    if table.is_empty() {
        return Ok("No pipeline is live on this stack; `freshet pipelines push <folder>` makes some so.\n".to_owned());
    }
    Ok(table.render(None))
}
