//! Errors on the wire. The protocol crate's [`SqsError`] has most of AWS's codes; the others are here.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use rustack_sqs_http::body::SqsResponseBody;
use rustack_sqs_http::response::CONTENT_TYPE;
use rustack_sqs_model::error::SqsError;
use serde_json::json;

use crate::services::fifo::ReceiptError;

/// Why an operation is refused.
#[derive(Debug)]
pub(super) enum Refusal {
    /// With one of the protocol crate's codes.
    Sqs(SqsError),
    /// A body with characters that SQS does not take; the protocol crate has no such code.
    Contents,
    /// A visibility that cannot be changed any more; the protocol crate's code lacks its prefix, and the SDKs compare
    /// the whole of it.
    NotInFlight,
}

impl From<SqsError> for Refusal {
    fn from(error: SqsError) -> Self {
        Self::Sqs(error)
    }
}

impl Refusal {
    /// The error code.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Sqs(error) => error.code.error_type(),
            Self::Contents => "InvalidMessageContents",
            Self::NotInFlight => "AWS.SimpleQueueService.MessageNotInflight",
        }
    }

    /// What is wrong.
    pub(super) fn message(&self) -> String {
        match self {
            Self::Sqs(error) => error.message.clone(),
            Self::Contents => "The message contains characters outside the allowed set.".to_owned(),
            Self::NotInFlight => ReceiptError::NotInFlight.to_string(),
        }
    }

    /// The response, or the error that the protocol crate makes one of.
    pub(super) fn response(self) -> Result<Response<SqsResponseBody>, SqsError> {
        if let Self::Sqs(error) = self {
            return Err(error);
        }
        let body = json!({ "__type": self.code(), "message": self.message() }).to_string();
        let mut response = Response::new(SqsResponseBody::from_bytes(Bytes::from(body)));
        *response.status_mut() = StatusCode::BAD_REQUEST;
        let error = HeaderValue::try_from(format!("{};Sender", self.code()));
        let error = error.map_err(|error| SqsError::internal_error(error.to_string()))?;
        response.headers_mut().insert("x-amzn-query-error", error);
        response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        Ok(response)
    }
}
