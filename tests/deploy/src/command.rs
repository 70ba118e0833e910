//! The `freshet` command, run as a person runs it.

use std::{
    path::PathBuf,
    process::{Command, Output},
};

use anyhow::{Context as _, bail};

/// The command for one stack.
#[derive(Debug)]
pub struct Freshet {
    /// The binary.
    pub binary: PathBuf,
    /// The stack's outputs.
    pub outputs: PathBuf,
    /// Where AWS is, and with which credentials.
    pub environment: Vec<(&'static str, String)>,
}

impl Freshet {
    fn run(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let mut command = Command::new(&self.binary);
        command.args(arguments).arg("--outputs").arg(&self.outputs).envs(self.environment.iter().cloned());
        command.output().with_context(|| format!("{} does not start", self.binary.display()))
    }

    /// What it prints; an error where it fails.
    pub fn succeed(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.run(arguments)?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            let error = String::from_utf8_lossy(&output.stderr);
            bail!("freshet {} failed with {}:\n{text}{error}", arguments.join(" "), output.status);
        }
        Ok(text)
    }
}
