//! What waits in the destinations' queues.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use shared::ports::Queues as _;

use crate::{Console, World};

/// What waits for a destination.
#[derive(Debug)]
pub struct Queue {
    /// Its name.
    pub destination: String,
    /// Messages in its queue, each of which holds one change or some hundred; `None` where nobody can tell.
    pub messages: Option<u64>,
}

impl<W: World> Console<W> {
    /// What the queues of these destinations hold, for all pipelines together.
    pub async fn waiting(&self, destinations: BTreeSet<String>) -> Vec<Queue> {
        let queues = destinations.into_iter().map(async |destination| {
            let messages = match self.settings.site.queues.get(&destination) {
                Some(queue) => {
                    let read = self.world.queues().waiting(&queue.url).await;
                    read.inspect_err(|error| tracing::error!("what waits for {destination} is not known: {error}")).ok()
                }
                None => None,
            };
            Queue { destination, messages }
        });
        join_all(queues).await
    }
}
