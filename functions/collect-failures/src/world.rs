//! What the function needs of the world.

use shared::{
    ports::{Activity, Failures, Objects},
    time::Clock,
};

/// The world's parts, as one parameter.
#[expect(missing_docs, reason = "each is named for its port")]
pub trait World: Send + Sync {
    type Objects: Objects;
    type Failures: Failures;
    type Activity: Activity;
    type Clock: Clock;

    fn objects(&self) -> &Self::Objects;
    fn failures(&self) -> &Self::Failures;
    fn activity(&self) -> &Self::Activity;
    fn clock(&self) -> &Self::Clock;

    /// Writes a line of metrics.
    fn emit(&self, line: &str);
}
