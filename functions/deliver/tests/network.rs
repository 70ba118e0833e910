//! What comes of vendors that answer oddly, slowly or without end, and of addresses that are none of a vendor's: over real
//! sockets.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod memory;

use std::{
    future::Future,
    io,
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use deliver::Deliver;
use memory::{Memory, contact, deadline, event, handler, messages, payload};
use serde_json::{Value as Json, json};
use shared::{
    delivery::Delivery,
    http::{Names, Reach, SystemNames, Timeouts, VendorHttp},
    ports::{Http as _, HttpError, HttpRequest},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// A server on this machine.
struct Vendor {
    port: u16,
    /// The heads of the requests that came.
    requests: Arc<Mutex<Vec<String>>>,
}

impl Vendor {
    /// `answer` gets each request's head, and the connection, which it closes.
    async fn start<A, F>(answer: A) -> Self
    where
        A: Fn(String, TcpStream) -> F + Send + 'static,
        F: Future<Output = ()> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let head = read(&mut stream).await;
                seen.lock().unwrap().push(head.clone());
                answer(head, stream).await;
            }
        });
        Self { port, requests }
    }

    /// One that always answers the same.
    async fn answering(status: &str, headers: &str, body: String) -> Self {
        let answer =
            format!("HTTP/1.1 {status}\r\n{headers}connection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        Self::start(move |_, mut stream| {
            let answer = answer.clone();
            async move { stream.write_all(answer.as_bytes()).await.unwrap() }
        })
        .await
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

/// Reads one request, and gives its head.
async fn read(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    loop {
        let mut buffer = [0; 4_096];
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "the request ends early");
        request.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if body.len() == length.parse::<usize>().unwrap() {
            return head.to_owned();
        }
    }
}

fn world_of(reach: Reach, names: impl Names) -> &'static Memory<VendorHttp> {
    let http = VendorHttp::with_names(Timeouts::default(), reach, names).unwrap();
    Box::leak(Box::new(Memory::new(http)))
}

/// As on the local stack: vendors on this machine may be called.
fn world() -> &'static Memory<VendorHttp> {
    world_of(Reach::Private, SystemNames)
}

fn hubspot(url: &str, world: &'static Memory<VendorHttp>) -> Deliver<&'static Memory<VendorHttp>> {
    handler("hubspot", &json!({ "base_url": url }).to_string(), world)
}

fn webhook(url: &str, world: &'static Memory<VendorHttp>) -> Deliver<&'static Memory<VendorHttp>> {
    handler("webhook", &json!({"url": url, "body": "single"}).to_string(), world)
}

/// Delivers, and gives the ids of the messages that the queue keeps.
async fn deliver(handler: Deliver<&'static Memory<VendorHttp>>, batches: &[Vec<Delivery>]) -> Vec<String> {
    let response = handler.deliver(&payload(&messages(batches)), deadline()).await.unwrap();
    response.failed().map(str::to_owned).collect()
}

/// HubSpot's answer to an upsert of the contact `a`.
fn upserted() -> String {
    json!({"status": "COMPLETE", "results": [{
        "id": "hs-a", "new": true, "archived": false, "createdAt": "2026-01-01T00:00:00Z",
        "updatedAt": "2026-01-01T00:00:00Z", "properties": {"email": "a@example.com"},
    }]})
    .to_string()
}

/// HubSpot, as long as the secret is this one.
async fn hubspot_accepting(secret: &'static str) -> Vendor {
    Vendor::start(move |head, mut stream| async move {
        let (status, body) = if head.contains(&format!("authorization: Bearer {secret}\r\n")) {
            ("200 OK", upserted())
        } else {
            ("401 Unauthorized", r#"{"category":"INVALID_AUTHENTICATION","message":"expired"}"#.to_owned())
        };
        let length = body.len();
        let answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
        stream.write_all(answer.as_bytes()).await.unwrap();
    })
    .await
}

/// Nothing is lost: nothing became a failure, and the ledger does not say that it was delivered.
fn assert_held(world: &Memory<VendorHttp>) {
    assert_eq!(world.state.kept(), []);
    assert!(world.ledger.entries.lock().unwrap().is_empty());
}

/// So many messages wait for somebody to mend something.
fn assert_paused(world: &Memory<VendorHttp>, messages: u32) {
    assert_held(world);
    let hidden = world.visibility.hidden.lock().unwrap();
    assert_eq!(hidden.len(), messages as usize);
    assert!(hidden.values().all(|wait| *wait == Duration::from_mins(5)), "{hidden:?}");
    // The alarm reads this metric.
    let line: Json = serde_json::from_str(world.state.lines.lock().unwrap().last().unwrap()).unwrap();
    assert_eq!(line["Unauthorised"], f64::from(messages), "{line}");
}

#[tokio::test]
async fn a_rotated_secret_is_read_again_and_the_delivery_arrives() {
    let (vendor, world) = (hubspot_accepting("token-2").await, world());
    world.secrets.current.lock().unwrap().insert(memory::SECRET.to_owned(), "token-2".to_owned());
    let left = deliver(hubspot(&vendor.url(), world), &[vec![contact("a", 1, "pro")]]).await;
    assert_eq!((left.len(), vendor.count()), (0, 2), "a 401, the secret once more, and a 200");
    assert_eq!(world.state.kept(), []);
    assert_eq!(world.ledger.entries.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_revoked_secret_holds_the_queue_until_there_is_a_new_one() {
    let (vendor, world) = (hubspot_accepting("token-9").await, world());
    let batch = [vec![contact("a", 1, "pro")]];
    assert_eq!(deliver(hubspot(&vendor.url(), world), &batch).await, ["m-0"]);
    assert_eq!(vendor.count(), 2, "the secret is read once more, and no oftener");
    assert_paused(world, 1);
    world.secrets.current.lock().unwrap().insert(memory::SECRET.to_owned(), "token-9".to_owned());
    assert!(deliver(hubspot(&vendor.url(), world), &batch).await.is_empty());
    assert_eq!(world.ledger.entries.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_redirect_to_another_host_is_not_followed_and_holds_the_delivery() {
    for status in
        ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"]
    {
        let other = Vendor::answering("200 OK", "", String::new()).await;
        let location = format!("location: http://localhost:{}/\r\n", other.port);
        let (vendor, world) = (Vendor::answering(status, &location, String::new()).await, world());
        let left = deliver(webhook(&vendor.url(), world), &[vec![event("a", 1, "x")]]).await;
        assert_eq!(left, ["m-0"], "{status}");
        assert_eq!((vendor.count(), other.count()), (1, 0), "{status}");
        assert_held(world);
    }
}

/// Whoever runs the name says that it is there.
struct Says(&'static str);

impl Names for Says {
    async fn addresses(&self, _name: &str) -> io::Result<Vec<IpAddr>> {
        Ok(vec![self.0.parse().unwrap()])
    }
}

#[tokio::test]
async fn an_address_that_may_not_be_called_pauses_the_destination() {
    for (url, says, reach, why) in [
        ("https://hook.example/in", "169.254.169.254", Reach::Internet, "link-local (RFC 3927)"),
        ("https://169.254.169.254/in", "8.8.8.8", Reach::Internet, "link-local (RFC 3927)"),
        ("https://hook.example/in", "::ffff:169.254.169.254", Reach::Internet, "link-local (RFC 3927)"),
        ("https://hook.example/in", "10.1.2.3", Reach::Internet, "a private network (RFC 1918)"),
        // Where Lambda's own API listens.
        ("http://127.0.0.1:9001/in", "8.8.8.8", Reach::Internet, "this machine itself"),
        ("http://localhost:9001/in", "127.0.0.1", Reach::Internet, "this machine itself"),
        ("https://hook.example:9001/in", "127.0.0.1", Reach::Private, "this machine itself"),
    ] {
        let world = world_of(reach, Says(says));
        let batch = [vec![event("a", 1, "x")], vec![event("b", 2, "y")]];
        assert_eq!(deliver(webhook(url, world), &batch).await, ["m-0", "m-1"], "{url}");
        assert_paused(world, 2);
        let request = HttpRequest { method: "POST".into(), url: url.into(), headers: Vec::new(), body: Vec::new() };
        let error = world.http.call(&request).await.unwrap_err();
        println!("{url} at {says}, {reach:?}: {error}");
        assert!(matches!(&error, HttpError::Refused { reason, .. } if reason.contains(why)), "{url}: {error:?}");
    }
}

#[tokio::test]
async fn an_address_that_may_be_called_after_all_gets_what_was_held() {
    let vendor = Vendor::answering("200 OK", "", String::new()).await;
    let world = world_of(Reach::Internet, SystemNames);
    let batch = [vec![event("a", 1, "x")]];
    assert_eq!(deliver(webhook(&vendor.url(), world), &batch).await, ["m-0"]);
    assert_eq!(vendor.count(), 0);
    assert!(deliver(webhook(&vendor.url(), self::world()), &batch).await.is_empty());
    assert_eq!(vendor.count(), 1);
}

#[tokio::test]
async fn of_a_huge_answer_only_the_beginning_is_read() {
    const TOTAL: usize = 50 * 1024 * 1024;
    static CHUNK: [u8; 65_536] = [b'x'; 65_536];
    for (status, to_hubspot, left, kept) in
        [("200 OK", false, 0, 0), ("400 Bad Request", false, 0, 1), ("200 OK", true, 1, 0)]
    {
        let sent = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&sent);
        let vendor = Vendor::start(move |_, mut stream| {
            let counted = Arc::clone(&counted);
            async move {
                let head = format!("HTTP/1.1 {status}\r\ncontent-length: {TOTAL}\r\n\r\n");
                stream.write_all(head.as_bytes()).await.unwrap();
                // Ends with its last byte, or when the connection is closed.
                while counted.load(Ordering::SeqCst) < TOTAL && stream.write_all(&CHUNK).await.is_ok() {
                    counted.fetch_add(CHUNK.len(), Ordering::SeqCst);
                }
            }
        })
        .await;
        let world = world();
        let waiting = if to_hubspot {
            deliver(hubspot(&vendor.url(), world), &[vec![contact("a", 1, "pro")]]).await
        } else {
            deliver(webhook(&vendor.url(), world), &[vec![event("a", 1, "x")]]).await
        };
        let failures = world.state.kept();
        assert_eq!((waiting.len(), failures.len()), (left, kept), "{status}, HubSpot: {to_hubspot}");
        // Beyond what was read there is what the sockets' buffers hold.
        assert!(sent.load(Ordering::SeqCst) < TOTAL / 2, "{} bytes were taken", sent.load(Ordering::SeqCst));
        let told = failures.iter().map(|failure| serde_json::to_vec(failure).unwrap().len());
        assert!(told.max().unwrap_or_default() < 64 * 1024);
    }
}

/// The clock stands still, and goes on to the next timer whenever nothing else can.
#[tokio::test(start_paused = true)]
async fn an_answer_that_drips_or_never_comes_holds_the_delivery() {
    for drips in [true, false] {
        let vendor = Vendor::start(move |_, mut stream| async move {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n").await.unwrap();
            while drips && stream.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Timeouts::default().silence / 2).await;
            }
            let _ = stream.read(&mut [0; 1]).await;
        })
        .await;
        let world = world();
        let begun = tokio::time::Instant::now();
        assert_eq!(deliver(webhook(&vendor.url(), world), &[vec![event("a", 1, "x")]]).await, ["m-0"]);
        let until = if drips { Timeouts::default().whole } else { Timeouts::default().silence };
        assert_eq!(begun.elapsed().as_secs(), until.as_secs());
        assert_eq!(vendor.count(), 1);
        assert_held(world);
        assert!(world.visibility.hidden.lock().unwrap().values().all(|wait| !wait.is_zero()));
    }
}
