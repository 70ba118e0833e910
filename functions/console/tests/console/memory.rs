//! The console's world in memory, a door that lets in whom a test names, and a browser without a screen.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
};
use console::{
    Console, Settings, World,
    access::Route,
    door::{Arrival, Departure, Door, DoorError, DoorRules, Handshake, Person, Transport},
    role::Role,
};
use http::{HeaderMap, Method, Request, StatusCode, header};
use shared::{
    connection::Connection,
    lane::Lanes,
    pipeline::{Known, KnownDestination},
    redrive::{QueueSite, Site},
    testing::{
        ManualClock, MemoryAlerts, MemoryAudit, MemoryBackbone, MemoryCounts, MemoryDrafts, MemoryGates,
        MemoryKeptFailures, MemoryLedger, MemoryLookups, MemoryObjects, MemoryPipelines, MemoryQueues, MemorySchemas,
        MemorySecrets, ScriptedHttp, lock,
    },
    value::Object,
};
use tower::ServiceExt as _;

/// A door that sends people to `https://idp.example/`, and lets in whom the test has put there.
#[derive(Debug, Default)]
pub struct MemoryDoor {
    /// Who arrives, with any code.
    pub arriving: Mutex<Option<Arrival>>,
    /// Who is in without signing in.
    pub resident: Option<Person>,
}

impl Door for MemoryDoor {
    const TRANSPORT: Transport = Transport::Tls;

    async fn depart(&self, callback: &str) -> Result<Departure, DoorError> {
        let handshake = Handshake { state: "a-state".into(), nonce: "a-nonce".into(), verifier: "a-verifier".into() };
        Ok(Departure { url: format!("https://idp.example/?redirect_uri={callback}"), handshake })
    }

    async fn arrive(&self, _: &str, _: Handshake, _: String) -> Result<Arrival, DoorError> {
        lock(&self.arriving).clone().ok_or_else(|| DoorError::Refused("nobody is there".to_owned()))
    }

    fn resident(&self) -> Option<Person> {
        self.resident.clone()
    }

    async fn rules(&self) -> DoorRules {
        DoorRules { issuer: "https://idp.example".to_owned(), roles: None }
    }
}

/// The console's world. What a test looks at while the console works is shared with it.
#[derive(Debug, Default)]
pub struct MemoryWorld<D = MemoryDoor> {
    pub door: D,
    pub pipelines: Arc<MemoryPipelines>,
    pub counts: MemoryCounts,
    pub failures: Arc<MemoryKeptFailures>,
    pub audit: Arc<MemoryAudit>,
    pub secrets: Arc<MemorySecrets>,
    pub drafts: MemoryDrafts,
    pub alerts: Arc<MemoryAlerts>,
    pub schemas: MemorySchemas,
    pub lookups: MemoryLookups,
    pub ledger: MemoryLedger,
    pub objects: MemoryObjects,
    pub backbone: Arc<MemoryBackbone>,
    pub queues: Arc<MemoryQueues>,
    pub gates: MemoryGates,
    pub http: Arc<ScriptedHttp>,
    pub clock: Arc<ManualClock>,
}

/// The secret with the sessions' keys.
const SESSIONS: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:sessions";

/// The secret of the destination `crm`.
pub const CRM_SECRET: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:crm";

/// The queue of the destination `crm`.
pub const QUEUE: &str = "https://sqs.example/crm.fifo";

/// What time it is, in milliseconds since 1970: some day in 2027.
pub const NOW: i64 = 1_800_000_000_000;

/// Where the console is.
pub const ORIGIN: &str = "https://console.example";

impl<D: Door> MemoryWorld<D> {
    /// Behind this door, with a secret for the sessions' keys, at a time in 2027.
    pub fn behind(door: D) -> Self {
        let secrets = MemorySecrets::default();
        lock(&secrets.current).insert(SESSIONS.to_owned(), r#"{"keys":[]}"#.to_owned());
        lock(&secrets.cached).insert(SESSIONS.to_owned(), r#"{"keys":[]}"#.to_owned());
        Self {
            door,
            pipelines: Arc::new(MemoryPipelines { clock: ManualClock::at(NOW), ..MemoryPipelines::default() }),
            counts: MemoryCounts::default(),
            failures: Arc::default(),
            audit: Arc::default(),
            secrets: Arc::new(secrets),
            drafts: MemoryDrafts::default(),
            alerts: Arc::default(),
            schemas: MemorySchemas::default(),
            lookups: MemoryLookups::default(),
            ledger: MemoryLedger::default(),
            objects: MemoryObjects::default(),
            backbone: Arc::default(),
            queues: Arc::default(),
            gates: MemoryGates::default(),
            http: Arc::default(),
            clock: Arc::new(ManualClock::at(NOW)),
        }
    }

    /// The console in it.
    pub fn console(self) -> Console<Self> {
        let settings = Settings {
            sessions_secret_arn: SESSIONS.to_owned(),
            contact: "Ask platform@example.com.".to_owned(),
            public_url: None,
            known: Known {
                sources: vec!["customers".to_owned()],
                destinations: vec![KnownDestination::new("crm", "hubspot").with_settings(Object::new())],
                ..Known::default()
            },
            retention: Duration::from_hours(24),
            site: Site {
                bucket: "oversize".to_owned(),
                changes_stream: "changes".to_owned(),
                changes_lanes: Lanes::ONE,
                queues: [("crm".to_owned(), QueueSite { url: QUEUE.to_owned(), lanes: Lanes::ONE })].into(),
            },
            alert_topic_arn: Some("arn:aws:sns:eu-central-1:123456789012:store-alerts".to_owned()),
            connections: vec![
                Connection {
                    name: "crm".to_owned(),
                    connector: "hubspot".to_owned(),
                    settings: [("plan".to_owned(), "starter".into())].into_iter().collect(),
                    secret_arn: Some(CRM_SECRET.to_owned()),
                },
                Connection {
                    name: "warehouse".to_owned(),
                    connector: "webhook".to_owned(),
                    settings: [("url".to_owned(), "https://warehouse.example/in".into())].into_iter().collect(),
                    secret_arn: None,
                },
            ],
        };
        Console::new(self, settings)
    }
}

impl<D: Door> World for MemoryWorld<D> {
    type Door = D;
    type Pipelines = MemoryPipelines;
    type Drafts = MemoryDrafts;
    type Alerts = MemoryAlerts;
    type Schemas = MemorySchemas;
    type Lookups = MemoryLookups;
    type Ledger = MemoryLedger;
    type Timelines = MemoryLedger;
    type Counts = MemoryCounts;
    type Queues = MemoryQueues;
    type Failures = MemoryKeptFailures;
    type Audit = MemoryAudit;
    type Secrets = MemorySecrets;
    type Objects = MemoryObjects;
    type Backbone = MemoryBackbone;
    type Gates = MemoryGates;
    type Http = ScriptedHttp;
    type Clock = ManualClock;

    fn door(&self) -> &D {
        &self.door
    }
    fn pipelines(&self) -> &MemoryPipelines {
        &self.pipelines
    }
    fn drafts(&self) -> &MemoryDrafts {
        &self.drafts
    }
    fn alerts(&self) -> &MemoryAlerts {
        &self.alerts
    }
    fn lookups(&self) -> &MemoryLookups {
        &self.lookups
    }
    fn ledger(&self) -> &MemoryLedger {
        &self.ledger
    }
    fn schemas(&self) -> &MemorySchemas {
        &self.schemas
    }
    fn timelines(&self) -> &MemoryLedger {
        &self.ledger
    }
    fn counts(&self) -> &MemoryCounts {
        &self.counts
    }
    fn queues(&self) -> &MemoryQueues {
        &self.queues
    }
    fn failures(&self) -> &MemoryKeptFailures {
        &self.failures
    }
    fn audit(&self) -> &MemoryAudit {
        &self.audit
    }
    fn secrets(&self) -> &MemorySecrets {
        &self.secrets
    }
    fn objects(&self) -> &MemoryObjects {
        &self.objects
    }
    fn backbone(&self) -> &MemoryBackbone {
        &self.backbone
    }
    fn gates(&self) -> &MemoryGates {
        &self.gates
    }
    fn http(&self) -> &ScriptedHttp {
        &self.http
    }
    fn clock(&self) -> &ManualClock {
        &self.clock
    }
}

/// Ada, with a role.
pub fn ada(role: Role) -> Person {
    Person { id: "idp|1".to_owned(), name: "Ada Lovelace".to_owned(), role }
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).expect("the answer is text")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().expect("the header is text")).unwrap_or_default()
    }

    /// The token of the page's forms.
    pub fn token(&self) -> String {
        let (_, rest) = self.text().split_once(r#"name="csrf" value=""#).expect("the page has a form");
        rest.split_once('"').expect("the value ends").0.to_owned()
    }
}

/// A browser: it keeps cookies, and says where its requests come from.
#[derive(Clone)]
pub struct Browser {
    router: Router,
    origin: String,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    pub fn of<W: World>(console: Console<W>) -> Self {
        Self { router: console.router(), origin: ORIGIN.to_owned(), cookies: BTreeMap::new() }
    }

    pub fn with_routes<W: World>(console: Console<W>, routes: Vec<Route<W>>) -> Self {
        Self { router: console.router_of(routes), origin: ORIGIN.to_owned(), cookies: BTreeMap::new() }
    }

    /// A browser with nothing in it, of the same console.
    pub fn another(&self) -> Self {
        Self { cookies: BTreeMap::new(), ..self.clone() }
    }

    /// The same where the console has another address.
    pub fn at(&self, origin: &str) -> Self {
        Self { origin: origin.to_owned(), ..self.another() }
    }

    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str)
    }

    pub fn set_cookie(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, &[("sec-fetch-site", "none")], "").await
    }

    /// Sends a form of our own page's, with its token.
    pub async fn post(&mut self, path: &str, token: &str) -> Answer {
        self.post_form(path, token, "a=b").await
    }

    /// The same with these fields.
    pub async fn post_form(&mut self, path: &str, token: &str, fields: &str) -> Answer {
        let own = [("sec-fetch-site", "same-origin"), ("origin", ORIGIN), FORM];
        self.send(Method::POST, path, &own, &format!("csrf={token}&{fields}")).await
    }

    pub async fn send(&mut self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.origin.split_once("//").expect("an origin").1);
        if !self.cookies.is_empty() {
            let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).expect("the request is one");
        let response = self.router.clone().oneshot(request).await.expect("a router always answers");
        let (parts, body) = response.into_parts();
        for cookie in parts.headers.get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().expect("a cookie is text");
            let (name, value) = cookie.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let bytes = to_bytes(body, usize::MAX).await.expect("the answer has an end").to_vec();
        Answer { status: parts.status, headers: parts.headers, bytes }
    }
}

pub const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// A browser of a console in which somebody with this role is signed in, by the whole way there.
pub async fn signed_in(role: Role) -> Browser {
    let world = MemoryWorld::behind(MemoryDoor::default());
    *lock(&world.door.arriving) = Some(Arrival::Person(ada(role)));
    let mut browser = Browser::of(world.console());
    sign_in(&mut browser).await;
    browser
}

/// Signs in through a [`MemoryDoor`].
pub async fn sign_in(browser: &mut Browser) -> Answer {
    let departed = browser.get("/sign-in/start?to=/settings/people").await;
    assert_eq!(departed.status, StatusCode::SEE_OTHER, "{}", departed.text());
    browser.get("/sign-in/return?code=c&state=a-state").await
}
