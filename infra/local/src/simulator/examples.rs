//! How a vendor's answers look: as in the tests of its connector's file, whose answers are the vendor's own.
//!
//! The descriptor says where an answer is read, and nothing of the rest: the status, the names around, whether a success
//! can have failures in it. All that stands in the file's tests, which are made of the vendor's documentation.

use shared::{
    delivery::Step,
    destination::{Action, Case, CaseResponse, JobReading, Kind, Reading},
    value::Value,
};

use super::answer;

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// Its status.
    pub status: u16,
    /// Its headers, by name in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body: JSON where it is an object, otherwise text as it is; nothing where it is null.
    pub body: Value,
}

impl Example {
    /// An answer without an example: nothing but a status.
    pub const fn bare(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Value::Null }
    }

    fn of(response: &CaseResponse) -> Self {
        let body = match Value::from_json(response.body.as_bytes()) {
            Ok(json @ Value::Object(_)) => json,
            _ => Value::from(response.body.as_str()),
        };
        let headers = response.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        Self { status: response.status, headers, body }
    }
}

/// The answers to one request of a connector.
#[derive(Clone, Debug)]
pub struct Examples {
    /// Something was created.
    pub created: Example,
    /// All was done, nothing created.
    pub done: Example,
    /// Some was done and some rejected; `None` where the vendor does all or nothing.
    pub partial: Option<Example>,
    /// All was rejected.
    pub rejected: Example,
    /// The credentials are wrong.
    pub unauthorised: Example,
    /// Too many requests.
    pub throttled: Example,
    /// How a job is going.
    pub state: Example,
    /// What failed in a job, with one error at least.
    pub errors: Example,
}

impl Examples {
    /// Those of one action's step.
    pub fn of(tests: &[Case], action: &Action, step: Step) -> Self {
        let own = |case: &Case| case.action == action.name() && case.step == step;
        let first = |wanted: &dyn Fn(&Case, u16) -> bool| {
            let found = tests.iter().find_map(|case| {
                let response = case.response.as_ref()?;
                wanted(case, response.status).then_some(response)
            });
            found.map(Example::of)
        };
        let all = |case: &Case, kind: Kind| {
            !case.outcomes.is_empty() && case.outcomes.iter().all(|outcome| outcome.is == kind)
        };
        let any = |case: &Case, kind: Kind| case.outcomes.iter().any(|outcome| outcome.is == kind);
        let is_done = |case: &Case, status: u16| {
            own(case) && (200..300).contains(&status) && (all(case, Kind::Delivered) || all(case, Kind::Taken))
        };
        let poll = |wanted: &dyn Fn(&Value, &JobReading) -> bool| {
            let Reading::Job(job) = &action.request.answer else { return Example::bare(200) };
            let polls = tests.iter().filter(|case| own(case)).flat_map(|case| &case.polls);
            let mut answers = polls.map(|poll| Example::of(&poll.response));
            answers.find(|example| wanted(&example.body, job)).unwrap_or(Example::bare(200))
        };

        // Only a flag tells in a success that all was rejected; a list in one rejects some.
        let by_flag = action.request(step).is_some_and(|request| matches!(request.answer, Reading::Flag(_)));
        let done = first(&is_done).unwrap_or(Example::bare(200));
        // 201 is "created" everywhere (RFC 9110, section 15.3.2). A vendor that answers so always has no other example.
        let with =
            |wanted: u16| first(&|case, status| is_done(case, status) && status == wanted).unwrap_or(done.clone());
        let is_refused =
            |case: &Case, status: u16| any(case, Kind::Rejected) && !any(case, Kind::Delivered) && status < 500;
        Self {
            created: with(201),
            done: with(200),
            partial: first(&|case, status| {
                own(case) && (200..300).contains(&status) && any(case, Kind::Delivered) && any(case, Kind::Rejected)
            }),
            rejected: first(&|case, status| own(case) && is_refused(case, status) && (status >= 400 || by_flag))
                .or_else(|| first(&|case, status| (400..500).contains(&status) && is_refused(case, status)))
                .unwrap_or(Example::bare(400)),
            unauthorised: first(&|case, status| status == 401 && all(case, Kind::Unauthorised))
                .or_else(|| first(&|case, _| all(case, Kind::Unauthorised)))
                .unwrap_or(Example::bare(401)),
            state: poll(&|body, job| answer::get(body, &job.status.state).is_some()),
            errors: poll(&|body, job| {
                answer::get(body, job.errors.list.get_ref()).is_some_and(|errors| answer::get(errors, "0").is_some())
            }),
            throttled: first(&|case, status| status == 429 && all(case, Kind::Throttled))
                .unwrap_or_else(|| Example { headers: vec![("retry-after".into(), "1".into())], ..Example::bare(429) }),
        }
    }
}
