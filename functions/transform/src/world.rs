//! What the function needs of the world.

use shared::{
    frame::Channel,
    ports::{Activity, Failures, Objects, Pipelines},
    time::Clock,
};

/// The world's parts, as one parameter.
#[expect(missing_docs, reason = "each is named for its port")]
pub trait World: Send + Sync {
    type Pipelines: Pipelines;
    type Failures: Failures;
    type Activity: Activity;
    type Objects: Objects;
    type Queue: Channel;
    type Clock: Clock;

    fn pipelines(&self) -> &Self::Pipelines;
    fn failures(&self) -> &Self::Failures;
    fn activity(&self) -> &Self::Activity;
    fn objects(&self) -> &Self::Objects;
    fn clock(&self) -> &Self::Clock;

    /// The queue of a destination.
    fn queue(&self, destination: &str) -> Option<&Self::Queue>;

    /// Writes a line of metrics.
    fn emit(&self, line: &str);
}
