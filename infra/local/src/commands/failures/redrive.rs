//! Failures sent on their way again, as [`shared::redrive`] does it, with the capture functions in this process.

mod captures;

use std::collections::BTreeMap;

use anyhow::anyhow;
use shared::{
    aws::{Backbone, FailuresTable, FifoQueues, ObjectStore},
    lane::Lanes,
    redrive::{self, QueueSite, Report, Site, World},
    time::SystemClock,
};

use self::captures::Captures;
use crate::deployed::{Connection, Deployed};

/// Sends failures on their way again. What cannot be sent is left alone; an error is one of infrastructure.
pub async fn redrive(stack: &Connection<'_>, ids: &[String]) -> anyhow::Result<Report> {
    let world = Live {
        failures: stack.failures(),
        objects: stack.objects(),
        backbone: stack.backbone(),
        queues: stack.queues(),
        captures: Captures { stack },
    };
    Ok(redrive::redrive(&world, &site(&stack.deployed)?, ids).await?)
}

fn site(deployed: &Deployed) -> anyhow::Result<Site> {
    let lanes = |what: &str, count| {
        Lanes::new(count).ok_or_else(|| anyhow!("the outputs say that {what} has no lanes; write them again"))
    };
    let queues = deployed.destinations.iter().map(|(name, destination)| {
        let lanes = lanes(&format!("the queue of {name}"), destination.lanes)?;
        Ok((name.clone(), QueueSite { url: destination.queue_url.clone(), lanes }))
    });
    Ok(Site {
        bucket: deployed.bucket.clone(),
        changes_stream: deployed.changes_stream.clone(),
        changes_lanes: lanes("the backbone", deployed.changes_lanes)?,
        queues: queues.collect::<anyhow::Result<BTreeMap<_, _>>>()?,
    })
}

struct Live<'a> {
    failures: FailuresTable,
    objects: ObjectStore,
    backbone: Backbone,
    queues: FifoQueues,
    captures: Captures<'a>,
}

impl<'a> World for Live<'a> {
    type Failures = FailuresTable;
    type Objects = ObjectStore;
    type Backbone = Backbone;
    type Queues = FifoQueues;
    type Capture = Captures<'a>;
    type Clock = SystemClock;

    fn failures(&self) -> &FailuresTable {
        &self.failures
    }
    fn objects(&self) -> &ObjectStore {
        &self.objects
    }
    fn backbone(&self) -> &Backbone {
        &self.backbone
    }
    fn queues(&self) -> &FifoQueues {
        &self.queues
    }
    fn capture(&self) -> &Captures<'a> {
        &self.captures
    }
    fn clock(&self) -> &SystemClock {
        &SystemClock
    }
}
