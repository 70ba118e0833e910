//! S3 as [`Objects`].

use aws_sdk_s3::{Client, operation::get_object::GetObjectError, primitives::ByteStream};

use super::failed;
use crate::ports::{Objects, PortError};

/// Objects in S3.
#[derive(Clone, Debug)]
pub struct ObjectStore(Client);

impl ObjectStore {
    /// Over this client.
    pub fn new(client: &Client) -> Self {
        Self(client.clone())
    }
}

impl Objects for ObjectStore {
    async fn put(&self, bucket: &str, key: &str, bytes: Vec<u8>) -> Result<(), PortError> {
        let put = self.0.put_object().bucket(bucket).key(key).body(ByteStream::from(bytes));
        put.send().await.map(drop).map_err(|error| failed("s3:PutObject", &error))
    }

    async fn get(&self, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, PortError> {
        const OPERATION: &str = "s3:GetObject";
        match self.0.get_object().bucket(bucket).key(key).send().await {
            Ok(object) => {
                let body = object.body.collect().await.map_err(|error| failed(OPERATION, &error))?;
                Ok(Some(body.into_bytes().to_vec()))
            }
            Err(error) if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => Ok(None),
            Err(error) => Err(failed(OPERATION, &error)),
        }
    }
}
