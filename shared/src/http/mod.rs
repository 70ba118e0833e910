//! HTTP to vendors.

mod address;
mod reach;

use std::{error::Error, iter, sync::Arc, time::Duration};

use reqwest::{Client, Method, Url, header::HeaderMap, redirect};
use rustls::{ClientConfig, RootCertStore, crypto::ring};

pub use self::reach::{Names, Reach, SystemNames};
use self::reach::{Refusal, Resolver};
use crate::ports::{Http, HttpError, HttpRequest, HttpResponse};

/// How much of an answer's body is read; the rest is dropped with its connection.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

/// How long a call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the connection stands.
    pub connect: Duration,
    /// Until the answer's first byte, and between any two reads of it.
    pub silence: Duration,
    /// Until the last byte of the answer, however steadily it drips.
    pub whole: Duration,
}

impl Default for Timeouts {
    /// Five seconds to connect, twenty of silence, thirty in all: Standard Webhooks asks for 15 to 30 ("Request
    /// timeouts").
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), silence: Duration::from_secs(20), whole: Duration::from_secs(30) }
    }
}

/// The client cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client cannot be made: {0}")]
pub struct ClientError(String);

/// Calls vendors: TLS with built-in roots, no redirects, no proxy from the environment, no address that the deployment
/// does not let be called, bounded in time and size.
///
/// Neither headers nor bodies are ever logged; errors do not contain the URL, which may hold a secret.
#[derive(Clone, Debug)]
pub struct VendorHttp {
    client: Client,
    reach: Reach,
}

impl VendorHttp {
    /// A client with its own pool of connections: make one and keep it.
    pub fn new(timeouts: Timeouts, reach: Reach) -> Result<Self, ClientError> {
        Self::with_names(timeouts, reach, SystemNames)
    }

    /// The same, with another resolver than the system's.
    pub fn with_names(timeouts: Timeouts, reach: Reach, names: impl Names) -> Result<Self, ClientError> {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| ClientError(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .dns_resolver(Resolver { reach, names: Arc::new(names) })
            // A redirect could lead anywhere, and take the secret along.
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(timeouts.connect)
            .read_timeout(timeouts.silence)
            .timeout(timeouts.whole)
            .user_agent(concat!("freshet/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| ClientError(innermost(&error.without_url()).to_string()))?;
        Ok(Self { client, reach })
    }
}

impl Http for VendorHttp {
    async fn call(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
        let unsendable = |host: &str, reason: String| HttpError::Unsendable { host: host.to_owned(), reason };
        let url = Url::parse(&request.url).map_err(|error| unsendable("the vendor", error.to_string()))?;
        let host = url.host_str().unwrap_or("the vendor").to_owned();
        self.reach
            .check(&url)
            .map_err(|refusal| HttpError::Refused { host: host.clone(), reason: refusal.to_string() })?;
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| unsendable(&host, format!("{:?} is no HTTP method", request.method)))?;
        let headers = headers(request).map_err(|reason| unsendable(&host, reason))?;
        let outgoing = self.client.request(method, url).headers(headers).body(request.body.clone());

        let mut answer = outgoing.send().await.map_err(|error| broken(&host, error, "no answer in time"))?;
        let status = answer.status().as_u16();
        let headers = answer
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| broken(&host, error, "no whole answer in time"))? {
            let room = MAX_BODY_BYTES - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() >= room {
                break;
            }
        }
        Ok(HttpResponse { status, headers, body })
    }
}

/// What a call that came to no answer means; `late` is said of a timeout behind the connection's.
fn broken(host: &str, error: reqwest::Error, late: &str) -> HttpError {
    let host = host.to_owned();
    let error = error.without_url();
    if let Some(refusal) = causes(&error).find_map(|cause| cause.downcast_ref::<Refusal>()) {
        return HttpError::Refused { host, reason: refusal.to_string() };
    }
    let reason = match (error.is_timeout(), error.is_connect()) {
        (true, true) => "no connection in time".to_owned(),
        (true, false) => late.to_owned(),
        (false, _) => innermost(&error).to_string(),
    };
    if error.is_builder() { HttpError::Unsendable { host, reason } } else { HttpError::NoAnswer { host, reason } }
}

/// The headers of a request, or why they cannot be sent.
fn headers(request: &HttpRequest) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::with_capacity(request.headers.len());
    for (name, value) in &request.headers {
        // The value is left out of the message: it may be the secret.
        let unsendable = || format!("the header {name:?} has characters that no header can carry");
        let name = http::HeaderName::from_bytes(name.as_bytes()).map_err(|_| unsendable())?;
        let mut value = http::HeaderValue::from_str(value).map_err(|_| unsendable())?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    Ok(headers)
}

/// An error, what caused it, what caused that, and so on.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(error), |error| (**error).source())
}

/// The cause behind all others.
fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    causes(error).last().unwrap_or(error)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

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
        VendorHttp::new(Timeouts { whole, ..Timeouts::default() }, Reach::Private).unwrap()
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
        assert!(matches!(&error, HttpError::NoAnswer { host, .. } if host == "127.0.0.1"), "{error:?}");
        assert!(!error.to_string().contains("hidden"), "{error}");
        served.await.unwrap();
    }

    #[tokio::test]
    async fn a_body_that_stops_is_no_answer() {
        let (url, served) = server(|mut stream| async move {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await.unwrap();
        })
        .await;
        let error = client(LONG).call(&post(&url)).await.unwrap_err();
        assert!(matches!(error, HttpError::NoAnswer { .. }), "{error:?}");
        served.await.unwrap();
    }

    // The clock stands still, and goes on to the next timer whenever nothing else can.

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_drips_ends_with_the_whole_timeout() {
        let (url, served) = server(|mut stream| async move {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n").await.unwrap();
            while stream.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Timeouts::default().silence / 2).await;
            }
        })
        .await;
        let begun = tokio::time::Instant::now();
        let error = client(LONG).call(&post(&url)).await.unwrap_err();
        assert_eq!(error.to_string(), "no answer from 127.0.0.1: no whole answer in time");
        assert!(begun.elapsed() >= LONG, "before its time: {:?}", begun.elapsed());
        served.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_a_call_before_its_whole_time_is_over() {
        for (answer, reason) in [
            ("", "no answer from 127.0.0.1: no answer in time"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "no answer from 127.0.0.1: no whole answer in time"),
        ] {
            let (url, served) = server(move |mut stream| async move {
                stream.write_all(answer.as_bytes()).await.unwrap();
                // Ends when the client closes the connection.
                let _ = stream.read(&mut [0; 1]).await;
            })
            .await;
            let begun = tokio::time::Instant::now();
            assert_eq!(client(LONG).call(&post(&url)).await.unwrap_err().to_string(), reason);
            assert!(begun.elapsed() < LONG, "{:?}", begun.elapsed());
            served.await.unwrap();
        }
    }

    /// These names, and no others.
    struct Known(&'static [(&'static str, &'static str)]);

    impl Names for Known {
        async fn addresses(&self, name: &str) -> std::io::Result<Vec<IpAddr>> {
            let found = self.0.iter().filter(|(known, _)| *known == name);
            Ok(found.map(|(_, address)| address.parse().unwrap()).collect())
        }
    }

    #[tokio::test]
    async fn only_what_the_deployment_lets_be_called_is() {
        const NAMES: Known = Known(&[
            ("metadata.example", "169.254.169.254"),
            ("mapped.example", "::ffff:169.254.169.254"),
            ("inside.example", "10.0.0.1"),
            ("inside.example", "fd00::1"),
            ("rebound.example", "127.0.0.1"),
            ("localhost", "127.0.0.1"),
            ("multicast.example", "224.0.0.1"),
        ]);
        // Port 1 of this machine: nobody listens there, so a call that is let through gets no answer.
        for (url, reach, refused) in [
            ("https://metadata.example/", Reach::Internet, "it has the address 169.254.169.254, link-local (RFC 3927)"),
            ("https://mapped.example/", Reach::Internet, "it has the address ::ffff:169.254.169.254, link-local"),
            ("https://169.254.169.254/latest/meta-data/", Reach::Internet, "it is link-local (RFC 3927)"),
            ("https://2852039166/", Reach::Internet, "it is link-local (RFC 3927)"),
            ("https://0xa9.0xfe.43518/", Reach::Internet, "it is link-local (RFC 3927)"),
            ("https://[::ffff:a9fe:a9fe]/", Reach::Internet, "it is link-local (RFC 3927)"),
            ("https://[fd00:ec2::254]/", Reach::Internet, "it is a private network"),
            ("https://inside.example/", Reach::Internet, "allow_private_addresses"),
            ("https://127.0.0.1:1/", Reach::Internet, "this machine itself"),
            ("http://127.0.0.1:1/", Reach::Internet, "this machine itself"),
            ("http://[::1]:1/", Reach::Internet, "this machine itself"),
            ("http://localhost:1/", Reach::Internet, "this machine itself"),
            ("https://rebound.example:1/", Reach::Internet, "it has the address 127.0.0.1, this machine itself"),
            ("https://rebound.example:1/", Reach::Private, "it has the address 127.0.0.1, this machine itself"),
            ("https://0.0.0.0:1/", Reach::Private, "\"this network\""),
            ("https://multicast.example/", Reach::Private, "it has the address 224.0.0.1, multicast"),
            ("http://10.0.0.1/", Reach::Private, "begins with http; set it to https"),
            ("http://inside.example/", Reach::Private, "begins with http; set it to https"),
            ("ftp://127.0.0.1/", Reach::Private, "begins with ftp; set it to https"),
        ] {
            let http = VendorHttp::with_names(Timeouts::default(), reach, NAMES).unwrap();
            let error = http.call(&post(url)).await.unwrap_err();
            println!("{url} with {reach:?}: {error}");
            assert!(
                matches!(&error, HttpError::Refused { reason, .. } if reason.contains(refused)),
                "{url}: {error:?}"
            );
        }
        for url in ["http://127.0.0.1:1/", "http://localhost:1/", "https://127.0.0.1:1/"] {
            let http = VendorHttp::with_names(Timeouts::default(), Reach::Private, NAMES).unwrap();
            let error = http.call(&post(url)).await.unwrap_err();
            assert!(matches!(error, HttpError::NoAnswer { .. }), "{url}: {error:?}");
        }
    }

    #[tokio::test]
    async fn of_a_names_addresses_those_that_may_be_called_are() {
        use reqwest::dns::Resolve as _;

        const NAMES: Known =
            Known(&[("mixed.example", "10.0.0.1"), ("mixed.example", "8.8.8.8"), ("mixed.example", "127.0.0.1")]);
        for (reach, expected) in
            [(Reach::Internet, &["8.8.8.8:0"][..]), (Reach::Private, &["10.0.0.1:0", "8.8.8.8:0"][..])]
        {
            let resolver = Resolver { reach, names: Arc::new(NAMES) };
            let admitted = resolver.resolve("mixed.example".parse().unwrap()).await.unwrap();
            assert_eq!(admitted.map(|address| address.to_string()).collect::<Vec<_>>(), expected, "{reach:?}");
        }
    }

    #[tokio::test]
    async fn a_name_without_addresses_gets_no_answer() {
        let http = VendorHttp::with_names(Timeouts::default(), Reach::Internet, Known(&[])).unwrap();
        let error = http.call(&post("https://gone.example/")).await.unwrap_err();
        assert!(matches!(error, HttpError::NoAnswer { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn nobody_listens() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        drop(listener);
        let error = client(LONG).call(&post(&url)).await.unwrap_err();
        assert!(matches!(&error, HttpError::NoAnswer { reason, .. } if reason.contains("refused")), "{error:?}");
    }

    #[tokio::test]
    async fn what_can_never_be_sent_says_so_and_keeps_the_secret() {
        let client = client(LONG);
        let error = client.call(&post("no address")).await.unwrap_err();
        assert!(matches!(error, HttpError::Unsendable { .. }), "{error:?}");
        let mut request = post("https://example.com/");
        request.headers[0].1 = "Bearer hid\nden".into();
        let error = client.call(&request).await.unwrap_err();
        assert!(matches!(error, HttpError::Unsendable { .. }), "{error:?}");
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
