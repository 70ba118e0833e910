//! Alerts, and the topic of their messages, in memory.

use std::{collections::BTreeMap, sync::Mutex};

use super::{Breaks, lock};
use crate::{
    alert::{Alert, Message},
    ports::{Alerts, PortError, Topic},
    time::Timestamp,
};

/// The alerts, in the order in which they were made.
#[derive(Debug, Default)]
pub struct MemoryAlerts {
    /// What is kept.
    pub kept: Mutex<Vec<Alert>>,
    /// Makes calls fail.
    pub breaks: Breaks,
}

impl Alerts for MemoryAlerts {
    async fn alerts(&self) -> Result<Vec<Alert>, PortError> {
        self.breaks.check("dynamodb:Query").await?;
        Ok(lock(&self.kept).clone())
    }

    async fn add_alert(&self, alert: &Alert) -> Result<(), PortError> {
        self.breaks.check("dynamodb:PutItem").await?;
        lock(&self.kept).push(alert.clone());
        Ok(())
    }

    async fn drop_alert(&self, id: &str) -> Result<(), PortError> {
        lock(&self.kept).retain(|alert| alert.id != id);
        Ok(())
    }

    async fn mark_raised(&self, id: &str, raised: &BTreeMap<String, Timestamp>) -> Result<(), PortError> {
        self.breaks.check("dynamodb:UpdateItem").await?;
        let mut kept = lock(&self.kept);
        if let Some(alert) = kept.iter_mut().find(|alert| alert.id == id) {
            alert.raised.clone_from(raised);
        }
        Ok(())
    }
}

/// What was published.
#[derive(Debug, Default)]
pub struct MemoryTopic {
    /// The messages, in order.
    pub published: Mutex<Vec<Message>>,
    /// Makes calls fail.
    pub breaks: Breaks,
}

impl Topic for MemoryTopic {
    async fn publish(&self, message: &Message) -> Result<(), PortError> {
        self.breaks.check("sns:Publish").await?;
        lock(&self.published).push(message.clone());
        Ok(())
    }
}
