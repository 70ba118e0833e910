//! S3: the crate `s3s-fs`, objects as files of a folder.

use std::path::Path;

use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;

use super::running::{Running, accept, bind};
use super::{ACCESS_KEY, Error, SECRET_KEY, folder};

/// Starts S3 on `port`, or on a free one. The objects are in `data_dir/s3`, or in a folder that goes with the service.
pub async fn start(port: Option<u16>, data_dir: Option<&Path>) -> Result<Running, Error> {
    let (path, passing) = if let Some(data_dir) = data_dir {
        (folder("S3", data_dir.join("s3")).await?, None)
    } else {
        let passing = tempfile::Builder::new().prefix("freshet-s3-").tempdir();
        let passing = passing.map_err(|source| Error::Folder { service: "S3", path: std::env::temp_dir(), source })?;
        (passing.path().to_owned(), Some(passing))
    };
    let objects =
        FileSystem::new(&path).map_err(|error| Error::Data { service: "S3", path, reason: format!("{error:?}") })?;
    let mut service = S3ServiceBuilder::new(objects);
    service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
    let service = service.build();
    let listener = bind("S3", port).await?;
    Running::spawn(listener, |listener, stopped| async move {
        accept(listener, service, stopped).await;
        drop(passing);
    })
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::Client;
    use aws_sdk_s3::primitives::ByteStream;

    use super::*;
    use crate::services::testing::Clients;

    async fn put(client: &Client, key: &str, body: &'static [u8]) {
        let object = client.put_object().bucket("failures").key(key);
        object.body(ByteStream::from_static(body)).send().await.unwrap();
    }

    async fn get(client: &Client, key: &str, range: Option<&str>) -> Vec<u8> {
        let object = client.get_object().bucket("failures").key(key).set_range(range.map(str::to_owned));
        object.send().await.unwrap().body.collect().await.unwrap().to_vec()
    }

    #[tokio::test]
    async fn objects_are_put_listed_read_and_deleted() {
        let running = start(None, None).await.unwrap();
        let client = Clients::of(&running).s3;
        client.create_bucket().bucket("failures").send().await.unwrap();
        put(&client, "2026/01/a.json", b"{\"a\":1}").await;
        put(&client, "2026/02/b.json", b"0123456789").await;
        assert_eq!(get(&client, "2026/01/a.json", None).await, b"{\"a\":1}");
        assert_eq!(get(&client, "2026/02/b.json", Some("bytes=2-4")).await, b"234");
        let list = client.list_objects_v2().bucket("failures").prefix("2026/01/").send().await.unwrap();
        let keys: Vec<_> = list.contents().iter().filter_map(|object| object.key()).collect();
        assert_eq!(keys, ["2026/01/a.json"]);
        client.delete_object().bucket("failures").key("2026/01/a.json").send().await.unwrap();
        let gone = client.get_object().bucket("failures").key("2026/01/a.json").send().await.unwrap_err();
        assert!(gone.into_service_error().is_no_such_key());
    }

    #[tokio::test]
    async fn objects_outlive_the_service_in_a_folder_only() {
        let folder = tempfile::tempdir().unwrap();
        let first = start(None, Some(folder.path())).await.unwrap();
        let client = Clients::of(&first).s3;
        client.create_bucket().bucket("failures").send().await.unwrap();
        put(&client, "kept", b"1").await;
        first.stop().await;
        let second = start(None, Some(folder.path())).await.unwrap();
        assert_eq!(get(&Clients::of(&second).s3, "kept", None).await, b"1");
    }
}
