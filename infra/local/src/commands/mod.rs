//! What the `freshet` command does.

pub mod against;
pub mod demo;
pub mod destinations;
pub mod expressions;
pub mod failures;
pub mod invoke;
pub mod lint;
pub mod pipelines;
pub mod plan;
mod pretty;
pub mod preview;
pub mod sources;
pub mod status;
mod subject;
mod table;
pub mod test;

use std::path::{Path, PathBuf};

use anyhow::bail;
use tracing_subscriber::{filter::Targets, fmt, prelude::*};

use crate::stack::variables::Variables;

/// Where the stack of the demo is, from the repository's root.
const EXAMPLE: &str = "infra/examples/store";

/// The folder of a stack: the given one, or that of the demo, from wherever in the repository the command is run.
fn stack_folder(given: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(folder) = given {
        return Ok(folder.to_owned());
    }
    let here = std::env::current_dir()?;
    match here.ancestors().map(|folder| folder.join(EXAMPLE)).find(|folder| folder.is_dir()) {
        Some(folder) => Ok(folder.strip_prefix(&here).map_or_else(|_| folder.clone(), Path::to_owned)),
        None => bail!(
            "there is no {EXAMPLE} here or above; run the command in the repository, or name a folder with --stack"
        ),
    }
}

/// A stack's variables, in its folder.
const VARIABLES: &str = "terraform.tfvars";

/// The variables of a stack's folder.
fn variables(folder: &Path) -> anyhow::Result<Variables> {
    Ok(Variables::read(&folder.join(VARIABLES))?)
}

/// Begins to log: warnings and errors of Freshet, to standard error. `FRESHET_LOG` asks for more (`debug`,
/// `transform=trace`).
pub fn log() {
    #[expect(clippy::disallowed_methods, reason = "the command's own setting, read once at its start")]
    let wanted = std::env::var("FRESHET_LOG").unwrap_or_else(|_| "error".to_owned());
    let filter = wanted.parse().unwrap_or_else(|error| {
        eprintln!("FRESHET_LOG is {wanted:?}, which is no filter ({error}); write a level, or target=level,…");
        Targets::new().with_default(tracing::Level::ERROR)
    });
    let lines = fmt::layer().with_writer(std::io::stderr);
    // A second call finds a subscriber in place, which is what it wanted.
    let _ = tracing_subscriber::registry().with(lines).with(filter).try_init();
}
