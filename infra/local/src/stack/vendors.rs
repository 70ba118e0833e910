//! Simulated vendors in the destinations' places.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context as _, bail};
use shared::digest;

use super::{StackConfig, variables::DestinationVariables};
use crate::{
    faults::{FaultKind, Faults},
    simulator::{Simulator, Strikes, Vendor, VendorFault},
};

/// A simulated vendor, and what its destination has to be told.
#[derive(Debug)]
pub struct SimulatedVendor {
    /// The vendor.
    pub simulator: Simulator,
    /// The setting that has its address.
    pub setting: &'static str,
    /// The secret that it accepts.
    pub secret: String,
}

impl Strikes for Faults {
    fn strikes(&self, fault: VendorFault) -> bool {
        self.strikes(match fault {
            VendorFault::Error => FaultKind::Vendor500,
            VendorFault::Throttle => FaultKind::Vendor429,
            VendorFault::Drop => FaultKind::VendorDrop,
            VendorFault::Partial => FaultKind::Vendor207,
        })
    }
}

/// Starts a vendor for each destination that does not go to an endpoint of the user's own.
pub(super) async fn start(config: &StackConfig) -> anyhow::Result<BTreeMap<String, SimulatedVendor>> {
    let mut vendors = BTreeMap::new();
    for (name, destination) in &config.variables.destinations {
        if !config.own_endpoints.contains_key(name) {
            vendors.insert(name.clone(), SimulatedVendor::start(name, destination, None, &config.faults).await?);
        }
    }
    Ok(vendors)
}

impl SimulatedVendor {
    /// Starts a destination's vendor on a port of this machine: the given one, or a free one.
    pub async fn start(
        name: &str,
        destination: &DestinationVariables,
        port: Option<u16>,
        faults: &Faults,
    ) -> anyhow::Result<Self> {
        // The same at every start: whoever knew it still does.
        let seed = digest::hex(name.as_bytes());
        let (vendor, setting, secret) = match destination.connector.as_str() {
            "hubspot" => (Vendor::HubSpot { token: seed.clone() }, "base_url", seed),
            "webhook" => {
                let secret = format!("whsec_{}", base64_simd::STANDARD.encode_to_string(&seed[..32]));
                let accepted = destination.secret_arn.as_ref().map(|_| secret.clone());
                (Vendor::Webhook { secret: accepted }, "url", secret)
            }
            other => bail!("there is no simulator of {other} yet, so the destination {name} cannot run locally"),
        };
        let simulator = Simulator::start(vendor, name, port, Arc::new(faults.clone())).await;
        let simulator = simulator.with_context(|| format!("the simulator of {name} does not start"))?;
        Ok(Self { simulator, setting, secret })
    }
}
