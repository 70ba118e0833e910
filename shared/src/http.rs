//! HTTP to vendors.

use std::{sync::Arc, time::Duration};

use reqwest::{Client, Method, Url, header::HeaderMap, redirect};
use rustls::{ClientConfig, RootCertStore, crypto::ring};

use crate::ports::{Http, HttpError, HttpRequest, HttpResponse};

/// How much of an answer's body is read; the rest is dropped with its connection.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

/// How long a call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the connection stands.
    pub connect: Duration,
    /// Until the last byte of the answer.
    pub whole: Duration,
}

impl Default for Timeouts {
    /// Five seconds to connect, thirty in all: Standard Webhooks asks for 15 to 30 ("Request timeouts").
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), whole: Duration::from_secs(30) }
    }
}

/// The client cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client cannot be made: {0}")]
pub struct ClientError(String);

/// Calls vendors: TLS with built-in roots, no redirects, no proxy from the environment, bounded in time and size.
///
/// Neither headers nor bodies are ever logged; errors do not contain the URL, which may hold a secret.
#[derive(Clone, Debug)]
pub struct VendorHttp(Client);

impl VendorHttp {
    /// A client with its own pool of connections: make one and keep it.
    pub fn new(timeouts: Timeouts) -> Result<Self, ClientError> {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| ClientError(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(timeouts.connect)
            .timeout(timeouts.whole)
            .user_agent(concat!("freshet/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| ClientError(cause(error)))?;
        Ok(Self(client))
    }
}

impl Http for VendorHttp {
    async fn call(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
        let malformed = |host: &str, reason: String| HttpError { host: host.to_owned(), reason, permanent: true };
        let url = Url::parse(&request.url).map_err(|error| malformed("the vendor", error.to_string()))?;
        let host = url.host_str().unwrap_or("the vendor").to_owned();
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| malformed(&host, format!("{:?} is no HTTP method", request.method)))?;
        let outgoing = self.0.request(method, url).headers(headers(request, &host)?).body(request.body.clone());

        let broken = |error: reqwest::Error| HttpError {
            host: host.clone(),
            permanent: error.is_builder(),
            reason: match (error.is_timeout(), error.is_connect()) {
                (true, true) => "no connection in time".to_owned(),
                (true, false) => "no whole answer in time".to_owned(),
                (false, _) => cause(error),
            },
        };
        let mut answer = outgoing.send().await.map_err(broken)?;
        let status = answer.status().as_u16();
        let headers = answer
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(broken)? {
            let room = MAX_BODY_BYTES - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() >= room {
                break;
            }
        }
        Ok(HttpResponse { status, headers, body })
    }
}

fn headers(request: &HttpRequest, host: &str) -> Result<HeaderMap, HttpError> {
    let mut headers = HeaderMap::with_capacity(request.headers.len());
    for (name, value) in &request.headers {
        // The value is left out of the message: it may be the secret.
        let unsendable = || HttpError {
            host: host.to_owned(),
            reason: format!("the header {name:?} has characters that no header can carry"),
            permanent: true,
        };
        let name = http::HeaderName::from_bytes(name.as_bytes()).map_err(|_| unsendable())?;
        let mut value = http::HeaderValue::from_str(value).map_err(|_| unsendable())?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    Ok(headers)
}

/// The innermost reason, without the URL.
fn cause(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut innermost: &dyn std::error::Error = &error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
        task::JoinHandle,
    };

    use super::*;

    /// Takes one connection, reads one request with a body of two bytes, hands the connection to `answer`, and gives back
    /// the request.
    async fn server<F, A>(answer: F) -> (String, JoinHandle<String>)
    where
        F: FnOnce(TcpStream) -> A + Send + 'static,
        A: Future<Output = ()> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?token=hidden", listener.local_addr().unwrap());
        let task = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n{}") {
                let mut buffer = [0; 1024];
                let count = stream.read(&mut buffer).await.unwrap();
                assert!(count > 0, "the request ends early");
                request.extend_from_slice(&buffer[..count]);
            }
            answer(stream).await;
            String::from_utf8(request).unwrap()
        });
        (url, task)
    }

    fn post(url: &str) -> HttpRequest {
        HttpRequest {
            method: "POST".into(),
            url: url.into(),
            headers: vec![("authorization".into(), "Bearer hidden".into())],
            body: b"{}".to_vec(),
        }
    }

    fn client(whole: Duration) -> VendorHttp {
        VendorHttp::new(Timeouts { whole, ..Timeouts::default() }).unwrap()
    }

    const LONG: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn a_request_goes_out_as_it_is_and_the_answer_comes_back() {
        let (url, served) = server(|mut stream| async move {
            let answer =
                "HTTP/1.1 429 Slow Down\r\nRetry-After: 7\r\nX-Two: a\r\nX-Two: b\r\nContent-Length: 4\r\n\r\nbusy";
            stream.write_all(answer.as_bytes()).await.unwrap();
        })
        .await;
        let response = client(LONG).call(&post(&url)).await.unwrap();
        assert_eq!((response.status, response.body.as_slice()), (429, &b"busy"[..]));
        assert_eq!(response.header("retry-after"), Some("7"));
        assert_eq!(response.headers.iter().filter(|(name, _)| name == "x-two").count(), 2);
        let request = served.await.unwrap();
        assert!(request.starts_with("POST /hook?token=hidden HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("authorization: Bearer hidden\r\n"), "{request}");
        assert!(request.contains(concat!("user-agent: freshet/", env!("CARGO_PKG_VERSION"), "\r\n")), "{request}");
        assert!(request.ends_with("\r\n\r\n{}"), "{request}");
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer() {
        let (url, served) = server(|mut stream| async move {
            let answer = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
            stream.write_all(answer.as_bytes()).await.unwrap();
        })
        .await;
        assert_eq!(client(LONG).call(&post(&url)).await.unwrap().status, 302);
        served.await.unwrap();
    }

    #[tokio::test]
    async fn a_body_without_end_is_cut() {
        let (url, served) = server(|mut stream| async move {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n").await;
            // Ends when the client has had enough and closes the connection.
            while stream.write_all(&[b'x'; 8_192]).await.is_ok() {}
        })
        .await;
        let response = client(LONG).call(&post(&url)).await.unwrap();
        assert_eq!(response.body, vec![b'x'; MAX_BODY_BYTES]);
        served.await.unwrap();
    }

    #[tokio::test]
    async fn a_closed_connection_is_no_answer() {
        let (url, served) = server(|stream| async move { drop(stream) }).await;
        let error = client(LONG).call(&post(&url)).await.unwrap_err();
        assert_eq!((error.host.as_str(), error.permanent), ("127.0.0.1", false));
        assert!(!error.to_string().contains("hidden"), "{error}");
        served.await.unwrap();
    }

    #[tokio::test]
    async fn a_body_that_stops_is_no_answer() {
        let (url, served) = server(|mut stream| async move {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await.unwrap();
        })
        .await;
        assert!(!client(LONG).call(&post(&url)).await.unwrap_err().permanent);
        served.await.unwrap();
    }

    #[tokio::test]
    async fn a_slow_answer_ends_with_the_whole_timeout() {
        let (closed, wait) = tokio::sync::oneshot::channel::<()>();
        let (url, served) = server(|mut stream| async move {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await.unwrap();
            let _ = wait.await;
        })
        .await;
        let error = client(Duration::from_millis(50)).call(&post(&url)).await.unwrap_err();
        assert_eq!(error.reason, "no whole answer in time");
        closed.send(()).unwrap();
        served.await.unwrap();
    }

    #[tokio::test]
    async fn nobody_listens() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        drop(listener);
        let error = client(LONG).call(&post(&url)).await.unwrap_err();
        assert!(error.reason.contains("refused"), "{error}");
        assert!(!error.permanent);
    }

    #[tokio::test]
    async fn what_can_never_be_sent_is_permanent_and_keeps_the_secret() {
        let client = client(LONG);
        assert!(client.call(&post("no address")).await.unwrap_err().permanent);
        let mut request = post("https://example.com/");
        request.headers[0].1 = "Bearer hid\nden".into();
        let error = client.call(&request).await.unwrap_err();
        assert!(error.permanent);
        assert!(!error.to_string().contains("hid\nden") && !error.to_string().contains("hid\\nden"), "{error}");
    }

    #[tokio::test]
    async fn a_certificate_of_nobody_known_is_refused() {
        // A server that does not even speak TLS: the handshake fails, and no request is sent.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/", listener.local_addr().unwrap());
        let served = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
            let mut sent = Vec::new();
            let _ = stream.read_to_end(&mut sent).await;
            sent
        });
        assert!(client(LONG).call(&post(&url)).await.is_err());
        assert!(!String::from_utf8_lossy(&served.await.unwrap()).contains("hidden"));
    }
}
