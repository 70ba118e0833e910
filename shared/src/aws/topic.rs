//! A topic of SNS as [`Topic`].

use aws_sdk_sns::Client;

use super::failed;
use crate::{
    alert::Message,
    ports::{PortError, Topic},
};

/// A topic, whose subscribers get what is published.
#[derive(Clone, Debug)]
pub struct SnsTopic {
    client: Client,
    arn: String,
}

impl SnsTopic {
    /// The topic of this ARN.
    pub fn new(client: &Client, arn: &str) -> Self {
        Self { client: client.clone(), arn: arn.to_owned() }
    }
}

impl Topic for SnsTopic {
    async fn publish(&self, message: &Message) -> Result<(), PortError> {
        let publish = self.client.publish().topic_arn(&self.arn).subject(&message.subject).message(&message.text);
        publish.send().await.map(drop).map_err(|error| failed("sns:Publish", &error))
    }
}
