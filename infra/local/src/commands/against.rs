//! What pipelines in files are checked against.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use clap::Args;
use shared::{config::Environment, pipeline::Known};

use super::VARIABLES;
use crate::{deployed::Chosen, stack::variables::Variables};

/// Which stack pipelines in files are checked against.
#[derive(Clone, Debug, Default, Args)]
pub struct Choice {
    /// The folder with the stack's terraform.tfvars. The nearest at or above the pipeline's file does, without; where
    /// there is none, pipelines are checked without a stack
    #[arg(long, value_name = "FOLDER", conflicts_with = "outputs")]
    pub stack: Option<PathBuf>,
    /// A stack that is deployed.
    #[command(flatten)]
    pub deployed: Chosen,
}

/// What a file is checked against.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Against {
    /// The outputs of a deployed stack.
    Outputs(PathBuf),
    /// The variables of a stack.
    Variables(PathBuf),
    /// Nothing but the connectors.
    Nothing,
}

impl fmt::Display for Against {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outputs(file) => write!(out, "against the outputs {}", file.display()),
            Self::Variables(file) => write!(out, "against the stack of {}", file.display()),
            Self::Nothing => out.write_str("without a stack"),
        }
    }
}

/// What is known of the stacks that were asked for, each read once.
pub struct Stacks<'a> {
    choice: &'a Choice,
    environment: &'a dyn Environment,
    known: BTreeMap<Against, Known>,
}

impl<'a> Stacks<'a> {
    /// Nothing read yet.
    pub fn new(choice: &'a Choice, environment: &'a dyn Environment) -> Self {
        Self { choice, environment, known: BTreeMap::new() }
    }

    /// What a pipeline's file is checked against, and what is known of it.
    pub fn of(&mut self, file: &Path, document: &str) -> anyhow::Result<(Against, Known)> {
        let against = self.against(file)?;
        if let Some(known) = self.known.get(&against) {
            return Ok((against, known.clone()));
        }
        let known = match &against {
            Against::Outputs(_) => self.choice.deployed.read(self.environment)?.known(),
            Against::Variables(file) => Variables::read(file)?.known(),
            // Each document is known by itself.
            Against::Nothing => return Ok((against, Known::without_stack(document))),
        };
        self.known.insert(against.clone(), known.clone());
        Ok((against, known))
    }

    fn against(&self, file: &Path) -> anyhow::Result<Against> {
        if let Some(folder) = &self.choice.stack {
            return Ok(Against::Variables(folder.join(VARIABLES)));
        }
        if let Some(outputs) = self.choice.deployed.file(self.environment) {
            return Ok(Against::Outputs(outputs));
        }
        Ok(nearest(file)?.map_or(Against::Nothing, Against::Variables))
    }
}

/// The variables of the stack that a file belongs to: the nearest at or above it.
pub fn nearest(file: &Path) -> anyhow::Result<Option<PathBuf>> {
    let file = std::path::absolute(file)?;
    let Some(nearest) = file.ancestors().map(|folder| folder.join(VARIABLES)).find(|file| file.is_file()) else {
        return Ok(None);
    };
    let here = std::env::current_dir()?;
    Ok(Some(nearest.strip_prefix(here).map_or_else(|_| nearest.clone(), Path::to_owned)))
}
