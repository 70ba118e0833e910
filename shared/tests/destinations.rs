//! Runs the tests inside every connector's file, each under its own name, and a few that every connector has to pass.

use std::{collections::BTreeSet, process::ExitCode};

use libtest_mimic::{Arguments, Failed, Trial};
use shared::{
    delivery::{Delivery, Outcome, Removes, Step, Told},
    destination::{
        self, Answered, Case, CaseDelivery, CaseJob, CaseOutcome, CaseRequest, CaseResponse, Check, Connector, Kind,
        Operation, Parcel, Placed, Reading, Scalar,
    },
    key::Key,
    ledger::Pending,
    ports::{HttpRequest, HttpResponse},
    position::Position,
    time::Timestamp,
    value::{Object, Value},
};

fn main() -> ExitCode {
    let connectors = match destination::connectors() {
        Ok(connectors) => connectors,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let mut trials = Vec::new();
    for connector in &connectors {
        let slug = connector.slug();
        let tests = match connector.tests() {
            Ok(tests) => tests,
            Err(error) => {
                eprintln!("{error}");
                return ExitCode::FAILURE;
            }
        };
        trials.extend(tests.iter().map(|case| {
            let connector = *connector;
            Trial::test(format!("{slug}: {}", case.name), move || run(connector, case).map_err(Failed::from))
        }));
        let connector = *connector;
        trials.push(Trial::test(format!("{slug} has a test of every request"), move || covered(connector, tests)));
    }
    println!("{} connectors, {} tests in their files", connectors.len(), trials.len() - connectors.len());
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn run(connector: &'static Connector, case: &Case) -> Result<(), String> {
    let settings: Object =
        case.settings.iter().map(|(name, Scalar(text))| (name.clone(), Value::from(text.as_str()))).collect();
    let destination = connector.configure("test", &settings).map_err(|problems| format!("{problems:?}"))?;
    let operation = destination.operation(&case.action, case.step)?;
    let now = Timestamp::from_millis(case.now * 1000);
    let deliveries = case.deliveries.iter().map(|given| delivery(case, given)).collect::<Result<Vec<_>, _>>()?;
    let parcels: Vec<_> = deliveries
        .iter()
        .zip(&case.deliveries)
        .map(|(delivery, given)| Parcel { delivery, destination_key: given.destination_key.as_deref() })
        .collect();

    if let Some(expected) = &case.request {
        let declared = connector.action(&case.action).and_then(|action| action.request(case.step));
        request(&operation, &parcels, case, expected, declared.map_or(0, |request| request.bytes), now)?;
    }
    let outcomes: Vec<_> = match (&case.job, &case.response) {
        (Some(job), None) => asked_after(&operation, &parcels, case, job, now)?.into_iter().map(of_answer).collect(),
        (Some(_), Some(_)) => return Err("a request's answer and its job's are two tests".to_owned()),
        (None, _) if !case.polls.is_empty() => return Err("polls are of a job, which the test has to name".to_owned()),
        (None, Some(response)) => operation.read(&parcels, &answer(response), now).into_iter().map(of_answer).collect(),
        (None, None) if case.outcomes.is_empty() && case.request.is_some() => return Ok(()),
        (None, None) => parcels.iter().map(|parcel| of_check(operation.check(parcel))).collect(),
    };
    if outcomes.len() != case.outcomes.len() || outcomes.is_empty() {
        return Err(format!("{} outcomes expected, and these came: {outcomes:?}", case.outcomes.len()));
    }
    for (index, (got, expected)) in outcomes.iter().zip(&case.outcomes).enumerate() {
        compare(got, expected).map_err(|problem| format!("outcome {index}: {problem}"))?;
    }
    Ok(())
}

fn answer(response: &CaseResponse) -> HttpResponse {
    HttpResponse {
        status: response.status,
        headers: response.headers.clone().into_iter().collect(),
        body: response.body.clone().into_bytes(),
    }
}

/// Asks after the job as the test has it: only the last answer tells what became of the deliveries.
fn asked_after(
    operation: &Operation<'_>,
    parcels: &[Parcel<'_>],
    case: &Case,
    job: &CaseJob,
    now: Timestamp,
) -> Result<Vec<Answered>, String> {
    let placed: Vec<_> = parcels.iter().enumerate().map(|(place, parcel)| Placed { parcel: *parcel, place }).collect();
    let since = Timestamp::from_millis(job.since * 1000);
    let of = job.of.unwrap_or(parcels.len());
    let pending = Pending { job: job.id.clone(), place: 0, of, since, lost: 0 };
    let mut inquiry = operation.inquire(&pending).ok_or("the action has no jobs")?;
    let mut told = None;
    for (index, poll) in case.polls.iter().enumerate() {
        if told.is_some() {
            return Err(format!("poll {index} is one too many: {told:?} was told before"));
        }
        let got = inquiry.request(case.secret.as_deref(), now).map_err(|error| error.to_string())?;
        if let Some(expected) = &poll.request {
            same(got, expected)?;
        }
        told = inquiry.read(&placed, &answer(&poll.response), now);
    }
    told.ok_or_else(|| "one more request has to tell".to_owned())
}

fn delivery(case: &Case, given: &CaseDelivery) -> Result<Delivery, String> {
    let fields = match Value::from_json(given.fields.as_bytes()).map_err(|error| error.to_string())? {
        Value::Object(fields) => fields,
        other => return Err(format!("fields are an object, not {}", other.kind())),
    };
    Ok(Delivery {
        id: given.id.clone(),
        pipeline: "p".into(),
        version: 1,
        source: given.source.clone(),
        op: given.op,
        key: Key::single("id", given.id.as_str()),
        epoch: 1,
        position: Position::parse("1").map_err(|error| error.to_string())?,
        occurred_at: Timestamp::from_millis(given.occurred_at),
        arrived_at: Timestamp::default(),
        action: case.action.clone(),
        step: case.step,
        removes: Removes::Created,
        redriven: false,
        fields,
    })
}

fn request(
    operation: &Operation<'_>,
    parcels: &[Parcel<'_>],
    case: &Case,
    expected: &CaseRequest,
    declared_bytes: usize,
    now: Timestamp,
) -> Result<(), String> {
    for parcel in parcels {
        if operation.check(parcel) != Check::Send {
            return Err(format!("{} cannot be sent: {:?}", parcel.delivery.id, operation.check(parcel)));
        }
    }
    let got = operation.render(parcels, case.secret.as_deref(), now).map_err(|error| error.to_string())?;
    let length = got.body.len();
    let cap = operation.cap();
    let bytes: usize = parcels.iter().map(|parcel| operation.size_of(parcel)).sum();
    if parcels.len() > cap.count || bytes > cap.bytes {
        return Err(format!("more than a request can hold: {cap:?}"));
    }
    // What the cap leaves of the declared bytes is the envelope's.
    if bytes + (declared_bytes - cap.bytes) < length {
        return Err(format!("the parcels count as {bytes} bytes and make {length}"));
    }
    same(got, expected)
}

fn same(got: HttpRequest, expected: &CaseRequest) -> Result<(), String> {
    let got = CaseRequest {
        method: got.method,
        url: got.url,
        headers: got.headers.into_iter().collect(),
        body: String::from_utf8(got.body).map_err(|error| error.to_string())?,
    };
    if format!("{got:?}") == format!("{expected:?}") {
        Ok(())
    } else {
        Err(format!("the request is\n{got:#?}\nand should be\n{expected:#?}"))
    }
}

fn of_answer(answered: Answered) -> CaseOutcome {
    let (is, reason) = match answered {
        Answered::Split => (Kind::Split, None),
        Answered::SendAlone => (Kind::SendAlone, None),
        Answered::SendAgain => (Kind::SendAgain, None),
        Answered::Taken(job) => (Kind::Taken, Some(job)),
        Answered::Waits => (Kind::Waits, None),
        Answered::Undone { reason, certain: false } => (Kind::Lost, Some(reason)),
        Answered::Undone { reason, certain: true } => (Kind::Undone, Some(reason)),
        Answered::Ended(Outcome::Delivered(Told { destination_key, created })) => {
            return CaseOutcome { is: Kind::Delivered, destination_key, created, until: None, says: None };
        }
        Answered::Ended(Outcome::Throttled { until, reason }) => {
            let until = Some(until.millis() / 1000);
            return CaseOutcome {
                is: Kind::Throttled,
                destination_key: None,
                created: None,
                until,
                says: Some(reason),
            };
        }
        Answered::Ended(Outcome::Retry { reason }) => (Kind::Retry, Some(reason)),
        Answered::Ended(Outcome::Unauthorised { reason }) => (Kind::Unauthorised, Some(reason)),
        Answered::Ended(Outcome::Rejected { reason, answer }) => {
            assert!(answer.is_some(), "a rejection has the vendor's own words");
            (Kind::Rejected, Some(reason))
        }
    };
    CaseOutcome { is, destination_key: None, created: None, until: None, says: reason }
}

fn of_check(check: Check) -> CaseOutcome {
    let (is, says) = match check {
        Check::Send => (Kind::SendAlone, None),
        Check::Nothing => (Kind::Nothing, None),
        Check::Reject(reason) => (Kind::Unsendable, Some(reason)),
    };
    CaseOutcome { is, destination_key: None, created: None, until: None, says }
}

fn compare(got: &CaseOutcome, expected: &CaseOutcome) -> Result<(), String> {
    let says = expected.says.as_deref().unwrap_or_default();
    if got.is == expected.is
        && got.destination_key == expected.destination_key
        && (expected.created.is_none() || got.created == expected.created)
        && got.until == expected.until
        && got.says.as_deref().unwrap_or_default().contains(says)
    {
        Ok(())
    } else {
        Err(format!("{got:?} came, and {expected:?} should have"))
    }
}

/// Every step of every action that makes a request has a test of the exact request, and at least four tests in all.
fn covered(connector: &Connector, tests: &[Case]) -> Result<(), Failed> {
    let asked = |case: &&Case| case.job.is_some() && case.polls.iter().all(|poll| poll.request.is_some());
    let polled: BTreeSet<_> = tests.iter().filter(asked).map(|case| case.action.as_str()).collect();
    let tested: BTreeSet<_> = tests
        .iter()
        .filter(|case| case.request.is_some())
        .map(|case| (case.action.as_str(), format!("{:?}", case.step)))
        .collect();
    for action in &connector.actions {
        if matches!(action.request.answer, Reading::Job(_)) && !polled.contains(action.name()) {
            return Err(format!("{} has no test of how its jobs are asked after", action.name()).into());
        }
        for step in Step::sent() {
            if action.request(step).is_some() && !tested.contains(&(action.name(), format!("{step:?}"))) {
                return Err(format!("{} {step:?} has no test of its request", action.name()).into());
            }
        }
    }
    if tests.len() < 4 { Err("a connector has at least four tests".into()) } else { Ok(()) }
}
