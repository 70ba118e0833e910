//! A function on Lambda.

use std::{future::Future, process::ExitCode};

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::value::RawValue;

use crate::{
    config::{ConfigError, Environment, ProcessEnvironment},
    telemetry::{self, Emit},
    time::Timestamp,
};

/// A function's handler: JSON in, JSON out, as Lambda's Invoke has it. Lambda, the local stack and the tests host the
/// same one.
pub trait Handle: Send + Sync {
    /// Handles an invocation that has to end before `deadline`.
    ///
    /// An error fails the whole invocation; its text is logged and goes to whoever invoked it.
    fn handle(&self, payload: &[u8], deadline: Timestamp) -> impl Future<Output = Result<Vec<u8>, HandleError>> + Send;
}

/// Why an invocation failed as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HandleError(pub String);

impl HandleError {
    /// From any error's text.
    pub fn from_error(error: impl std::error::Error) -> Self {
        Self(error.to_string())
    }
}

/// Runs a function until Lambda ends it. What is wrong with its environment is logged at once and whole; the function
/// then does not start.
pub fn run<H: Handle>(wire: impl FnOnce(&dyn Environment, Emit) -> Result<H, ConfigError>) -> ExitCode {
    start(wire, |handler| async move {
        let handler = &handler;
        lambda_runtime::run(service_fn(|event: LambdaEvent<Box<RawValue>>| async move {
            let deadline = i64::try_from(event.context.deadline).map_or(i64::MAX, |millis| millis);
            // In a box: a handler's future is so deep that the compiler stops counting, where it lies within another.
            let answer =
                Box::pin(handler.handle(event.payload.get().as_bytes(), Timestamp::from_millis(deadline))).await;
            match answer {
                Ok(json) => Ok(RawValue::from_string(String::from_utf8_lossy(&json).into_owned())?),
                Err(error) => {
                    tracing::error!(request_id = event.context.request_id, "{error}");
                    Err(lambda_runtime::Error::from(error))
                }
            }
        }))
        .await
    })
}

/// The same for a function whose events are not handled as JSON: makes it, and serves it until Lambda ends it.
pub fn start<T, F>(
    wire: impl FnOnce(&dyn Environment, Emit) -> Result<T, ConfigError>,
    serve: impl FnOnce(T) -> F,
) -> ExitCode
where
    F: Future<Output = Result<(), lambda_runtime::Error>>,
{
    telemetry::log_as_json();
    let function = match wire(&ProcessEnvironment, telemetry::to_stdout) {
        Ok(function) => function,
        Err(error) => {
            tracing::error!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!("the runtime does not start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(serve(function)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}
