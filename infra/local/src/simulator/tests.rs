//! The vendors, called over sockets by the connectors that are meant for them.

use std::sync::Mutex;

use shared::{
    delivery::{Delivery, Outcome, Removes, Step, Told},
    destination::{Answered, Destination, Operation, Parcel, connector, unanswered},
    event::Op,
    http::{Reach, Timeouts, VendorHttp},
    key::Key,
    ports::{Http as _, HttpRequest, HttpResponse},
    position::Position,
    time::{Clock as _, SystemClock},
    value::{Object, Value},
};

use super::*;

const TOKEN: &str = "pat-demo";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Strikes in the order given, whatever is asked about in between.
struct Planned(Mutex<Vec<VendorFault>>);

impl Strikes for Planned {
    fn strikes(&self, fault: VendorFault) -> bool {
        let mut planned = self.0.lock().unwrap();
        let strikes = planned.first() == Some(&fault);
        if strikes {
            planned.remove(0);
        }
        strikes
    }
}

fn planned(faults: impl Into<Vec<VendorFault>>) -> Arc<Planned> {
    Arc::new(Planned(Mutex::new(faults.into())))
}

async fn hubspot(faults: Arc<dyn Strikes>) -> (Simulator, Destination) {
    let vendor = Vendor::HubSpot { token: TOKEN.into() };
    let simulator = Simulator::start(vendor, "crm", None, faults).await.unwrap();
    let settings = Object::from_iter([("base_url".to_owned(), Value::from(simulator.url()))]);
    (simulator, connector("hubspot").unwrap().configure("crm", &settings).unwrap())
}

async fn webhook(faults: Arc<dyn Strikes>, body: &str) -> (Simulator, Destination) {
    let vendor = Vendor::Webhook { secret: Some(SECRET.into()) };
    let simulator = Simulator::start(vendor, "hook", None, faults).await.unwrap();
    let settings = Object::from_iter([
        ("url".to_owned(), Value::from(format!("{}/in", simulator.url()))),
        ("body".to_owned(), Value::from(body)),
    ]);
    (simulator, connector("webhook").unwrap().configure("hook", &settings).unwrap())
}

fn delivery(number: u32, fields: &str) -> Delivery {
    Delivery {
        id: format!("p/customers/1/{number}"),
        pipeline: "p".into(),
        version: 1,
        source: "customers".into(),
        op: Op::Update,
        key: Key::single("id", i64::from(number)),
        epoch: 1,
        position: Position::parse(&number.to_string()).unwrap(),
        occurred_at: SystemClock.now(),
        action: String::new(),
        step: Step::Apply,
        removes: Removes::Created,
        redriven: false,
        fields: Value::from_json(fields.as_bytes()).unwrap().as_object().unwrap().clone(),
    }
}

async fn call(request: &HttpRequest) -> Result<HttpResponse, shared::ports::HttpError> {
    VendorHttp::new(Timeouts::default(), Reach::Private).unwrap().call(request).await
}

async fn send(operation: Operation<'_>, secret: &str, parcels: &[Parcel<'_>]) -> Vec<Answered> {
    let now = SystemClock.now();
    let request = operation.render(parcels, Some(secret), now).unwrap();
    match call(&request).await {
        Ok(response) => operation.read(parcels, &response, now),
        Err(error) => vec![Answered::Ended(unanswered(&error)); parcels.len()],
    }
}

async fn upsert(destination: &Destination, deliveries: &[Delivery]) -> Vec<Answered> {
    let parcels: Vec<_> = deliveries.iter().map(|delivery| Parcel { delivery, destination_key: None }).collect();
    send(destination.operation("upsert_contact", Step::Apply).unwrap(), TOKEN, &parcels).await
}

fn delivered(key: &str, created: bool) -> Answered {
    Answered::Ended(Outcome::Delivered(Told { destination_key: Some(key.into()), created: Some(created) }))
}

fn is_retry(answered: &Answered) -> bool {
    matches!(answered, Answered::Ended(Outcome::Retry { .. }))
}

#[tokio::test]
async fn contacts_are_created_merged_archived_and_created_anew() {
    let (simulator, destination) = hubspot(Arc::new(NoFaults)).await;
    let first = [
        delivery(1, r#"{"email":"Ada@Example.com","firstname":"Ada","city":"London"}"#),
        delivery(2, r#"{"email":"bob@example.com"}"#),
    ];
    assert_eq!(upsert(&destination, &first).await, [delivered("101", true), delivered("102", true)]);
    let second = [delivery(3, r#"{"email":"ada@example.com","plan":"pro","city":null}"#)];
    assert_eq!(upsert(&destination, &second).await, [delivered("101", false)]);
    let ada = simulator.contacts().remove(0);
    let properties: Vec<_> = ada.properties.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(properties, ["email=ada@example.com", "firstname=Ada", "plan=pro"]);

    let archive = destination.operation("upsert_contact", Step::Archive).unwrap();
    let gone = Parcel { delivery: &second[0], destination_key: Some("101") };
    let ended = Answered::Ended(Outcome::Delivered(Told::default()));
    assert_eq!(send(archive, TOKEN, &[gone]).await, std::slice::from_ref(&ended));
    assert!(simulator.contacts()[0].archived);
    assert_eq!(send(archive, TOKEN, &[gone]).await, [ended]);
    assert_eq!(upsert(&destination, &second).await, [delivered("103", true)]);

    let kinds: Vec<_> = simulator.received().iter().map(|received| (received.request, received.what.kind())).collect();
    let expected = [(1, "upsert"), (1, "upsert"), (2, "upsert"), (3, "archive"), (4, "archive"), (5, "upsert")];
    assert_eq!(kinds, expected);
    let archives = [Some("ada@example.com".to_owned()), None];
    for (received, key) in simulator.received_since(3).into_iter().zip(archives) {
        assert_eq!(received.what, What::Archive { id: "101".into(), key });
    }
    assert_eq!(simulator.received_since(5).len(), 1);
    assert!(simulator.received_since(6).is_empty());
}

#[tokio::test]
async fn one_bad_contact_does_not_reject_its_neighbours() {
    let (simulator, destination) = hubspot(Arc::new(NoFaults)).await;
    let contacts = [delivery(1, r#"{"email":"nobody"}"#), delivery(2, r#"{"email":"bob@example.com"}"#)];
    let answered = upsert(&destination, &contacts).await;
    let Answered::Ended(Outcome::Rejected { reason, answer }) = &answered[0] else { panic!("{answered:?}") };
    assert!(reason.contains("Email address nobody is invalid"), "{reason}");
    assert_eq!(answer.as_ref().unwrap().status, 207);
    assert_eq!(answered[1], delivered("101", true));
    assert_eq!(simulator.contacts().len(), 1);
}

#[tokio::test]
async fn what_hubspot_refuses_whole_is_refused_whole() {
    let (simulator, destination) = hubspot(Arc::new(NoFaults)).await;
    let twins = [delivery(1, r#"{"email":"a@b.example"}"#), delivery(2, r#"{"email":"A@b.example"}"#)];
    assert_eq!(upsert(&destination, &twins).await, [Answered::Split, Answered::Split]);
    let many: Vec<_> =
        (0..101).map(|number| delivery(number, &format!(r#"{{"email":"a{number}@b.example"}}"#))).collect();
    assert_eq!(upsert(&destination, &many).await, vec![Answered::Split; 101]);

    let operation = destination.operation("upsert_contact", Step::Apply).unwrap();
    let parcel = Parcel { delivery: &twins[0], destination_key: None };
    let answered = send(operation, "pat-wrong", &[parcel]).await;
    let Answered::Ended(Outcome::Unauthorised { reason }) = &answered[0] else { panic!("{answered:?}") };
    assert!(reason.starts_with("HubSpot answered 401: Authentication credentials not found."), "{reason}");
    let mut request = operation.render(&[parcel], Some(TOKEN), SystemClock.now()).unwrap();
    request.body = br#"{"inputs":[{"id":"a@b.example","idProperty":"email","properties":{"vip":true}}]}"#.to_vec();
    assert_eq!(call(&request).await.unwrap().status, 400);
    request.url = format!("{}/crm/v3/objects/contact/batch/upsert", simulator.url());
    assert_eq!(call(&request).await.unwrap().status, 404);

    assert!(simulator.contacts().is_empty());
    let statuses: Vec<_> = simulator
        .received()
        .into_iter()
        .map(|received| match received.what {
            What::Refused { status, .. } => status,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(statuses, [400, 400, 401, 400, 404]);
}

#[tokio::test]
async fn faults_of_a_crm_are_retried_and_only_a_late_drop_is_applied() {
    use VendorFault::{Drop, Error, Partial, Throttle};
    let (simulator, destination) = hubspot(planned([Drop, Drop, Error, Throttle, Partial, Partial])).await;
    let contacts = [delivery(1, r#"{"email":"a@b.example"}"#), delivery(2, r#"{"email":"c@d.example"}"#)];

    assert!(upsert(&destination, &contacts).await.iter().all(is_retry));
    assert!(simulator.contacts().is_empty(), "dropped before it was applied");
    assert!(upsert(&destination, &contacts).await.iter().all(is_retry));
    assert_eq!(simulator.contacts().len(), 2, "dropped after it was applied");
    assert!(upsert(&destination, &contacts).await.iter().all(is_retry));
    let before = SystemClock.now();
    let answered = upsert(&destination, &contacts).await;
    let Answered::Ended(Outcome::Throttled { until, reason }) = &answered[0] else { panic!("{answered:?}") };
    assert!(*until > before && reason.contains("ten_secondly_rolling"), "{reason}");
    let answered = upsert(&destination, &contacts).await;
    assert_eq!(answered[0], delivered("101", false));
    assert!(is_retry(&answered[1]), "{answered:?}");
    assert!(upsert(&destination, &contacts[1..]).await.iter().all(is_retry));
    assert_eq!(upsert(&destination, &contacts).await, [delivered("101", false), delivered("102", false)]);

    let faults: Vec<_> = simulator
        .received()
        .into_iter()
        .filter_map(|received| match received.what {
            What::Fault(name) => Some(name),
            _ => None,
        })
        .collect();
    assert_eq!(faults, ["dropped before it was applied", "dropped after it was applied", "500", "429"]);
}

#[tokio::test]
async fn events_arrive_in_order_in_every_body() {
    for body in ["single", "array", "ndjson"] {
        let (simulator, destination) = webhook(Arc::new(NoFaults), body).await;
        let operation = destination.operation("send", Step::Apply).unwrap();
        let events = [delivery(1, r#"{"total":129.90}"#), delivery(2, r#"{"text":"a\nb"}"#)];
        let parcels = events.each_ref().map(|delivery| Parcel { delivery, destination_key: None });
        for request in parcels.chunks(operation.cap().count) {
            let answered = send(operation, SECRET, request).await;
            assert!(
                answered.iter().all(|one| matches!(one, Answered::Ended(Outcome::Delivered { .. }))),
                "{answered:?}"
            );
        }
        let received: Vec<_> = simulator
            .received()
            .into_iter()
            .map(|received| match received.what {
                What::Event { id, r#type, data, .. } => format!("{id} {type} {data}"),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(
            received,
            [
                r#"p/customers/1/1 customers.update {"total":129.90}"#,
                r#"p/customers/1/2 customers.update {"text":"a\nb"}"#,
            ],
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_receiver_refuses_what_is_not_signed_rightly() {
    let (simulator, destination) = webhook(Arc::new(NoFaults), "single").await;
    let operation = destination.operation("send", Step::Apply).unwrap();
    let event = delivery(1, r#"{"n":1}"#);
    let parcel = Parcel { delivery: &event, destination_key: None };
    let good = operation.render(&[parcel], Some(SECRET), SystemClock.now()).unwrap();
    let status = async |change: &dyn Fn(&mut HttpRequest)| {
        let mut request = good.clone();
        change(&mut request);
        call(&request).await.unwrap().status
    };
    assert_eq!(status(&|_| {}).await, 204);
    assert_eq!(status(&|request| request.body.push(b' ')).await, 401);
    for header in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        assert_eq!(status(&|request| request.headers.retain(|(name, _)| name != header)).await, 401, "{header}");
    }
    let other = operation.render(&[parcel], Some("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), SystemClock.now()).unwrap();
    assert_eq!(call(&other).await.unwrap().status, 401);
    let old = SystemClock.now() - std::time::Duration::from_mins(10);
    assert_eq!(call(&operation.render(&[parcel], Some(SECRET), old).unwrap()).await.unwrap().status, 401);
    let both = format!("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA {SECRET}");
    let both = operation.render(&[parcel], Some(&both), SystemClock.now()).unwrap();
    assert_eq!(call(&both).await.unwrap().status, 204);
    let events = simulator.received().iter().filter(|received| received.what.kind() == "event").count();
    assert_eq!(events, 2);
}

#[test]
fn the_verifier_knows_the_published_vector() {
    // standard-webhooks/standard-webhooks, libraries/go/webhook_test.go, TestWebhookSign; the second signature is of its
    // "invalid signature" case.
    let verify = |signature: &str, now: i64| {
        let mut headers = axum::http::HeaderMap::new();
        headers.insert("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek".parse().unwrap());
        headers.insert("webhook-timestamp", "1614265330".parse().unwrap());
        headers.insert("webhook-signature", signature.parse().unwrap());
        webhook::Verifier::new(SECRET).unwrap().verify(&headers, br#"{"test": 2432232314}"#, now)
    };
    let (good, bad) =
        ("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=");
    assert_eq!(verify(good, 1_614_265_330), Ok(()));
    assert_eq!(verify(&format!("{bad} {} {good}", bad.replace("v1", "v2")), 1_614_265_600), Ok(()));
    assert_eq!(verify(bad, 1_614_265_330), Err("no signature fits"));
    assert_eq!(verify(good, 1_614_265_631), Err("webhook-timestamp is too far from now"));
    assert_eq!(verify(good, 1_614_265_029), Err("webhook-timestamp is too far from now"));
}

#[tokio::test]
async fn faults_of_a_receiver_are_retried_and_only_a_late_drop_is_applied() {
    use VendorFault::{Drop, Error, Throttle};
    let (simulator, destination) = webhook(planned([Drop, Drop, Error, Throttle]), "single").await;
    let operation = destination.operation("send", Step::Apply).unwrap();
    let event = delivery(1, r#"{"n":1}"#);
    let parcel = Parcel { delivery: &event, destination_key: None };
    for _ in 0..3 {
        let answered = send(operation, SECRET, &[parcel]).await;
        assert!(is_retry(&answered[0]), "{answered:?}");
    }
    let answered = send(operation, SECRET, &[parcel]).await;
    assert!(matches!(&answered[0], Answered::Ended(Outcome::Throttled { .. })), "{answered:?}");
    assert!(matches!(send(operation, SECRET, &[parcel]).await[0], Answered::Ended(Outcome::Delivered { .. })));
    let kinds: Vec<_> = simulator.received().iter().map(|received| received.what.kind()).collect();
    assert_eq!(kinds, ["fault", "event", "fault", "fault", "fault", "event"]);
}

#[tokio::test]
async fn the_page_shows_what_came_and_nothing_in_it_is_markup() {
    let (simulator, destination) = hubspot(Arc::new(NoFaults)).await;
    upsert(&destination, &[delivery(1, r#"{"email":"a@b.example","firstname":"<script>"}"#)]).await;
    let mut request = HttpRequest {
        method: "GET".into(),
        url: format!("{}/", simulator.url()),
        headers: Vec::new(),
        body: Vec::new(),
    };
    let page = String::from_utf8(call(&request).await.unwrap().body).unwrap();
    assert!(page.contains("a@b.example") && page.contains("&lt;script&gt;"), "{page}");
    assert!(!page.contains("<script>"), "{page}");
    request.headers.push(("accept".into(), "application/json".into()));
    let page: serde_json::Value = serde_json::from_slice(&call(&request).await.unwrap().body).unwrap();
    assert_eq!(page["counts"]["upsert"], 1);
    assert_eq!(page["last"][0]["of"], "a@b.example (101, created)");
}

#[tokio::test]
async fn a_dropped_simulator_is_gone() {
    let (simulator, destination) = hubspot(Arc::new(NoFaults)).await;
    let contact = [delivery(1, r#"{"email":"a@b.example"}"#)];
    assert_eq!(upsert(&destination, &contact).await, [delivered("101", true)]);
    let serving = simulator.serving.clone();
    drop(simulator);
    while !serving.is_finished() {
        tokio::task::yield_now().await;
    }
    assert!(upsert(&destination, &contact).await.iter().all(is_retry));
}
