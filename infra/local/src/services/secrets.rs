//! Secrets Manager, as far as the functions call it: `GetSecretValue` and `PutSecretValue`, over the service's JSON
//! protocol.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

/// A running service; it ends when it is dropped.
#[derive(Debug)]
pub struct Secrets {
    /// Where it is.
    pub endpoint_url: String,
    kept: Kept,
    task: JoinHandle<()>,
}

type Kept = Arc<Mutex<HashMap<String, String>>>;

impl Secrets {
    /// Starts it on a free port of the loopback.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let endpoint_url = format!("http://{}", listener.local_addr()?);
        let kept = Kept::default();
        let app = Router::new().route("/", post(answer)).with_state(Arc::clone(&kept));
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                tracing::error!("the local Secrets Manager ended: {error}");
            }
        });
        Ok(Self { endpoint_url, kept, task })
    }

    /// Sets a secret's text.
    pub fn put(&self, arn: &str, text: &str) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(arn.to_owned(), text.to_owned());
    }
}

impl Drop for Secrets {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// "`GetSecretValue`" and "`PutSecretValue`", Secrets Manager API reference.
async fn answer(State(kept): State<Kept>, headers: HeaderMap, body: String) -> (StatusCode, Json<Value>) {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    if !["secretsmanager.GetSecretValue", "secretsmanager.PutSecretValue"].contains(&target) {
        let knows = "the local Secrets Manager knows GetSecretValue and PutSecretValue only";
        return refuse("InvalidRequestException", knows);
    }
    let request: Value = serde_json::from_str(&body).unwrap_or_default();
    let arn = request["SecretId"].as_str().unwrap_or_default();
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    match (kept.get_mut(arn), request["SecretString"].as_str()) {
        (Some(held), Some(text)) => {
            text.clone_into(held);
            (StatusCode::OK, Json(json!({"ARN": arn, "Name": arn, "VersionStages": ["AWSCURRENT"]})))
        }
        (Some(text), None) => (StatusCode::OK, Json(json!({"ARN": arn, "Name": arn, "SecretString": text}))),
        (None, _) => refuse("ResourceNotFoundException", "Secrets Manager can't find the specified secret."),
    }
}

fn refuse(kind: &str, message: &str) -> (StatusCode, Json<Value>) {
    (StatusCode::BAD_REQUEST, Json(json!({"__type": kind, "Message": message})))
}

#[cfg(test)]
mod tests {
    use shared::{
        aws::{Aws, SecretStore},
        ports::Secrets as _,
    };

    use super::*;

    #[tokio::test]
    async fn the_sdk_reads_a_secret_and_sees_its_rotation() {
        let service = Secrets::start().await.unwrap();
        let url = service.endpoint_url.clone();
        let environment = move |name: &str| match name {
            "AWS_ENDPOINT_URL_SECRETS_MANAGER" => Some(url.clone()),
            "AWS_REGION" => Some("us-east-1".to_owned()),
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("local".to_owned()),
            _ => None,
        };
        let aws = Aws::from_environment(&environment).unwrap();
        let store = SecretStore::new(aws.secrets());
        let missing = store.secret("arn:a", false).await.unwrap_err();
        assert!(missing.reason.contains("ResourceNotFoundException"), "{missing}");
        service.put("arn:a", "one");
        assert_eq!(store.secret("arn:a", false).await.unwrap(), "one");
        service.put("arn:a", "two");
        assert_eq!(store.secret("arn:a", false).await.unwrap(), "one", "cached");
        assert_eq!(store.secret("arn:a", true).await.unwrap(), "two");
        store.replace("arn:a", "three").await.unwrap();
        assert_eq!(SecretStore::new(aws.secrets()).secret("arn:a", false).await.unwrap(), "three");
        assert!(store.replace("arn:b", "new").await.is_err(), "only what Terraform knows is written");
    }
}
