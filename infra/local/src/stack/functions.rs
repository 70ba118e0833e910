//! The functions' handlers, hosted as Lambda hosts them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt as _;
use shared::{
    config::ConfigError,
    lambda::Handle,
    telemetry,
    time::{Clock as _, SystemClock},
};

use super::{StackConfig, environment::Environments};
use crate::{
    faults::{FaultKind, Faults},
    function::{CrashInjector, Function, FunctionError, Handler, HostSettings, Hosted, Invocation},
};

/// How long capture, transform, collect-failures and alert may take.
pub(super) const TIMEOUT: Duration = Duration::from_mins(1);

/// How long deliver may take: short, since what a crash leaves in flight stays invisible for six times as long.
pub(super) const DELIVER_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a request to a simulated vendor may take.
pub(super) const VENDOR_TIMEOUT: Duration = Duration::from_secs(2);

/// The hosted functions by name.
pub struct Functions(BTreeMap<String, Arc<dyn Function>>);

impl Functions {
    /// Hosts every function of a stack.
    pub fn host(config: &StackConfig, environments: &Environments) -> Self {
        let mut functions: BTreeMap<String, Arc<dyn Function>> = BTreeMap::new();
        let mut add = |name: &str| {
            let hosted = host(name, environments, &config.faults);
            functions.insert(name.to_owned(), hosted);
        };
        for name in ["capture-dynamodb", "capture-kinesis", "transform", "collect-failures", "alert"] {
            add(name);
        }
        for destination in config.variables.destinations.keys() {
            add(&format!("deliver-{destination}"));
        }
        Self(functions)
    }

    /// A function by its name: `capture-dynamodb`, `capture-kinesis`, `transform`, `collect-failures`,
    /// `alert`, `deliver-<destination>`.
    pub fn get(&self, name: &str) -> Option<Arc<dyn Function>> {
        self.0.get(name).map(Arc::clone)
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

fn host(name: &str, environments: &Environments, faults: &Faults) -> Arc<dyn Function> {
    let environment = environments.of(name);
    let quiet = telemetry::to_nowhere;
    match name {
        "capture-dynamodb" => {
            hosted(name, TIMEOUT, faults, move || capture_dynamodb::CaptureDynamodb::wire(&environment, quiet))
        }
        "capture-kinesis" => {
            hosted(name, TIMEOUT, faults, move || capture_kinesis::CaptureKinesis::wire(&environment, quiet))
        }
        "collect-failures" => {
            hosted(name, TIMEOUT, faults, move || collect_failures::config::wire(&environment, quiet))
        }
        "alert" => hosted(name, TIMEOUT, faults, move || alert::config::wire(&environment, quiet)),
        "transform" => hosted(name, TIMEOUT, faults, move || transform::config::wire(&environment, quiet)),
        _ => hosted(name, DELIVER_TIMEOUT, faults, move || deliver::config::wire(&environment, quiet)),
    }
}

fn hosted<H: Handle + 'static>(
    name: &str,
    timeout: Duration,
    faults: &Faults,
    wire: impl Fn() -> Result<H, ConfigError> + Send + Sync + 'static,
) -> Arc<dyn Function> {
    let settings = HostSettings { timeout, reserved_concurrency: None, crashes: crashes(faults) };
    Arc::new(Hosted::new(name, settings, move || {
        let built = wire().map(|handler| Instance { handler, timeout });
        // What Lambda reports where a function does not start.
        std::future::ready(built.map_err(|error| FunctionError::new("Runtime.ExitError", error.to_string())))
    }))
}

/// Kills an invocation in mid-flight: between any two of its first forty waits.
fn crashes(faults: &Faults) -> Option<CrashInjector> {
    if faults.rates().of(FaultKind::Crash) == 0.0 {
        return None;
    }
    let faults = faults.clone();
    Some(Arc::new(move || faults.draw(FaultKind::Crash).map(|draw| u32::try_from(draw % 40).unwrap_or(0))))
}

/// One instance of a function.
struct Instance<H> {
    handler: H,
    timeout: Duration,
}

impl<H: Handle + 'static> Handler for Instance<H> {
    fn handle(&mut self, payload: Bytes) -> Invocation<'_> {
        let deadline = SystemClock.now() + self.timeout;
        async move {
            let answer = self.handler.handle(&payload, deadline).await;
            answer.map(Bytes::from).map_err(|error| FunctionError::new("HandleError", error.to_string()))
        }
        .boxed()
    }
}
