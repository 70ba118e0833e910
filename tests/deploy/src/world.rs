//! The deployed stack as the demo sees it: the sources on the emulator, the simulated vendors in this process.

use std::collections::BTreeMap;

use freshet::{
    demo::{Counts, Received, SimulatorLogs, Tally, World},
    stack::SimulatedVendor,
};
use shared::aws::Aws;

/// A deployed stack's two ends.
#[derive(Debug)]
pub struct Deployed {
    /// The emulator's services.
    pub aws: Aws,
    /// The vendors by destination.
    pub vendors: BTreeMap<String, SimulatedVendor>,
    /// What they received.
    pub logs: SimulatorLogs,
}

impl World for Deployed {
    fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        self.aws.dynamodb()
    }

    fn kinesis(&self) -> &aws_sdk_kinesis::Client {
        self.aws.kinesis()
    }

    fn received(&self, destination: &str, from: usize) -> Vec<Received> {
        let vendor = self.vendors.get(destination);
        vendor.map_or_else(Vec::new, |vendor| self.logs.received(&vendor.simulator, from))
    }

    fn tally(&self, destination: &str) -> Option<Tally> {
        self.vendors.get(destination).map(|vendor| Tally::of(&vendor.simulator))
    }

    fn set_down(&self, destination: &str, down: bool) {
        if let Some(vendor) = self.vendors.get(destination) {
            vendor.simulator.set_down(down);
        }
    }

    fn pages(&self) -> Vec<(String, String)> {
        self.vendors.iter().map(|(name, vendor)| (name.clone(), vendor.simulator.url())).collect()
    }

    /// What the stack counts is looked at with `freshet status`, as a person would.
    async fn counts(&self) -> anyhow::Result<Counts> {
        Ok(Counts::default())
    }

    /// Lambda does not tell where its mappings stand.
    async fn is_idle(&self) -> anyhow::Result<bool> {
        Ok(false)
    }
}
