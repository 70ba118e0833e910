//! `freshet demo`.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use clap::Args;

use super::{stack_folder, variables};
use crate::{
    demo::{self, Counts, Options, Received, SimulatorLogs, Tally, World, sources},
    faults::Faults,
    services::Ports,
    stack::{Ground, Stack, StackConfig},
};

/// The arguments of `freshet demo`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// How many changes to write
    #[arg(long, default_value_t = 500)]
    changes: u64,
    /// End when every change is accounted for, with an exit code that tells whether all is well
    #[arg(long)]
    exit: bool,
    /// Which faults to inject: none, mild, harsh, or kinds with their rates, such as vendor-500=0.2,crash=0.05
    #[arg(long, default_value = "none")]
    faults: String,
    /// Which story is told, and which faults strike
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many changes to write a second
    #[arg(long, default_value_t = Options::RATE, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
    /// Send one destination's deliveries to your own endpoint instead of a simulator
    #[arg(long, value_name = "URL")]
    webhook_url: Option<String>,
    /// Which destination goes to --webhook-url
    #[arg(long, value_name = "NAME", default_value = "warehouse", requires = "webhook_url")]
    webhook_destination: String,
    /// A destination whose vendor is down until all changes are written: its queue holds, and drains after
    #[arg(long, value_name = "DESTINATION")]
    down: Option<String>,
    /// The folder with the stack's terraform.tfvars and pipelines/
    #[arg(long, value_name = "FOLDER")]
    stack: Option<PathBuf>,
    /// Keep the tables and objects in this folder, empty or new, to look at them afterwards; without it they are in a
    /// temporary folder that is removed
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// The console's port; 8321 unless given, or a free one where that is taken
    #[arg(long, value_name = "PORT")]
    console_port: Option<u16>,
    /// The ports of the local services; free ones unless given
    #[arg(long, value_name = "PORT")]
    dynamodb_port: Option<u16>,
    /// See --dynamodb-port
    #[arg(long, value_name = "PORT")]
    kinesis_port: Option<u16>,
    /// See --dynamodb-port
    #[arg(long, value_name = "PORT")]
    sqs_port: Option<u16>,
    /// See --dynamodb-port
    #[arg(long, value_name = "PORT")]
    s3_port: Option<u16>,
}

/// Runs the demo.
pub async fn command(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let folder = stack_folder(arguments.stack.as_deref())?;
    let variables = variables(&folder)?;
    let mut own_endpoints = BTreeMap::new();
    if let Some(url) = &arguments.webhook_url {
        variables.destination(&arguments.webhook_destination).map_err(anyhow::Error::msg)?;
        own_endpoints.insert(arguments.webhook_destination.clone(), url.clone());
    }
    if let Some(down) = &arguments.down {
        variables.destination(down).map_err(anyhow::Error::msg)?;
        if own_endpoints.contains_key(down) {
            bail!("{down} goes to your own endpoint, which the demo cannot take down; name another destination");
        }
    }
    let faults = Faults::parse(&arguments.faults, arguments.seed)?;
    if let Some(folder) = &arguments.data_dir {
        refuse_used(folder)?;
    }
    let temporary = arguments.data_dir.is_none().then(tempfile::tempdir).transpose()?;
    let data_dir = arguments.data_dir.or_else(|| temporary.as_ref().map(|folder| folder.path().to_owned()));
    let options = Options {
        changes: arguments.changes,
        exit: arguments.exit,
        seed: arguments.seed,
        rate: arguments.rate,
        faults: faults.to_string(),
        own_endpoint: own_endpoints.keys().next().cloned(),
        down: arguments.down,
    };
    println!("Starting the stack of {} on this machine …", folder.display());
    let ports = Ports {
        dynamodb: arguments.dynamodb_port,
        kinesis: arguments.kinesis_port,
        sqs: arguments.sqs_port,
        s3: arguments.s3_port,
    };
    let outputs = data_dir.as_ref().map(|folder| folder.join("stack.json"));
    let ground = Ground::lay(StackConfig { variables, data_dir, ports, faults, own_endpoints }).await?;
    let pipelines = ground.publish(&folder.join("pipelines")).await?;
    sources::create(ground.aws().dynamodb(), ground.aws().kinesis()).await?;
    let console = ground.console(arguments.console_port).await?;
    let stack = ground.start().await?;
    println!("The console, for the pages that business people have: {}/", console.url);
    println!("{} pipelines run. What each simulated destination receives:", pipelines.len());
    let world = LocalWorld { stack, logs: SimulatorLogs::default() };
    for (name, url) in world.pages() {
        println!("  {name:<12} {url}");
    }
    if let Some(outputs) = outputs {
        std::fs::write(&outputs, serde_json::to_string_pretty(&world.stack.ground().deployed()?)?)
            .with_context(|| format!("{} cannot be written", outputs.display()))?;
        println!("Look into it from another terminal: freshet status --outputs {}", outputs.display());
    }
    let ended = demo::run(&options, &world).await;
    world.stack.stop().await;
    ended
}

/// A store's life begins in empty tables: on those of an earlier run nothing would be what the check expects.
fn refuse_used(folder: &Path) -> anyhow::Result<()> {
    match std::fs::read_dir(folder).map(|mut entries| entries.next().is_some()) {
        Ok(true) => bail!(
            "the folder {0} is not empty; give --data-dir a new one, or remove what is in it (perhaps the data of an \
             earlier demo)",
            folder.display()
        ),
        Ok(false) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("the folder {} cannot be read", folder.display())),
    }
}

/// The local stack as the demo sees it.
struct LocalWorld {
    stack: Stack,
    logs: SimulatorLogs,
}

impl World for LocalWorld {
    fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        self.stack.ground().aws().dynamodb()
    }

    fn kinesis(&self) -> &aws_sdk_kinesis::Client {
        self.stack.ground().aws().kinesis()
    }

    fn received(&self, destination: &str, from: usize) -> Vec<Received> {
        let vendor = self.stack.vendors().get(destination);
        vendor.map_or_else(Vec::new, |vendor| self.logs.received(&vendor.simulator, from))
    }

    fn tally(&self, destination: &str) -> Option<Tally> {
        self.stack.vendors().get(destination).map(|vendor| Tally::of(&vendor.simulator))
    }

    fn set_down(&self, destination: &str, down: bool) {
        if let Some(vendor) = self.stack.vendors().get(destination) {
            vendor.simulator.set_down(down);
        }
    }

    fn pages(&self) -> Vec<(String, String)> {
        self.stack.vendors().iter().map(|(name, vendor)| (name.clone(), vendor.simulator.url())).collect()
    }

    fn messages(&self, from: usize) -> Vec<String> {
        self.stack.ground().messages(from).into_iter().map(|message| message.subject).collect()
    }

    async fn touched(&self) -> anyhow::Result<BTreeSet<String>> {
        self.stack.touched_destinations().await
    }

    async fn counts(&self) -> anyhow::Result<Counts> {
        Ok(Counts { captured: self.stack.captured().await?, failed: self.stack.failed().await? })
    }

    async fn is_idle(&self) -> anyhow::Result<bool> {
        self.stack.is_idle().await.context("the queues cannot be counted")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_empty_or_new_folder_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        refuse_used(folder.path()).unwrap();
        refuse_used(&folder.path().join("new")).unwrap();
        std::fs::write(folder.path().join("dynamodb.sqlite"), "").unwrap();
        let refused = refuse_used(folder.path()).unwrap_err().to_string();
        assert!(refused.contains("is not empty; give --data-dir a new one"), "{refused}");
    }
}
