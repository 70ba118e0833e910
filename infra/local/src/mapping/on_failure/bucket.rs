//! A bucket that keeps what mappings give up on, and tells a function.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::{InvocationRecord, OnFailure, OnFailureError, timestamp};
use crate::function::Function;
use crate::mapping::event::s3::{CreatedObject, object_created};

/// The waits before the second and the third try of an asynchronous invocation. Lambda tries three times as well ("How
/// Lambda handles errors and retries with asynchronous invocation"), but waits one and two minutes.
const NOTIFICATION_WAITS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];

/// A bucket as on-failure destination, with the notification that S3 sends about each object.
#[derive(Clone)]
pub struct BucketDestination {
    /// The client to write with.
    pub client: Client,
    /// The bucket's name.
    pub bucket: String,
    /// The bucket's region, for the notification.
    pub region: String,
    /// The function that S3 notifies, asynchronously as Lambda does: three tries, then a line in the log. The object stays.
    pub notifies: Option<Arc<dyn Function>>,
}

impl BucketDestination {
    async fn put(&self, record: &InvocationRecord) -> Result<(), OnFailureError> {
        let key = record.key(Uuid::new_v4());
        let document = record.document();
        let size = document.len();
        let answer = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(&key)
            .content_type("application/json")
            .body(ByteStream::from(document.into_bytes()))
            .send()
            .await
            .map_err(|error| OnFailureError {
                bucket: self.bucket.clone(),
                key: key.clone(),
                reason: DisplayErrorContext(&error).to_string(),
            })?;
        let event = object_created(&CreatedObject {
            aws_region: &self.region,
            bucket: &self.bucket,
            key: &key,
            size,
            e_tag: answer.e_tag().unwrap_or_default().trim_matches('"'),
            event_time: &timestamp(record.time),
            sequencer: &format!("{:016X}", record.time.as_nanos()),
        });
        if let Some(function) = &self.notifies {
            notify(function.as_ref(), &key, event).await;
        }
        Ok(())
    }
}

impl OnFailure for BucketDestination {
    fn keep<'a>(&'a self, record: &'a InvocationRecord) -> BoxFuture<'a, Result<(), OnFailureError>> {
        self.put(record).boxed()
    }
}

/// Invokes a function as S3 does: asynchronously for S3, so that errors are retried and go nowhere in the end.
async fn notify(function: &dyn Function, key: &str, event: Bytes) {
    let mut waits = NOTIFICATION_WAITS.iter();
    while let Err(error) = function.invoke(event.clone()).await {
        let wait = waits.next();
        tracing::warn!(
            function = function.name(),
            key,
            %error,
            again = wait.is_some(),
            "an invocation failed"
        );
        let Some(wait) = wait else { return };
        tokio::time::sleep(*wait).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use aws_credential_types::Credentials;
    use aws_sdk_s3::config::retry::RetryConfig;
    use aws_sdk_s3::config::{BehaviorVersion, Region};
    use hyper::server::conn::http1;
    use hyper_util::rt::TokioIo;
    use s3s::auth::SimpleAuth;
    use s3s::service::S3ServiceBuilder;
    use serde_json::Value;

    use super::*;
    use crate::function::{HostSettings, Hosted};
    use crate::mapping::on_failure::StreamKind;
    use crate::mapping::stream::{Condition, Discarded, SequenceNumber, StreamRecord};

    async fn s3(folder: &std::path::Path) -> Client {
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder).unwrap());
        builder.set_auth(SimpleAuth::from_single("test", "test"));
        let service = builder.build();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone()));
            }
        });
        client(url)
    }

    fn client(url: String) -> Client {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .endpoint_url(url)
            .force_path_style(true)
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .region(Region::from_static("eu-central-1"))
            .retry_config(RetryConfig::disabled())
            .build();
        Client::from_conf(config)
    }

    fn given_up() -> InvocationRecord {
        InvocationRecord {
            mapping: Uuid::from_u128(1),
            request_id: Uuid::from_u128(2),
            function_arn: "arn:aws:lambda:eu-central-1:000000000000:function:transform".to_owned(),
            kind: StreamKind::Kinesis,
            stream_arn: "arn:aws:kinesis:eu-central-1:000000000000:stream/changes".to_owned(),
            shard_id: "shardId-000000000000".to_owned(),
            time: Duration::from_secs(1_573_691_886),
            discarded: Discarded {
                sub_shard: 0,
                records: vec![Arc::new(StreamRecord {
                    sequence_number: SequenceNumber::new("7"),
                    key: "key".to_owned(),
                    arrival: Duration::from_secs(1_573_691_884),
                    json: r#"{"eventID":"shardId-000000000000:7"}"#.to_owned(),
                })],
                condition: Condition::RetryAttemptsExhausted,
                approximate_invoke_count: 3,
                function_error: true,
            },
        }
    }

    #[tokio::test]
    async fn the_notification_leads_to_the_object() {
        let folder = tempfile::tempdir().unwrap();
        let client = s3(folder.path()).await;
        client.create_bucket().bucket("failures").send().await.unwrap();
        let events = Arc::new(Mutex::new(Vec::<Value>::new()));
        let seen = events.clone();
        let function = Hosted::new("collect-failures", HostSettings::default(), move || {
            let seen = seen.clone();
            async move {
                Ok(move |event: Bytes| {
                    seen.lock().unwrap().push(serde_json::from_slice(&event).unwrap());
                    async { Ok(Bytes::new()) }
                })
            }
        });
        let bucket = BucketDestination {
            client: client.clone(),
            bucket: "failures".to_owned(),
            region: "eu-central-1".to_owned(),
            notifies: Some(Arc::new(function)),
        };
        bucket.keep(&given_up()).await.unwrap();

        let event = events.lock().unwrap().pop().unwrap();
        let s3 = &event["Records"][0]["s3"];
        assert_eq!(s3["bucket"]["name"], "failures");
        let key = s3["object"]["key"].as_str().unwrap();
        assert!(key.starts_with(
            "aws/lambda/00000000-0000-0000-0000-000000000001/shardId-000000000000/2019/11/14/2019-11-14T00.38.06-"
        ));
        let object = client.get_object().bucket("failures").key(key).send().await.unwrap();
        assert_eq!(s3["object"]["size"], object.content_length().unwrap());
        assert_eq!(s3["object"]["eTag"], object.e_tag().unwrap().trim_matches('"'));
        let body: Value = serde_json::from_slice(&object.body.collect().await.unwrap().into_bytes()).unwrap();
        assert_eq!(body["payload"], r#"{"Records":[{"eventID":"shardId-000000000000:7"}]}"#);
    }

    #[tokio::test]
    async fn what_cannot_be_written_is_an_error_and_nobody_is_told() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let told = Arc::new(Mutex::new(0));
        let count = told.clone();
        let function = Hosted::new("collect-failures", HostSettings::default(), move || {
            let count = count.clone();
            async move {
                Ok(move |_: Bytes| {
                    *count.lock().unwrap() += 1;
                    async { Ok(Bytes::new()) }
                })
            }
        });
        let bucket = BucketDestination {
            client: client(url),
            bucket: "failures".to_owned(),
            region: "eu-central-1".to_owned(),
            notifies: Some(Arc::new(function)),
        };
        let error = bucket.keep(&given_up()).await.unwrap_err();
        assert_eq!(error.bucket, "failures");
        assert_eq!(*told.lock().unwrap(), 0);
    }
}
