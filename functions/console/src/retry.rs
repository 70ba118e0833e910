//! Failures sent again by the console: the redrive that the command has, without its capture functions.

use shared::{
    ports::PortError,
    redrive::{self, Capturing, NoNewest, RawRecord, Report},
};

use crate::{Console, World};

/// The console's zip is compiled without capture functions: they would be in it a second time.
pub struct NoCapture;

impl Capturing for NoCapture {
    fn refusal(&self, id: &str, _: &RawRecord) -> Option<String> {
        Some(by_an_engineer(id))
    }

    async fn capture(&self, record: &RawRecord) -> Result<(), String> {
        Err(format!("a record of {} is not captured here", record.resource))
    }
}

/// What is said of a raw record: who sends it again, and how.
pub fn by_an_engineer(id: &str) -> String {
    format!("it is a raw record, which an engineer sends again with `freshet failures redrive {}`", quoted(id))
}

/// An id as a shell takes it as one word.
pub fn quoted(id: &str) -> String {
    let is_plain = id.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_./:@%+=,".contains(letter));
    if is_plain && !id.is_empty() { id.to_owned() } else { format!("'{}'", id.replace('\'', r"'\''")) }
}

/// The console as a redrive sees the world.
struct Parts<'a, W>(&'a W);

impl<W: World> redrive::World for Parts<'_, W> {
    type Failures = W::Failures;
    type Objects = W::Objects;
    type Backbone = W::Backbone;
    type Queues = W::Queues;
    type Capture = NoCapture;
    type Clock = W::Clock;

    fn failures(&self) -> &W::Failures {
        self.0.failures()
    }
    fn objects(&self) -> &W::Objects {
        self.0.objects()
    }
    fn backbone(&self) -> &W::Backbone {
        self.0.backbone()
    }
    fn queues(&self) -> &W::Queues {
        self.0.queues()
    }
    fn capture(&self) -> &NoCapture {
        &NoCapture
    }
    fn clock(&self) -> &W::Clock {
        self.0.clock()
    }
}

impl<W: World> Console<W> {
    /// Sends failures again from where they failed. Only within [`Console::change`].
    pub(crate) async fn redrive(&self, ids: &[String]) -> Result<Report, PortError> {
        redrive::redrive(&Parts(&self.world), &self.settings.site, ids).await
    }

    /// Sends what a destination has refused again through the newest version. Only within [`Console::change`].
    pub(crate) async fn redrive_newest(&self, id: &str) -> Result<Result<Report, NoNewest>, PortError> {
        redrive::redrive_newest(&Parts(&self.world), &self.settings.site, id).await
    }

    /// The same with several. Only within [`Console::change`].
    pub(crate) async fn redrive_all_newest(&self, ids: &[String]) -> Result<Report, PortError> {
        redrive::redrive_all_newest(&Parts(&self.world), &self.settings.site, ids).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_can_be_pasted_into_a_shell() {
        for (id, expected) in [
            ("p/customers/1/5", "p/customers/1/5"),
            ("arn:aws:x#shard 1", "'arn:aws:x#shard 1'"),
            ("it's; rm -rf", r"'it'\''s; rm -rf'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(id), expected);
        }
    }
}
