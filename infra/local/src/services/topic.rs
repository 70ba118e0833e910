//! SNS, as far as the functions call it: `Publish`, over the service's query protocol. What is published is kept, for
//! whoever looks.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::post,
};
use shared::alert::Message;
use tokio::{net::TcpListener, task::JoinHandle};
use url::form_urlencoded;
use uuid::Uuid;

/// A running service with one topic, of whatever name; it ends when it is dropped.
#[derive(Debug)]
pub struct Topic {
    /// Where it is.
    pub endpoint_url: String,
    published: Published,
    task: JoinHandle<()>,
}

type Published = Arc<Mutex<Vec<Message>>>;

impl Topic {
    /// Starts it on a free port of the loopback.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let endpoint_url = format!("http://{}", listener.local_addr()?);
        let published = Published::default();
        let app = Router::new().route("/", post(answer)).with_state(Arc::clone(&published));
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                tracing::error!("the local SNS ended: {error}");
            }
        });
        Ok(Self { endpoint_url, published, task })
    }

    /// What was published, in order, without the first `from`.
    pub fn published(&self, from: usize) -> Vec<Message> {
        let published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        published.get(from..).map(<[Message]>::to_vec).unwrap_or_default()
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// "Publish", SNS API reference: a subject is ASCII without line breaks, of less than 100 characters; a message has at
/// least one character.
async fn answer(State(published): State<Published>, body: String) -> impl IntoResponse {
    let value = |name: &str| {
        let found = form_urlencoded::parse(body.as_bytes()).find(|(key, _)| key == name);
        found.map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    let message = Message { subject: value("Subject"), text: value("Message") };
    let is_line = message.subject.chars().all(|letter| letter.is_ascii() && !letter.is_ascii_control());
    let wrong = if value("Action") != "Publish" {
        Some(("InvalidAction", "the local SNS knows Publish only"))
    } else if !is_line || message.subject.len() > 100 {
        Some(("InvalidParameter", "Invalid parameter: Subject"))
    } else if message.text.is_empty() {
        Some(("InvalidParameter", "Invalid parameter: Empty message"))
    } else {
        None
    };
    let (status, xml) = if let Some((code, reason)) = wrong {
        let error = format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>{reason}</Message></Error>");
        (StatusCode::BAD_REQUEST, format!("<ErrorResponse>{error}</ErrorResponse>"))
    } else {
        published.lock().unwrap_or_else(PoisonError::into_inner).push(message);
        let result = format!("<PublishResult><MessageId>{}</MessageId></PublishResult>", Uuid::new_v4());
        (StatusCode::OK, format!("<PublishResponse>{result}</PublishResponse>"))
    };
    (status, [(header::CONTENT_TYPE, "text/xml")], xml)
}

#[cfg(test)]
mod tests {
    use shared::{
        aws::{Aws, SnsTopic},
        ports::Topic as _,
    };

    use super::*;

    #[tokio::test]
    async fn the_sdk_publishes_what_sns_takes() {
        let service = Topic::start().await.unwrap();
        let url = service.endpoint_url.clone();
        let environment = move |name: &str| match name {
            "AWS_ENDPOINT_URL_SNS" => Some(url.clone()),
            "AWS_REGION" => Some("us-east-1".to_owned()),
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("local".to_owned()),
            _ => None,
        };
        let topic = SnsTopic::new(Aws::from_environment(&environment).unwrap().sns(), "arn:aws:sns:us-east-1:1:alerts");
        let message = |subject: &str, text: &str| Message { subject: subject.to_owned(), text: text.to_owned() };
        let first = message("Freshet: contacts needs attention", "ä & b = 1 % +\nhttps://console.example\n");
        topic.publish(&first).await.unwrap();
        for (wrong, why) in [
            (message("two\nlines", "text"), "Subject"),
            (message("ä", "text"), "Subject"),
            (message(&"s".repeat(101), "text"), "Subject"),
            (message("subject", ""), "Empty message"),
        ] {
            let error = topic.publish(&wrong).await.unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        assert_eq!(service.published(0), [first]);
        assert_eq!(service.published(1), []);
    }
}
