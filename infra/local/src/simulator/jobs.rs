//! Jobs: what a vendor takes now and does later.
//!
//! A job is done when its state is asked for the second time: so every sender sees one that still goes on, and no clock
//! is needed. One that nobody asks after is never done.

use std::collections::HashMap;

use shared::destination::{JobReading, Placeholder, Reading, Text};

use super::{
    answer::Verdict,
    backwards::Captured,
    catalogue::{self, Endpoint, Settings},
};

/// What is asked of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// How it is going.
    State,
    /// What failed in it.
    Errors,
}

/// A question about a job.
#[derive(Clone, Debug)]
pub struct Asked<'e> {
    /// The request that made it.
    pub endpoint: &'e Endpoint,
    /// How its answers are read.
    pub reading: &'e JobReading,
    /// Its id.
    pub id: String,
    /// What is asked.
    pub question: Question,
}

/// The question that a GET at this path is, where it is one.
pub fn asked<'e>(endpoints: &'e [Endpoint], settings: &Settings, path: &str) -> Option<Asked<'e>> {
    endpoints.iter().find_map(|endpoint| {
        let Reading::Job(reading) = &endpoint.request.answer else { return None };
        let state = Some((Question::State, reading.status.url.get_ref()));
        let errors = reading.errors.url.as_ref().map(|url| (Question::Errors, url.get_ref()));
        state.into_iter().chain(errors).find_map(|(question, url)| {
            let id = id_in(settings, url, path)?;
            Some(Asked { endpoint, reading, id, question })
        })
    })
}

/// The job's id in a path of this template.
fn id_in(settings: &Settings, url: &Text, path: &str) -> Option<String> {
    // What no address has in it.
    const HERE: &str = "\n";
    let whole = url
        .render(&mut |placeholder| match placeholder {
            Placeholder::Setting(name) => Ok(settings.get(name).to_owned()),
            Placeholder::Job => Ok(HERE.to_owned()),
            _ => Err(()),
        })
        .ok()?;
    let template = catalogue::path_of(&whole, url, settings);
    let (before, behind) = template.split_once(HERE)?;
    let id = path.strip_prefix(before)?.strip_suffix(behind)?;
    (!id.is_empty() && !id.contains('/')).then(|| id.to_owned())
}

/// The jobs that were made.
#[derive(Debug, Default)]
pub struct Jobs(HashMap<String, Job>);

/// One of them.
#[derive(Debug)]
pub enum Job {
    /// Nobody has asked after it.
    New(Vec<Captured>),
    /// It was asked after.
    Going(Vec<Captured>),
    /// What became of its records.
    Ended(Vec<Verdict>),
}

impl Jobs {
    /// Makes a job of some records, and yields its id.
    pub fn make(&mut self, records: Vec<Captured>) -> String {
        let id = format!("job-{}", self.0.len() + 1);
        self.0.insert(id.clone(), Job::New(records));
        id
    }

    /// A job, whose state is asked for: it goes on, or is carried out now.
    pub fn ask(&mut self, id: &str, carry_out: impl FnOnce(Vec<Captured>) -> Vec<Verdict>) -> Option<&Job> {
        let job = self.0.get_mut(id)?;
        *job = match std::mem::replace(job, Job::Ended(Vec::new())) {
            Job::New(records) => Job::Going(records),
            Job::Going(records) => Job::Ended(carry_out(records)),
            ended @ Job::Ended(_) => ended,
        };
        Some(job)
    }

    /// A job.
    pub fn get(&self, id: &str) -> Option<&Job> {
        self.0.get(id)
    }
}
