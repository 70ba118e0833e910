//! Secrets Manager as [`Secrets`].

use std::{collections::HashMap, sync::Mutex};

use aws_sdk_secretsmanager::Client;

use super::failed;
use crate::ports::{PortError, Secrets};

/// Secrets, cached for the life of the execution environment; a rotation is noticed by the vendor's 401.
#[derive(Debug)]
pub struct SecretStore {
    client: Client,
    cache: Mutex<HashMap<String, String>>,
}

impl SecretStore {
    /// Over this client.
    pub fn new(client: &Client) -> Self {
        Self { client: client.clone(), cache: Mutex::default() }
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, HashMap<String, String>> {
        self.cache.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Secrets for SecretStore {
    async fn secret(&self, arn: &str, fresh: bool) -> Result<String, PortError> {
        const OPERATION: &str = "secretsmanager:GetSecretValue";
        if !fresh && let Some(secret) = self.cache().get(arn) {
            return Ok(secret.clone());
        }
        let answer = self.client.get_secret_value().secret_id(arn).send().await;
        let secret = answer.map_err(|error| failed(OPERATION, &error))?.secret_string;
        let secret = secret.ok_or_else(|| PortError {
            operation: OPERATION,
            reason: format!("the secret {arn} is binary; store it as text"),
        })?;
        self.cache().insert(arn.to_owned(), secret.clone());
        Ok(secret)
    }

    async fn replace(&self, arn: &str, secret: &str) -> Result<(), PortError> {
        self.cache().insert(arn.to_owned(), secret.to_owned());
        let put = self.client.put_secret_value().secret_id(arn).secret_string(secret).send().await;
        put.map(drop).map_err(|error| failed("secretsmanager:PutSecretValue", &error))
    }
}
