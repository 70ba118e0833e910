//! Terraform, with the real AWS provider.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::emulator::Emulator;

/// A root module and what it is applied with.
#[derive(Debug)]
pub struct Terraform {
    module: PathBuf,
    folder: PathBuf,
    environment: Vec<(&'static str, String)>,
}

/// A change that a plan would make: the resource's type, its address, and what of it would change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The type, such as `aws_sqs_queue`.
    pub kind: String,
    /// The address.
    pub address: String,
    /// The actions: `update`, `create`, `delete`.
    pub actions: Vec<String>,
    /// The attributes that differ, at the top level.
    pub attributes: Vec<String>,
}

impl Terraform {
    /// The module in `module`, with state, variables and plugins in `folder`.
    pub fn new(module: &Path, folder: &Path, emulator: &Emulator) -> Self {
        let mut environment = emulator.environment().to_vec();
        environment.extend([
            ("TF_DATA_DIR", folder.join("data").display().to_string()),
            ("TF_IN_AUTOMATION", "1".to_owned()),
            ("TF_INPUT", "0".to_owned()),
            ("CHECKPOINT_DISABLE", "1".to_owned()),
        ]);
        Self { module: module.to_owned(), folder: folder.to_owned(), environment }
    }

    fn run(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let mut command = Command::new("terraform");
        command.arg(format!("-chdir={}", self.module.display())).args(arguments).envs(self.environment.iter().cloned());
        command.output().context("terraform does not start")
    }

    fn succeed(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.run(arguments)?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            bail!("terraform {} failed:\n{text}\n{}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
        }
        Ok(text)
    }

    fn state(&self) -> String {
        format!("-state={}", self.folder.join("terraform.tfstate").display())
    }

    fn variables(&self) -> String {
        format!("-var-file={}", self.folder.join("override.tfvars.json").display())
    }

    /// Fetches the provider.
    pub fn init(&self) -> anyhow::Result<()> {
        self.succeed(&["init", "-no-color"]).map(drop)
    }

    /// Applies, and answers how many resources were added, changed and destroyed, in Terraform's words.
    pub fn apply(&self) -> anyhow::Result<String> {
        let text = self.succeed(&["apply", "-no-color", "-auto-approve", &self.state(), &self.variables()])?;
        summary(&text, "Apply complete!")
    }

    /// Destroys everything.
    pub fn destroy(&self) -> anyhow::Result<String> {
        let text = self.succeed(&["destroy", "-no-color", "-auto-approve", &self.state(), &self.variables()])?;
        summary(&text, "Destroy complete!")
    }

    /// An output, as JSON text.
    pub fn output(&self, name: &str) -> anyhow::Result<String> {
        self.succeed(&["output", "-json", &self.state(), name])
    }

    /// What another apply would change.
    pub fn plan(&self) -> anyhow::Result<Vec<Change>> {
        let file = self.folder.join("plan").display().to_string();
        self.succeed(&["plan", "-no-color", &format!("-out={file}"), &self.state(), &self.variables()])?;
        let plan: Value = serde_json::from_str(&self.succeed(&["show", "-json", &file])?)?;
        let changes = plan["resource_changes"].as_array().cloned().unwrap_or_default();
        Ok(changes.iter().filter_map(change).collect())
    }
}

fn summary(text: &str, begins: &str) -> anyhow::Result<String> {
    let line = text.lines().find(|line| line.starts_with(begins)).context("terraform gave no summary")?;
    Ok(line.to_owned())
}

/// "Plan representation", Terraform's JSON output format.
fn change(resource: &Value) -> Option<Change> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let actions: Vec<String> = resource["change"]["actions"].as_array()?.iter().map(text).collect();
    if actions.iter().all(|action| action == "no-op" || action == "read") {
        return None;
    }
    let (before, after) = (&resource["change"]["before"], &resource["change"]["after"]);
    let unknown = &resource["change"]["after_unknown"];
    let names = before.as_object().into_iter().chain(after.as_object()).flat_map(|object| object.keys());
    let mut attributes: Vec<String> =
        names.filter(|name| before[*name] != after[*name] && unknown[*name] != Value::Bool(true)).cloned().collect();
    attributes.sort_unstable();
    attributes.dedup();
    Some(Change { kind: text(&resource["type"]), address: text(&resource["address"]), actions, attributes })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_names_what_differs() {
        let resource = json!({
            "type": "aws_kinesis_stream",
            "address": "module.a.aws_kinesis_stream.b",
            "change": {
                "actions": ["update"],
                "before": {"name": "b", "tags": {}, "arn": "a"},
                "after": {"name": "b", "tags": {"x": "y"}},
                "after_unknown": {"arn": true},
            },
        });
        let change = change(&resource).unwrap();
        assert_eq!((change.kind.as_str(), change.attributes), ("aws_kinesis_stream", vec!["tags".to_owned()]));
        let mut same = resource;
        same["change"]["actions"] = json!(["no-op"]);
        assert_eq!(super::change(&same), None);
    }
}
