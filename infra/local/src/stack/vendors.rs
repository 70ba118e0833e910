//! Simulated vendors in the destinations' places.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::Context as _;
use shared::{
    destination::{Auth, Codec, Connector, connector},
    digest,
};

use super::{StackConfig, variables::DestinationVariables};
use crate::{
    faults::{FaultKind, Faults},
    simulator::{self, Simulator, Strikes, Vendor, VendorFault},
};

/// A simulated vendor, and what its destination has to be told.
#[derive(Debug)]
pub struct SimulatedVendor {
    /// The vendor.
    pub simulator: Simulator,
    /// The secret that it accepts.
    pub secret: String,
    connector: &'static Connector,
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
        let connector = connector(&destination.connector)?;
        let secret = secret(connector, name);
        // Where a connector can do without a secret, a destination may have none.
        let accepted = (connector.needs_secret() || destination.secret_arn.is_some()).then(|| secret.clone());
        let vendor = Vendor { connector, settings: destination.settings(), secret: accepted, rates: None };
        let simulator = Simulator::start(vendor, name, port, Arc::new(faults.clone())).await;
        let simulator = simulator.with_context(|| format!("the simulator of {name} does not start"))?;
        Ok(Self { simulator, secret, connector })
    }

    /// Points a destination's settings at the vendor.
    pub fn point(&self, settings: &mut serde_json::Value) -> anyhow::Result<()> {
        point(self.connector, settings, &self.simulator.url())
    }
}

/// Points a destination's settings at an address.
pub(super) fn point(connector: &'static Connector, settings: &mut serde_json::Value, url: &str) -> anyhow::Result<()> {
    for setting in simulator::addresses(connector)? {
        settings[setting] = url.into();
    }
    Ok(())
}

/// A destination's secret: the same at every start, so that whoever knew it still does.
pub(super) fn secret(connector: &Connector, name: &str) -> String {
    let seed = digest::hex(name.as_bytes());
    match &connector.auth {
        Auth::Signature { codec: Codec::StandardWebhooks, .. } => {
            format!("whsec_{}", base64_simd::STANDARD.encode_to_string(&seed[..32]))
        }
        Auth::Oauth(_) => {
            let client = serde_json::json!({"client_id": name, "client_secret": seed, "refresh_token": seed[..16]});
            client.to_string()
        }
        // A user and a password in one.
        Auth::Basic { user: None, .. } => format!("{name}:{seed}"),
        Auth::None | Auth::Bearer { .. } | Auth::Basic { .. } | Auth::Header { .. } | Auth::Query { .. } => seed,
    }
}
