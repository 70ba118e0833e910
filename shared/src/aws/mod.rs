//! The ports over the AWS SDK. SDK types stay in here.
//!
//! TLS is rustls with ring and the web's roots compiled in: reading the system's certificate store costs 2.4 ms at each
//! cold start. Clients are built when first used.

mod activity;
mod alerts;
mod attribute;
mod audit;
mod backlog;
mod batch_get;
mod drafts;
mod failures;
mod gates;
mod lanes;
mod leases;
mod ledger;
mod lookups;
mod objects;
mod pipelines;
mod queue;
mod replays;
mod rows;
mod schemas;
mod secrets;
mod state;
mod stream;
mod topic;

use std::{fmt, sync::OnceLock, time::Duration};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_dynamodb::operation::put_item::{PutItemError, builders::PutItemFluentBuilder};
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_types::{error::display::DisplayErrorContext, retry::RetryConfig, timeout::TimeoutConfig};
use aws_types::{
    SdkConfig,
    region::Region,
    sdk_config::{SharedAsyncSleep, SharedHttpClient},
};

pub use self::{
    activity::ActivityTable,
    audit::AuditTable,
    failures::FailuresTable,
    gates::GatesTable,
    ledger::LedgerTable,
    lookups::LookupTables,
    objects::ObjectStore,
    pipelines::PipelinesTable,
    queue::{Depth, FifoQueue, FifoQueues},
    rows::row_count,
    secrets::SecretStore,
    state::LiveState,
    stream::Backbone,
    topic::SnsTopic,
};
use crate::{
    config::{ConfigError, Environment, Reader},
    ports::PortError,
};

/// The account's services, each client built when first used.
#[derive(Debug)]
pub struct Aws {
    config: SdkConfig,
    endpoints: Endpoints,
    dynamodb: OnceLock<aws_sdk_dynamodb::Client>,
    kinesis: OnceLock<aws_sdk_kinesis::Client>,
    s3: OnceLock<aws_sdk_s3::Client>,
    sqs: OnceLock<aws_sdk_sqs::Client>,
    secrets: OnceLock<aws_sdk_secretsmanager::Client>,
    sns: OnceLock<aws_sdk_sns::Client>,
}

/// Where the services are, if not where AWS has them: `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_<SERVICE>`, as all
/// SDKs read them ("Service-specific endpoints", AWS SDKs and Tools reference guide).
#[derive(Clone, Debug, Default)]
struct Endpoints {
    all: Option<String>,
    dynamodb: Option<String>,
    kinesis: Option<String>,
    s3: Option<String>,
    sqs: Option<String>,
    secrets: Option<String>,
    sns: Option<String>,
}

impl Aws {
    /// From the variables that Lambda sets: region, credentials, and endpoints where there are others. The credentials
    /// of an execution environment last as long as it does.
    pub fn from_environment(environment: &dyn Environment) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(environment);
        let region = reader.required("AWS_REGION", "the region, such as eu-central-1; Lambda sets it");
        let id = reader.required("AWS_ACCESS_KEY_ID", "the role's access key; Lambda sets it");
        let secret = reader.required("AWS_SECRET_ACCESS_KEY", "the role's secret key; Lambda sets it");
        let token = reader.optional("AWS_SESSION_TOKEN");
        let endpoints = Endpoints {
            all: reader.optional("AWS_ENDPOINT_URL"),
            dynamodb: reader.optional("AWS_ENDPOINT_URL_DYNAMODB"),
            kinesis: reader.optional("AWS_ENDPOINT_URL_KINESIS"),
            s3: reader.optional("AWS_ENDPOINT_URL_S3"),
            sqs: reader.optional("AWS_ENDPOINT_URL_SQS"),
            secrets: reader.optional("AWS_ENDPOINT_URL_SECRETS_MANAGER"),
            sns: reader.optional("AWS_ENDPOINT_URL_SNS"),
        };
        reader.finish()?;
        let credentials = Credentials::new(id, secret, token, None, "environment");
        Ok(Self::new(region, SharedCredentialsProvider::new(credentials), endpoints))
    }

    fn new(region: String, credentials: SharedCredentialsProvider, endpoints: Endpoints) -> Self {
        let config = SdkConfig::builder()
            .region(Region::new(region))
            .credentials_provider(credentials)
            .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
            .sleep_impl(SharedAsyncSleep::new(aws_smithy_async::rt::sleep::TokioSleep::new()))
            .time_source(aws_smithy_async::time::SystemTimeSource::new())
            // Adaptive waits are the event source mapping's; here a few quick tries are enough.
            .retry_config(RetryConfig::standard().with_max_attempts(4).with_initial_backoff(Duration::from_millis(100)))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_secs(2))
                    .operation_attempt_timeout(Duration::from_secs(10))
                    .build(),
            )
            .http_client(http_client(endpoints.are_plain()))
            .build();
        Self {
            config,
            endpoints,
            dynamodb: OnceLock::new(),
            kinesis: OnceLock::new(),
            s3: OnceLock::new(),
            sqs: OnceLock::new(),
            secrets: OnceLock::new(),
            sns: OnceLock::new(),
        }
    }

    fn at(&self, endpoint: Option<&String>) -> SdkConfig {
        match endpoint.or(self.endpoints.all.as_ref()) {
            Some(url) => self.config.to_builder().endpoint_url(url).build(),
            None => self.config.clone(),
        }
    }

    /// `DynamoDB`.
    pub fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        self.dynamodb.get_or_init(|| aws_sdk_dynamodb::Client::new(&self.at(self.endpoints.dynamodb.as_ref())))
    }

    /// Kinesis.
    pub fn kinesis(&self) -> &aws_sdk_kinesis::Client {
        self.kinesis.get_or_init(|| aws_sdk_kinesis::Client::new(&self.at(self.endpoints.kinesis.as_ref())))
    }

    /// S3. A custom endpoint is addressed by path, since its host has no name for each bucket.
    pub fn s3(&self) -> &aws_sdk_s3::Client {
        self.s3.get_or_init(|| {
            let config = self.at(self.endpoints.s3.as_ref());
            let by_path = config.endpoint_url().is_some();
            let config = aws_sdk_s3::config::Builder::from(&config).force_path_style(by_path).build();
            aws_sdk_s3::Client::from_conf(config)
        })
    }

    /// SQS.
    pub fn sqs(&self) -> &aws_sdk_sqs::Client {
        self.sqs.get_or_init(|| aws_sdk_sqs::Client::new(&self.at(self.endpoints.sqs.as_ref())))
    }

    /// Secrets Manager.
    pub fn secrets(&self) -> &aws_sdk_secretsmanager::Client {
        self.secrets.get_or_init(|| aws_sdk_secretsmanager::Client::new(&self.at(self.endpoints.secrets.as_ref())))
    }

    /// SNS.
    pub fn sns(&self) -> &aws_sdk_sns::Client {
        self.sns.get_or_init(|| aws_sdk_sns::Client::new(&self.at(self.endpoints.sns.as_ref())))
    }
}

impl Endpoints {
    /// Whether every call goes to a plain HTTP endpoint: a local stack, which needs no TLS at all.
    fn are_plain(&self) -> bool {
        let named = [&self.dynamodb, &self.kinesis, &self.s3, &self.sqs, &self.secrets, &self.sns];
        let plain = |url: &Option<String>| url.as_ref().is_some_and(|url| url.starts_with("http://"));
        plain(&self.all) || named.into_iter().any(plain)
    }
}

fn http_client(plain: bool) -> SharedHttpClient {
    let builder = aws_smithy_http_client::Builder::new();
    if plain {
        return builder.build_http();
    }
    let mut roots = TrustStore::empty();
    for root in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        let text = base64_simd::STANDARD.encode_to_string(root);
        roots.add_pem_certificate(format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"));
    }
    let builder = builder.tls_provider(Provider::Rustls(CryptoMode::Ring));
    match TlsContext::builder().with_trust_store(roots).build() {
        Ok(context) => builder.tls_context(context).build_https(),
        // Certificates that were compiled in do parse; the system's are the way out if they ever do not.
        Err(_) => builder.build_https(),
    }
}

/// Puts an item on a condition: whether it was met.
async fn put_if(put: PutItemFluentBuilder) -> Result<bool, PortError> {
    match put.send().await {
        Ok(_) => Ok(true),
        Err(error) if error.as_service_error().is_some_and(PutItemError::is_conditional_check_failed_exception) => {
            Ok(false)
        }
        Err(error) => Err(failed("dynamodb:PutItem", &error)),
    }
}

/// An SDK error as the port's error, with the service's own words.
fn failed<E: std::error::Error>(operation: &'static str, error: &E) -> PortError {
    PortError { operation, reason: DisplayErrorContext(error).to_string() }
}

/// The item has not the shape that this code writes.
fn malformed(operation: &'static str, what: impl fmt::Display) -> PortError {
    PortError { operation, reason: format!("the table holds an item that Freshet did not write: {what}") }
}
