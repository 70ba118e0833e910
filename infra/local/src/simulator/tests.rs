//! The vendors, called over sockets by the connectors that are meant for them. Since a simulator shares its connector's
//! mistakes, what is expected of its answers comes from the vendors' documents.

use std::sync::Mutex;

use shared::{
    delivery::{Delivery, Outcome, Removes, Step, Told},
    destination::{Answered, Destination, Operation, Parcel, Placed, Scalar, connector, connectors, unanswered},
    event::Op,
    http::{Reach, Timeouts, VendorHttp},
    key::Key,
    ledger::Pending,
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

/// A destination whose vendor is simulated.
async fn simulated(
    slug: &str,
    settings: &str,
    secret: Option<&str>,
    faults: Arc<dyn Strikes>,
) -> (Simulator, Destination) {
    limited(slug, settings, secret, faults, Vec::new()).await
}

async fn limited(
    slug: &str,
    settings: &str,
    secret: Option<&str>,
    faults: Arc<dyn Strikes>,
    rates: Vec<Rate>,
) -> (Simulator, Destination) {
    let connector = connector(slug).unwrap();
    let mut settings = object(settings);
    let secret = secret.map(str::to_owned);
    let vendor = Vendor { connector, settings: settings.clone(), secret, rates: Some(rates) };
    let simulator = Simulator::start(vendor, slug, None, faults).await.unwrap();
    for address in addresses(connector).unwrap() {
        settings.insert(address.to_owned(), Value::from(simulator.url()));
    }
    (simulator, connector.configure(slug, &settings).unwrap())
}

async fn hubspot(faults: Arc<dyn Strikes>) -> (Simulator, Destination) {
    simulated("hubspot", "{}", Some(TOKEN), faults).await
}

async fn webhook(faults: Arc<dyn Strikes>, body: &str) -> (Simulator, Destination) {
    simulated("webhook", &format!(r#"{{"body":"{body}"}}"#), Some(SECRET), faults).await
}

fn object(json: &str) -> Object {
    Value::from_json(json.as_bytes()).unwrap().as_object().unwrap().clone()
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
        arrived_at: shared::time::Timestamp::default(),
        action: String::new(),
        step: Step::Apply,
        removes: Removes::Created,
        redriven: false,
        fields: object(fields),
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
    let ada = simulator.rows().remove(0);
    let fields = r#"{"email":"ada@example.com","firstname":"Ada","plan":"pro"}"#;
    assert_eq!(Value::Object(ada.fields).to_json(), fields);

    let archive = destination.operation("upsert_contact", Step::Archive).unwrap();
    let gone = Parcel { delivery: &second[0], destination_key: Some("101") };
    let ended = Answered::Ended(Outcome::Delivered(Told::default()));
    assert_eq!(send(archive, TOKEN, &[gone]).await, std::slice::from_ref(&ended));
    assert!(simulator.rows()[0].removed);
    assert_eq!(send(archive, TOKEN, &[gone]).await, [ended]);
    assert_eq!(upsert(&destination, &second).await, [delivered("103", true)]);

    let kinds: Vec<_> = simulator.received().iter().map(|received| (received.request, received.what.kind())).collect();
    let expected = [(1, "upsert"), (1, "upsert"), (2, "upsert"), (3, "archive"), (4, "archive"), (5, "upsert")];
    assert_eq!(kinds, expected);
    let archives = [Some("ada@example.com".to_owned()), None];
    for (received, key) in simulator.received_since(3).into_iter().zip(archives) {
        assert_eq!(received.what, What::Remove { step: Step::Archive, id: "101".into(), key });
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
    assert!(reason.contains("email nobody is no valid email address"), "{reason}");
    assert_eq!(answer.as_ref().unwrap().status, 207);
    assert_eq!(answered[1], delivered("101", true));
    assert_eq!(simulator.rows().len(), 1);
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

    assert!(simulator.rows().is_empty());
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
    assert!(simulator.rows().is_empty(), "dropped before it was applied");
    assert!(upsert(&destination, &contacts).await.iter().all(is_retry));
    assert_eq!(simulator.rows().len(), 2, "dropped after it was applied");
    assert!(upsert(&destination, &contacts).await.iter().all(is_retry));
    let before = SystemClock.now();
    let answered = upsert(&destination, &contacts).await;
    let Answered::Ended(Outcome::Throttled { until, reason }) = &answered[0] else { panic!("{answered:?}") };
    assert!(*until > before && reason.contains("HubSpot answered 429"), "{reason}");
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
                What::Event { id, r#type, fields, .. } => {
                    format!("{} {} {}", id.unwrap(), r#type.unwrap(), Value::Object(fields).to_json())
                }
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
    assert_eq!(status(&|_| {}).await, 200);
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
    assert_eq!(call(&both).await.unwrap().status, 200);
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
        signature::Verifier::new(SECRET).unwrap().verify(&headers, br#"{"test": 2432232314}"#, now)
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

/// What the vendor answers to some deliveries, and what becomes of them.
async fn answer_to(
    destination: &Destination,
    secret: &str,
    (action, step): (&str, Step),
    deliveries: &[(Delivery, Option<&str>)],
) -> (HttpResponse, Vec<Answered>) {
    let operation = destination.operation(action, step).unwrap();
    let parcels: Vec<_> = deliveries.iter().map(|(delivery, key)| Parcel { delivery, destination_key: *key }).collect();
    let now = SystemClock.now();
    let response = call(&operation.render(&parcels, Some(secret), now).unwrap()).await.unwrap();
    let answered = operation.read(&parcels, &response, now);
    (response, answered)
}

fn body(response: &HttpResponse) -> Value {
    Value::from_json(&response.body).unwrap()
}

fn is_rejected(answered: &Answered) -> bool {
    matches!(answered, Answered::Ended(Outcome::Rejected { .. }))
}

fn is_delivered(answered: &Answered) -> bool {
    matches!(answered, Answered::Ended(Outcome::Delivered(_)))
}

#[tokio::test]
async fn hubspot_tells_of_some_that_failed_with_a_207() {
    // "Multi-status errors": 207, with numErrors, and errors that name the objectWriteTraceId in their context.
    let (_simulator, destination) = hubspot(Arc::new(NoFaults)).await;
    let contacts =
        [(delivery(1, r#"{"email":"nobody"}"#), None), (delivery(2, r#"{"email":"bob@example.com"}"#), None)];
    let (response, _) = answer_to(&destination, TOKEN, ("upsert_contact", Step::Apply), &contacts).await;
    assert_eq!(response.status, 207);
    let body = body(&response);
    let Some(Value::Array(errors)) = body.get("errors") else { panic!("{body:?}") };
    let [error] = errors.as_slice() else { panic!("{errors:?}") };
    assert_eq!(error.get("category").and_then(Value::as_str), Some("VALIDATION_ERROR"));
    let Some(Value::Array(traces)) = error.get("context").and_then(|context| context.get("objectWriteTraceId")) else {
        panic!("{error:?}")
    };
    assert_eq!(traces.len(), 1);
    let Some(Value::Array(results)) = body.get("results") else { panic!("{body:?}") };
    assert_eq!(results[0].get("id").and_then(Value::as_str), Some("101"));
}

#[tokio::test]
async fn braze_takes_the_good_ones_and_lists_the_others_in_a_201() {
    // "Successful message with non-fatal errors": 201, message success, errors; a wrong key is a 401.
    let settings = r#"{"rest_endpoint":"https://rest.iad-01.braze.com"}"#;
    let (simulator, destination) = simulated("braze", settings, Some("key"), Arc::new(NoFaults)).await;
    let users = [
        (delivery(1, r#"{"external_id":"c-1","email":"ada@example.com"}"#), None),
        (delivery(2, r#"{"external_id":"c-2","email":"nobody"}"#), None),
    ];
    let (response, answered) = answer_to(&destination, "key", ("track_users", Step::Apply), &users).await;
    assert_eq!((response.status, body(&response).get("message").and_then(Value::as_str)), (201, Some("success")));
    let told = Told { destination_key: Some("c-1".into()), created: None };
    assert_eq!(answered[0], Answered::Ended(Outcome::Delivered(told)));
    assert!(is_rejected(&answered[1]), "{answered:?}");

    let event = [(delivery(3, r#"{"external_id":"c-1","name":"order_paid","total":1.50}"#), None)];
    let (response, answered) = answer_to(&destination, "key", ("track_event", Step::Apply), &event).await;
    assert_eq!(response.status, 201);
    assert!(is_delivered(&answered[0]), "{answered:?}");
    assert!(matches!(&simulator.received()[2].what, What::Event { id: None, fields, .. }
        if Value::Object(fields.clone()).to_json() == r#"{"external_id":"c-1","name":"order_paid","total":1.50}"#));

    let gone = [(delivery(4, r#"{"external_id":"c-1"}"#), Some("c-1"))];
    let (_, answered) = answer_to(&destination, "key", ("track_users", Step::Delete), &gone).await;
    assert!(is_delivered(&answered[0]) && simulator.rows()[0].removed, "{answered:?}");
    let (response, _) = answer_to(&destination, "other", ("track_users", Step::Apply), &users).await;
    assert_eq!(response.status, 401);
}

#[tokio::test]
async fn klaviyo_names_an_event_by_a_pointer_and_then_takes_none() {
    // klaviyo/openapi, bulk_create_events: 202 without a body; ClientError: errors with a detail and a source.pointer.
    let (simulator, destination) = simulated("klaviyo", "{}", Some("pk"), Arc::new(NoFaults)).await;
    let events = [
        (delivery(1, r#"{"metric":"Placed Order","email":"ada@example.com"}"#), None),
        (delivery(2, r#"{"metric":"Placed Order","email":"nobody"}"#), None),
    ];
    let (response, answered) = answer_to(&destination, "pk", ("create_event", Step::Apply), &events).await;
    assert_eq!(response.status, 400);
    assert_eq!(answered[0], Answered::SendAgain);
    assert!(is_rejected(&answered[1]), "{answered:?}");
    assert_eq!(simulator.received().iter().filter(|received| received.what.kind() == "event").count(), 0);
    let (response, answered) = answer_to(&destination, "pk", ("create_event", Step::Apply), &events[..1]).await;
    assert_eq!((response.status, response.body.as_slice()), (202, b"".as_slice()));
    assert!(is_delivered(&answered[0]), "{answered:?}");
    let (response, _) = answer_to(&destination, "other", ("create_event", Step::Apply), &events).await;
    assert_eq!(response.status, 401);
}

#[tokio::test]
async fn slack_answers_200_whether_or_not_a_message_was_posted() {
    // chat.postMessage: 200 with ok true or false; without a valid token 200 with the error invalid_auth.
    let (simulator, destination) = simulated("slack", "{}", Some("xoxb"), Arc::new(NoFaults)).await;
    let message = |number, fields: &str| [(delivery(number, fields), None)];
    let posted = message(1, r#"{"channel":"C1","text":"hello"}"#);
    let (response, answered) = answer_to(&destination, "xoxb", ("message", Step::Apply), &posted).await;
    assert_eq!((response.status, body(&response).get("ok")), (200, Some(&Value::Bool(true))));
    assert!(is_delivered(&answered[0]), "{answered:?}");
    let nothing = message(2, r#"{"channel":"C1"}"#);
    let (response, answered) = answer_to(&destination, "xoxb", ("message", Step::Apply), &nothing).await;
    assert_eq!((response.status, body(&response).get("ok")), (200, Some(&Value::Bool(false))));
    assert!(is_rejected(&answered[0]), "{answered:?}");
    let (response, answered) = answer_to(&destination, "other", ("message", Step::Apply), &posted).await;
    assert_eq!(body(&response).get("error").and_then(Value::as_str), Some("invalid_auth"));
    assert_eq!(response.status, 200);
    assert!(matches!(answered[0], Answered::Ended(Outcome::Unauthorised { .. })), "{answered:?}");
    assert_eq!(simulator.received().iter().filter(|received| received.what.kind() == "event").count(), 1);
}

#[tokio::test]
async fn a_request_too_many_is_told_when_to_come_again_in_the_vendors_way() {
    let rate = Rate { requests: 1, window: std::time::Duration::from_hours(1) };
    // HubSpot and Slack have Retry-After; Braze tells of a window's end, and has none.
    for (slug, settings, action, fields, header) in [
        ("hubspot", "{}", "upsert_contact", r#"{"email":"a@b.example"}"#, "retry-after"),
        ("slack", "{}", "message", r#"{"channel":"C1","text":"hello"}"#, "retry-after"),
        (
            "braze",
            r#"{"rest_endpoint":"https://x.example"}"#,
            "track_users",
            r#"{"external_id":"1"}"#,
            "x-ratelimit-reset",
        ),
    ] {
        let (simulator, destination) = limited(slug, settings, Some("key"), Arc::new(NoFaults), vec![rate]).await;
        let one = [(delivery(1, fields), None)];
        let before = SystemClock.now();
        let (_, answered) = answer_to(&destination, "key", (action, Step::Apply), &one).await;
        assert!(is_delivered(&answered[0]), "{slug} {answered:?}");
        let (response, answered) = answer_to(&destination, "key", (action, Step::Apply), &one).await;
        assert_eq!(response.status, 429, "{slug}");
        assert!(response.header(header).is_some(), "{slug}");
        assert_eq!(response.header("retry-after").is_some(), header == "retry-after", "{slug}");
        let Answered::Ended(Outcome::Throttled { until, .. }) = &answered[0] else { panic!("{slug} {answered:?}") };
        assert!(*until > before, "{slug}");
        let kinds: Vec<_> = simulator.received().iter().map(|received| received.what.kind()).collect();
        assert_eq!(kinds.last(), Some(&"throttled"), "{slug}");
        assert_eq!(simulator.requests(), 2);
    }
}

#[tokio::test]
async fn a_vendor_that_is_down_answers_nobody_until_it_is_back() {
    let (simulator, destination) = hubspot(Arc::new(NoFaults)).await;
    let contact = [delivery(1, r#"{"email":"a@b.example"}"#)];
    simulator.set_down(true);
    assert!(upsert(&destination, &contact).await.iter().all(is_retry));
    simulator.set_down(false);
    assert_eq!(upsert(&destination, &contact).await, [delivered("101", true)]);
    let kinds: Vec<_> = simulator.received().iter().map(|received| received.what.kind()).collect();
    assert_eq!(kinds, ["fault", "upsert"]);
}

/// What becomes of the deliveries of a job, which goes on when it is asked after first.
async fn asked_after(
    operation: Operation<'_>,
    secret: Option<&str>,
    parcels: &[Parcel<'_>],
    job: &str,
) -> Vec<Answered> {
    let now = SystemClock.now();
    let placed: Vec<_> = parcels.iter().enumerate().map(|(place, parcel)| Placed { parcel: *parcel, place }).collect();
    let pending = Pending { job: job.to_owned(), place: 0, of: parcels.len(), since: now, lost: 0 };
    let told = async || {
        let mut inquiry = operation.inquire(&pending).unwrap();
        loop {
            let response = call(&inquiry.request(secret, now).unwrap()).await.unwrap();
            if let Some(told) = inquiry.read(&placed, &response, now) {
                return told;
            }
        }
    };
    assert!(told().await.iter().all(|answered| *answered == Answered::Waits));
    told().await
}

#[tokio::test]
async fn klaviyo_imports_profiles_in_a_job_and_lists_its_errors() {
    // klaviyo/openapi, bulk_import_profiles: 202 with the job; get_bulk_import_profiles_job: its status and how many
    // failed; get_errors_for_bulk_import_profiles_job: each error with its words.
    let (simulator, destination) = simulated("klaviyo", "{}", Some("pk"), Arc::new(NoFaults)).await;
    let operation = destination.operation("import_profile", Step::Apply).unwrap();
    let profiles = [delivery(1, r#"{"email":"nobody"}"#), delivery(2, r#"{"email":"ada@example.com"}"#)];
    let parcels = profiles.each_ref().map(|delivery| Parcel { delivery, destination_key: None });
    let answered = send(operation, "pk", &parcels).await;
    let Answered::Taken(job) = &answered[0] else { panic!("{answered:?}") };
    assert!(simulator.rows().is_empty(), "it is done later");
    let told = asked_after(operation, Some("pk"), &parcels, job).await;
    assert!(is_rejected(&told[0]) && is_delivered(&told[1]), "{told:?}");
    assert_eq!(simulator.rows().len(), 1);
}

/// Of whatever connector there is: what its file sends in its tests is understood, and the answer is.
#[tokio::test]
async fn every_connector_has_a_vendor_here() {
    let mut requests = 0;
    for connector in connectors().unwrap() {
        let taken = connector.tests().unwrap().iter().filter(|case| case.request.is_some());
        for case in taken {
            let case_settings =
                case.settings.iter().map(|(name, Scalar(text))| (name.clone(), Value::from(text.as_str())));
            let settings = Value::Object(case_settings.collect()).to_json();
            let (simulator, destination) =
                simulated(connector.slug(), &settings, case.secret.as_deref(), Arc::new(NoFaults)).await;
            let operation = destination.operation(&case.action, case.step).unwrap();
            let deliveries: Vec<_> = case
                .deliveries
                .iter()
                .map(|given| Delivery {
                    id: given.id.clone(),
                    source: given.source.clone(),
                    op: given.op,
                    step: case.step,
                    ..delivery(1, &given.fields)
                })
                .collect();
            let parcels: Vec<_> = deliveries
                .iter()
                .zip(&case.deliveries)
                .map(|(delivery, given)| Parcel { delivery, destination_key: given.destination_key.as_deref() })
                .collect();
            // Signatures are of their time.
            let now = SystemClock.now();
            let request = operation.render(&parcels, case.secret.as_deref(), now).unwrap();
            let response = call(&request).await.unwrap();
            let answered = operation.read(&parcels, &response, now);
            let answered = match &answered[0] {
                Answered::Taken(job) => asked_after(operation, case.secret.as_deref(), &parcels, job).await,
                _ => answered,
            };
            let (slug, name) = (connector.slug(), &case.name);
            // Some of a file's records are there to be wrong; what is wrong with a whole request would be a mistake.
            let is_told = |answered: &Answered| is_delivered(answered) || is_rejected(answered);
            let is_understood = answered.iter().any(is_delivered) && answered.iter().all(is_told);
            assert!(is_understood, "{slug}: {name}: {answered:?} {:?}", simulator.received());
            assert_eq!(simulator.received().len(), parcels.len(), "{slug}: {name}");
            requests += 1;
        }
    }
    assert!(requests >= 5, "{requests}");
}

#[tokio::test]
async fn a_token_is_granted_once_for_each_refresh_token() {
    let file = r#"
slug = "example"
name = "Example"
summary = "An example."
settings = [{ name = "base_url", label = "A", help = "A.", type = "url", required = true }]
auth = { oauth = { grant = "refresh_token", token_url = "{setting.base_url}/token", help = "a client" } }

[[actions]]
name = "send"
label = "Send"
help = "Sends."
mode = "append"
other_fields = true
request = { method = "POST", url = "{setting.base_url}/in", shape = "single", count = 1, bytes = 1_000, item = '"{fields}"' }
"#;
    let connector: &'static _ =
        Box::leak(Box::new(shared::destination::Connector::parse("example.toml", file).unwrap()));
    let secret = r#"{"client_id":"c","client_secret":"s","refresh_token":"r"}"#;
    let settings = object(r#"{"base_url":"https://x.example"}"#);
    let vendor = Vendor { connector, settings, secret: Some(secret.to_owned()), rates: None };
    let simulator = Simulator::start(vendor, "example", None, Arc::new(NoFaults)).await.unwrap();
    let settings = object(&format!(r#"{{"base_url":"{}"}}"#, simulator.url()));
    let destination = connector.configure("example", &settings).unwrap();
    let operation = destination.operation("send", Step::Apply).unwrap();
    let event = delivery(1, r#"{"n":1}"#);
    let parcels = [Parcel { delivery: &event, destination_key: None }];

    let oauth = destination.oauth().unwrap();
    let ask = oauth.request(secret).unwrap();
    let first = call(&ask).await.unwrap();
    let kept = oauth.granted(secret, &first, SystemClock.now()).unwrap();
    assert!(is_delivered(&send(operation, &kept, &parcels).await[0]));
    // RFC 6749, section 5.2: a refresh token that is not valid any more is answered with 400, invalid_grant.
    let again = call(&ask).await.unwrap();
    assert_eq!((again.status, body(&again).get("error").and_then(Value::as_str)), (400, Some("invalid_grant")));
    assert_eq!(call(&oauth.request(&kept).unwrap()).await.unwrap().status, 200);
    let made_up = secret.replace("\"r\"", "\"r\",\"access_token\":\"token-9\"");
    assert!(matches!(send(operation, &made_up, &parcels).await[0], Answered::Ended(Outcome::Unauthorised { .. })));
}
