//! The console on the local stack: over its port, with the tables that the stack has.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{collections::BTreeMap, path::PathBuf};

use freshet::{
    faults::Faults,
    services::Ports,
    stack::{Ground, StackConfig, variables::Variables},
};
use shared::{
    alert::{Alert, Limit},
    audit::{AuditEntry, AuditOutcome},
    aws::{ActivityTable, AuditTable, PipelinesTable},
    http::{Reach, Timeouts, VendorHttp},
    ports::{Activity as _, Alerts, Audit, Http as _, HttpRequest, HttpResponse},
    tally::Tally,
    testing::{MemoryAlerts, MemoryAudit},
    time::Timestamp,
};

fn store() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../infra/examples/store")
}

async fn ground() -> Ground {
    let config = StackConfig {
        variables: Variables::read(&store().join("terraform.tfvars")).unwrap(),
        data_dir: None,
        ports: Ports::default(),
        faults: Faults::none(),
        own_endpoints: BTreeMap::new(),
    };
    Ground::lay(config).await.unwrap()
}

async fn ask(method: &str, url: &str, headers: &[(&str, &str)]) -> HttpResponse {
    let http = VendorHttp::new(Timeouts::default(), Reach::Private).unwrap();
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let request = HttpRequest { method: method.to_owned(), url: url.to_owned(), headers, body: Vec::new() };
    http.call(&request).await.unwrap()
}

#[tokio::test]
async fn it_answers_without_signing_in_and_shows_what_runs() {
    let ground = ground().await;
    ground.publish(&store().join("pipelines")).await.unwrap();
    let console = ground.console(Some(0)).await.unwrap();
    assert!(console.url.starts_with("http://127.0.0.1:"), "{}", console.url);
    let page = ask("GET", &format!("{}/", console.url), &[]).await;
    let text = String::from_utf8(page.body).unwrap();
    assert_eq!(page.status, 200, "{text}");
    assert!(text.contains("customers-to-hubspot") && text.contains("You, on this machine"), "{text}");
    let head = ask("HEAD", &format!("{}/", console.url), &[]).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(ask("GET", &format!("{}/settings/audit", console.url), &[]).await.status, 200);
    // A page of the internet whose name points at this machine.
    let rebound = ask("GET", &format!("{}/", console.url), &[("host", "evil.example")]).await;
    assert_eq!(rebound.status, 421);
    assert!(!String::from_utf8_lossy(&rebound.body).contains("customers"), "{rebound:?}");
}

#[tokio::test]
async fn an_entry_of_the_audit_log_has_one_end_and_is_read_newest_first() {
    an_entry_has_one_end(&MemoryAudit::default()).await;
    let ground = ground().await;
    an_entry_has_one_end(&AuditTable::new(ground.aws().dynamodb(), "store-freshet-audit")).await;
}

async fn an_entry_has_one_end(audit: &impl Audit) {
    let entry = |second: i64, outcome| AuditEntry {
        at: Timestamp::from_millis(1_800_000_000_000 + second * 1_000),
        id: "a#b".to_owned(),
        person: "idp|1".to_owned(),
        name: "Ada".to_owned(),
        action: "publish".to_owned(),
        subject: format!("pipeline number-{second}"),
        before: None,
        after: Some("name = \"a\"".to_owned()),
        outcome,
    };
    for second in 0..5 {
        audit.record(&entry(second, AuditOutcome::Begun)).await.unwrap();
    }
    let failed = AuditOutcome::Failed("somebody else was first".to_owned());
    audit.record(&entry(3, failed.clone())).await.unwrap();
    audit.record(&entry(4, AuditOutcome::Done)).await.unwrap();
    for outcome in [AuditOutcome::Begun, AuditOutcome::Done] {
        assert!(audit.record(&entry(4, outcome)).await.is_err(), "its end is not written again");
    }
    let newest = audit.recent(None, 2).await.unwrap();
    assert_eq!(newest, [entry(4, AuditOutcome::Done), entry(3, failed)]);
    let older = audit.recent(Some(&newest[1].place()), 50).await.unwrap();
    assert_eq!(older, [2, 1, 0].map(|second| entry(second, AuditOutcome::Begun)));
    assert_eq!(audit.recent(Some(&older[2].place()), 50).await.unwrap(), []);
}

#[tokio::test]
async fn an_alert_is_kept_marked_and_taken_away_for_good() {
    alerts_are_kept(&MemoryAlerts::default()).await;
    let ground = ground().await;
    alerts_are_kept(&PipelinesTable::new(ground.aws().dynamodb(), "store-freshet-pipelines")).await;
}

async fn alerts_are_kept(alerts: &impl Alerts) {
    let alert = |id: &str, pipeline: Option<&str>, limit| Alert {
        id: id.to_owned(),
        pipeline: pipeline.map(str::to_owned),
        limit,
        by: "Ada".to_owned(),
        console: "https://console.example".to_owned(),
        raised: BTreeMap::new(),
    };
    let (first, second) = (alert("a", None, Limit::Share(5)), alert("b", Some("contacts"), Limit::Minutes(15)));
    assert_eq!(alerts.alerts().await.unwrap(), []);
    alerts.add_alert(&first).await.unwrap();
    alerts.add_alert(&second).await.unwrap();
    let raised = BTreeMap::from([("contacts".to_owned(), Timestamp::from_millis(1_800_000_000_000))]);
    alerts.mark_raised("b", &raised).await.unwrap();
    assert_eq!(alerts.alerts().await.unwrap(), [first.clone(), Alert { raised: raised.clone(), ..second }]);
    alerts.drop_alert("b").await.unwrap();
    alerts.drop_alert("b").await.unwrap();
    // What is gone does not come back by what was told of it.
    alerts.mark_raised("b", &raised).await.unwrap();
    assert_eq!(alerts.alerts().await.unwrap(), [first]);
}

#[tokio::test]
async fn a_failure_on_the_local_stack_is_a_message() {
    let ground = ground().await;
    ground.publish(&store().join("pipelines")).await.unwrap();
    let alerts = PipelinesTable::new(ground.aws().dynamodb(), "store-freshet-pipelines");
    let alert = Alert {
        id: "a".to_owned(),
        pipeline: Some("tickets-to-helpdesk".to_owned()),
        limit: Limit::Failed(1),
        by: "Ada".to_owned(),
        console: "http://127.0.0.1:8321".to_owned(),
        raised: BTreeMap::new(),
    };
    alerts.add_alert(&alert).await.unwrap();
    let function = ground.functions().get("alert").unwrap();
    let event = include_bytes!("../../../events/schedule/every-minute.json");
    let activity = ActivityTable::new(ground.aws().dynamodb(), "store-freshet-activity");
    let mut tally = Tally::default();
    tally.add_many("tickets-to-helpdesk", "failed", 2);
    activity.add("deliver/helpdesk", &tally).await.unwrap();
    for _ in 0..2 {
        function.invoke(event.as_slice().into()).await.unwrap();
    }
    let messages = ground.messages(0);
    assert_eq!(messages.len(), 1, "one message a change of state: {messages:?}");
    assert_eq!(messages[0].subject, "Freshet: tickets-to-helpdesk needs attention");
    let text = &messages[0].text;
    assert!(text.starts_with("tickets-to-helpdesk: 2 of 2 changes failed within the last hour."), "{text}");
    assert!(text.contains("http://127.0.0.1:8321/pipelines/tickets-to-helpdesk"), "{text}");
}
