//! What the function needs of the world.

use shared::{
    ports::{Activity, Failures, Http, Ledger, Objects, Secrets, Visibility},
    time::Clock,
};

/// The world's parts, as one parameter.
#[expect(missing_docs, reason = "each is named for its port")]
pub trait World: Send + Sync {
    type Ledger: Ledger;
    type Failures: Failures;
    type Activity: Activity;
    type Objects: Objects;
    type Visibility: Visibility;
    type Secrets: Secrets;
    type Http: Http;
    type Clock: Clock;

    fn ledger(&self) -> &Self::Ledger;
    fn failures(&self) -> &Self::Failures;
    fn activity(&self) -> &Self::Activity;
    fn objects(&self) -> &Self::Objects;
    fn visibility(&self) -> &Self::Visibility;
    fn secrets(&self) -> &Self::Secrets;
    fn http(&self) -> &Self::Http;
    fn clock(&self) -> &Self::Clock;

    /// Writes a line of metrics.
    fn emit(&self, line: &str);
}
