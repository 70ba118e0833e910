//! The AWS services of the local stack: each one a server on the loopback address that speaks AWS's own protocol.

use std::path::PathBuf;

use crate::faults::Faults;

pub mod dynamodb;
pub mod fifo;
pub mod kinesis;
mod running;
pub mod s3;
pub mod secrets;
pub mod sqs;
#[cfg(test)]
mod testing;
mod throttle;
pub mod topic;

pub use running::Running;

/// The account of everything in the stack.
pub const ACCOUNT: &str = "000000000000";
/// The region of everything in the stack.
pub const REGION: &str = "us-east-1";
/// The access key that clients sign with. Only S3 checks the signature.
pub const ACCESS_KEY: &str = "freshet";
/// The secret key that clients sign with. It guards nothing: the services listen on the loopback address only.
pub const SECRET_KEY: &str = "freshet-local";

/// Why a service does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The port cannot be had.
    #[error("{service} cannot listen on port {port}: {source}; name another port, or none for a free one")]
    Listen {
        /// The service.
        service: &'static str,
        /// The port, 0 for any.
        port: u16,
        /// What the system says.
        source: std::io::Error,
    },
    /// The system does not tell where it listens.
    #[error("the address of a listener cannot be read: {0}")]
    Address(std::io::Error),
    /// A folder for data cannot be made.
    #[error("the folder {path} for the data of {service} cannot be made: {source}; name a folder that can be written to", path = path.display())]
    Folder {
        /// The service.
        service: &'static str,
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The data of an earlier run cannot be opened.
    #[error("the data of {service} in {path} cannot be opened: {reason}; name another folder, or remove this one", path = path.display())]
    Data {
        /// The service.
        service: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the service says.
        reason: String,
    },
}

/// Ports that are wanted; free ones are taken for the others.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ports {
    /// DynamoDB and DynamoDB Streams.
    pub dynamodb: Option<u16>,
    /// Kinesis.
    pub kinesis: Option<u16>,
    /// SQS.
    pub sqs: Option<u16>,
    /// S3.
    pub s3: Option<u16>,
}

/// What the services are started with.
#[derive(Debug, Clone)]
pub struct ServicesConfig {
    /// Where DynamoDB and S3 keep their data; without it, all data goes when the services stop. Kinesis and SQS are
    /// always in memory.
    pub data_dir: Option<PathBuf>,
    /// The ports.
    pub ports: Ports,
    /// What Kinesis and SQS fail at.
    pub faults: Faults,
}

/// The services, running. They stop when this is dropped.
#[derive(Debug)]
pub struct Services {
    /// DynamoDB and DynamoDB Streams.
    pub dynamodb_url: String,
    /// Kinesis.
    pub kinesis_url: String,
    /// SQS.
    pub sqs_url: String,
    /// S3; objects are addressed by path.
    pub s3_url: String,
    running: [Running; 4],
}

impl Services {
    /// Starts all four, side by side.
    pub async fn start(config: ServicesConfig) -> Result<Self, Error> {
        let ServicesConfig { data_dir, ports, faults } = config;
        let (dynamodb, kinesis, sqs, s3) = tokio::try_join!(
            dynamodb::start(ports.dynamodb, data_dir.as_deref()),
            kinesis::start(ports.kinesis, faults.clone()),
            sqs::start(ports.sqs, faults.clone()),
            s3::start(ports.s3, data_dir.as_deref()),
        )?;
        Ok(Self {
            dynamodb_url: dynamodb.endpoint_url.clone(),
            kinesis_url: kinesis.endpoint_url.clone(),
            sqs_url: sqs.endpoint_url.clone(),
            s3_url: s3.endpoint_url.clone(),
            running: [dynamodb, kinesis, sqs, s3],
        })
    }

    /// Stops them and waits until their ports and files are free.
    pub async fn stop(self) {
        for service in self.running {
            service.stop().await;
        }
    }
}

/// Makes the folder of one service.
async fn folder(service: &'static str, path: PathBuf) -> Result<PathBuf, Error> {
    match tokio::fs::create_dir_all(&path).await {
        Ok(()) => Ok(path),
        Err(source) => Err(Error::Folder { service, path, source }),
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::testing::Clients;
    use super::*;

    fn port_of(url: &str) -> Option<u16> {
        url.rsplit(':').next().and_then(|port| port.parse().ok())
    }

    #[tokio::test]
    async fn all_four_answer_and_give_back_their_ports() {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = Some(folder.path().join("not/yet/there"));
        let config = ServicesConfig { data_dir, ports: Ports::default(), faults: Faults::none() };
        let first = Services::start(config.clone()).await.unwrap();
        assert!(Clients::at(&first.dynamodb_url).dynamodb.list_tables().send().await.is_ok());
        assert!(Clients::at(&first.kinesis_url).kinesis.list_streams().send().await.is_ok());
        assert!(Clients::at(&first.sqs_url).sqs.list_queues().send().await.is_ok());
        assert!(Clients::at(&first.s3_url).s3.list_buckets().send().await.is_ok());
        let ports = Ports {
            dynamodb: port_of(&first.dynamodb_url),
            kinesis: port_of(&first.kinesis_url),
            sqs: port_of(&first.sqs_url),
            s3: port_of(&first.s3_url),
        };
        let urls = [first.dynamodb_url.clone(), first.kinesis_url.clone(), first.sqs_url.clone(), first.s3_url.clone()];
        first.stop().await;
        let second = Services::start(ServicesConfig { ports, ..config }).await.unwrap();
        assert_eq!(urls, [second.dynamodb_url, second.kinesis_url, second.sqs_url, second.s3_url]);
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_named() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = s3::start(Some(port), None).await.unwrap_err().to_string();
        assert!(error.starts_with(&format!("S3 cannot listen on port {port}: ")), "{error}");
    }

    #[tokio::test]
    async fn a_service_that_is_dropped_stops() {
        let running = sqs::start(None, Faults::none()).await.unwrap();
        let client = Clients::of(&running).sqs;
        client.list_queues().send().await.unwrap();
        let port = port_of(&running.endpoint_url).unwrap();
        drop(running);
        // Its task has to run once more to see the end; a service that went on would hang this test.
        while TcpListener::bind(("127.0.0.1", port)).await.is_err() {
            tokio::task::yield_now().await;
        }
        assert!(client.list_queues().send().await.is_err());
    }
}
