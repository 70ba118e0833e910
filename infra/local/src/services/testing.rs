//! The AWS SDK's clients, as a user of the stack has them.

use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_smithy_http_client::Builder;
use aws_types::SdkConfig;

use super::{ACCESS_KEY, REGION, Running, SECRET_KEY};

/// A client of each service, all at one address. They do not retry: a test counts what each call did.
#[derive(Debug)]
pub(super) struct Clients {
    pub(super) dynamodb: aws_sdk_dynamodb::Client,
    pub(super) dynamodb_streams: aws_sdk_dynamodbstreams::Client,
    pub(super) kinesis: aws_sdk_kinesis::Client,
    pub(super) s3: aws_sdk_s3::Client,
    pub(super) sqs: aws_sdk_sqs::Client,
}

impl Clients {
    pub(super) fn of(running: &Running) -> Self {
        Self::at(&running.endpoint_url)
    }

    pub(super) fn at(endpoint_url: &str) -> Self {
        let credentials = Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "test");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(endpoint_url)
            .http_client(Builder::new().build_http())
            .region(Region::from_static(REGION))
            .retry_config(RetryConfig::disabled())
            .build();
        let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(true);
        Self {
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            dynamodb_streams: aws_sdk_dynamodbstreams::Client::new(&config),
            kinesis: aws_sdk_kinesis::Client::new(&config),
            s3: aws_sdk_s3::Client::from_conf(s3.build()),
            sqs: aws_sdk_sqs::Client::new(&config),
        }
    }
}
