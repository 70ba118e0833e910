//! The pipeline that a command is asked about: its document, its destination, and the stack that both belong to.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use shared::{
    config::Environment,
    destination::{self, Destination},
    event::ChangeEvent,
    ledger::{Entry, LedgerKey},
    lookup::Rows,
    nearest::suggestion,
    pipeline::{Known, Pipeline},
    ports::{Ledger as _, Publishing as _},
    preview::look_up,
};

use super::{VARIABLES, against::nearest};
use crate::{
    deployed::{Chosen, Connection},
    stack::variables::Variables,
};

/// Which pipeline, and of which stack.
#[derive(Debug, Args)]
pub struct Asked {
    /// The pipeline: a file, or the name of one that is live on the stack
    pipeline: String,
    /// The folder with the stack's terraform.tfvars, where the stack does not run; the nearest one at or above the file,
    /// without
    #[arg(long, value_name = "FOLDER")]
    stack: Option<PathBuf>,
    #[command(flatten)]
    deployed: Chosen,
}

/// What was asked about.
pub struct Subject<'a> {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// Its destination.
    pub destination: Destination,
    /// The stack, where it runs.
    pub stack: Option<Connection<'a>>,
}

impl Asked {
    /// Finds the pipeline and checks it.
    pub async fn find<'a>(&self, environment: &'a dyn Environment) -> anyhow::Result<Subject<'a>> {
        let file = Path::new(&self.pipeline);
        let is_file = file.is_file();
        if self.stack.is_none() && self.deployed.is_named(environment) {
            let stack = self.deployed.connect(environment)?;
            let (place, document) =
                if is_file { (self.pipeline.clone(), read(file)?) } else { live(&stack, &self.pipeline).await? };
            let (pipeline, destination) = parse(&place, &document, &stack.known().await?)?;
            return Ok(Subject { pipeline, destination, stack: Some(stack) });
        }
        if !is_file {
            bail!(
                "there is no file {}; name a pipeline's file, or with --outputs a pipeline that is live on a stack",
                self.pipeline
            );
        }
        let file_of_stack = match &self.stack {
            Some(folder) => folder.join(VARIABLES),
            None => nearest(file)?.ok_or_else(|| {
                anyhow!(
                    "there is no {VARIABLES} at or above {}; name the stack's folder with --stack, or its outputs with \
                     --outputs",
                    file.display()
                )
            })?,
        };
        let known = Variables::read(&file_of_stack)?.known();
        let (pipeline, destination) = parse(&self.pipeline, &read(file)?, &known)?;
        Ok(Subject { pipeline, destination, stack: None })
    }
}

impl Subject<'_> {
    /// The rows that the pipeline looks up for events; where the stack does not run, all of them are missing.
    pub async fn rows(&self, events: &[ChangeEvent]) -> anyhow::Result<Rows> {
        if !self.pipeline.has_lookups() {
            return Ok(Rows::default());
        }
        let Some(stack) = &self.stack else {
            println!(
                "No stack runs here whose tables could be asked, so every lookup is shown as if its row were missing."
            );
            return Ok(Rows::Given(BTreeMap::new()));
        };
        Ok(look_up(&self.pipeline, events, &stack.lookups()).await?)
    }

    /// What the stack's ledger knows of these entries; nothing, where the stack does not run.
    pub async fn ledger(&self, keys: &[LedgerKey]) -> anyhow::Result<HashMap<LedgerKey, Entry>> {
        match &self.stack {
            Some(stack) => Ok(stack.ledger().read(keys).await?),
            None => Ok(HashMap::new()),
        }
    }
}

fn parse(place: &str, document: &str, known: &Known) -> anyhow::Result<(Pipeline, Destination)> {
    let pipeline = Pipeline::parse(place, document, 0, known)?;
    // What was checked against the stack has a destination there.
    let destination = known.destination(&pipeline.destination);
    let destination = destination.with_context(|| format!("no destination {}", pipeline.destination))?;
    let settings = destination.settings.clone().unwrap_or_default();
    let configured = destination::connector(&destination.connector)?.configure(&destination.name, &settings);
    let destination = configured.map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow!("the settings of {} are wrong: {}", pipeline.destination, problems.join("; "))
    })?;
    Ok((pipeline, destination))
}

/// The document of a live pipeline, and what to call it.
async fn live(stack: &Connection<'_>, name: &str) -> anyhow::Result<(String, String)> {
    let live = stack.pipelines().live().await?;
    let names: Vec<String> = live.iter().map(|pipeline| pipeline.name.clone()).collect();
    match live.into_iter().find(|pipeline| pipeline.name == name) {
        Some(pipeline) => Ok((name.to_owned(), pipeline.document)),
        None => bail!(
            "there is no file {name}, and no pipeline of this name is live{}",
            suggestion(name, names.iter().map(String::as_str))
        ),
    }
}

fn read(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))
}
