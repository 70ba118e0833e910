//! One customer's timeline: what became of a record, over all pipelines and destinations.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use askama::Template;
use axum::extract::{Query, State};
use futures_util::join;
use shared::{
    failure::{Failure, Kept},
    key::Key,
    ledger::{Entry, LedgerKey, email_digest},
    ports::{KeptFailures as _, Pipelines as _, PortError, Schemas as _, Timelines as _},
    schema::Schema,
};

use crate::{
    Console, World,
    access::{Access, Route, Visitor},
    frame::{Frame, Page, page},
    mask::Personal,
    role::Role,
    sought::{self, Course},
    timeline::{self, Moment, MomentKind},
    words,
};

/// How many records an address may be of.
const MOST_RECORDS: usize = 25;

/// How many moments a page has.
const MOST_MOMENTS: usize = 200;

/// How long what is looked for may be, in characters.
const MOST_TEXT: usize = 500;

/// The parameters whose names begin like this are parts of a key: `key.order_id`.
const PART: &str = "key.";

/// The routes.
pub fn routes<W: World>() -> Vec<Route<W>> {
    vec![Route::get("/activity/customer", Access::AtLeast(Role::Viewer), show::<W>)]
}

#[derive(Template)]
#[template(path = "customer.html")]
struct Customer {
    frame: Frame,
    asked: Asked,
    found: Option<Found>,
    /// What could not be read.
    missing: Vec<&'static str>,
    /// The sources whose records are named by more than one field, and those fields.
    forms: Vec<(String, Vec<String>)>,
    /// Viewers do not see what a record is called or what the vendor said: it has people's data in it.
    sees_values: bool,
}

/// What somebody looks for.
#[derive(Debug, Default, PartialEq)]
struct Asked {
    /// An id or an e-mail address.
    text: String,
    /// The parts of a key of this source instead.
    source: Option<String>,
    parts: BTreeMap<String, String>,
}

/// What was found.
#[derive(Debug, Default)]
struct Found {
    moments: Vec<Moment>,
    records: Vec<(String, Key)>,
    searched: Vec<String>,
    gaps: Vec<String>,
    /// There is more than is shown.
    is_cut: bool,
}

impl Asked {
    fn of(pairs: Vec<(String, String)>) -> Self {
        let mut asked = Self::default();
        for (name, value) in pairs {
            let value: String = value.trim().chars().take(MOST_TEXT).collect();
            match name.as_str() {
                "q" => asked.text = value,
                "source" => asked.source = Some(value).filter(|source| !source.is_empty()),
                name => {
                    if let Some(part) = name.strip_prefix(PART) {
                        asked.parts.insert(part.to_owned(), value);
                    }
                }
            }
        }
        asked
    }

    const fn is_empty(&self) -> bool {
        self.text.is_empty() && self.source.is_none()
    }

    fn address(&self) -> Option<&str> {
        Some(self.text.as_str()).filter(|text| self.source.is_none() && sought::is_address(text))
    }

    /// What a part's field shows.
    fn part(&self, source: &str, name: &str) -> &str {
        let is_of_source = self.source.as_deref() == Some(source);
        self.parts.get(name).filter(|_| is_of_source).map(String::as_str).unwrap_or_default()
    }
}

impl Customer {
    /// What could not be read, as the beginning of a sentence.
    fn unread(&self) -> String {
        words::beginning(&self.missing.join(" and "))
    }
}

async fn show<W: World>(
    State(console): State<Arc<Console<W>>>,
    Query(pairs): Query<Vec<(String, String)>>,
    Visitor(session): Visitor,
    frame: Frame,
) -> Page {
    let asked = Asked::of(pairs);
    let mut missing = Vec::new();
    let schemas = console.world.schemas().schemas().await;
    let schemas = part(schemas, "what names the records of each source", &mut missing).unwrap_or_default();
    let forms = schemas
        .iter()
        .filter(|(_, (_, schema))| schema.key.len() > 1)
        .map(|(source, (_, schema))| (source.clone(), schema.key.keys().cloned().collect()))
        .collect();
    let sees_values = session.person.role >= Role::Editor;
    let found =
        if asked.is_empty() { None } else { Some(console.find(&asked, &schemas, sees_values, &mut missing).await?) };
    page(&Customer { frame, asked, found, missing, forms, sees_values })
}

/// What was read; where it could not be, that is noted, and the page says less.
fn part<T>(read: Result<T, PortError>, what: &'static str, missing: &mut Vec<&'static str>) -> Option<T> {
    read.inspect_err(|error| {
        tracing::error!("a timeline is without {what}: {error}");
        missing.push(what);
    })
    .ok()
}

impl<W: World> Console<W> {
    /// The moments of the records that are meant.
    async fn find(
        &self,
        asked: &Asked,
        schemas: &BTreeMap<String, (u64, Schema)>,
        sees_values: bool,
        missing: &mut Vec<&'static str>,
    ) -> Result<Found, PortError> {
        // Those that have gone out of service have sent things, too.
        let stored = self.world.pipelines().stored().await?;
        let courses: Vec<Course> =
            stored.iter().filter_map(|pipeline| Course::of(pipeline, &self.settings.known)).collect();
        let mut found = Found::default();
        let mut failures: Vec<Kept> = Vec::new();
        if let Some(source) = &asked.source {
            by_parts(source, asked, schemas, &mut found);
        } else {
            let of_courses = courses.iter().map(|course| course.source.clone());
            let sources: BTreeSet<String> = of_courses.chain(self.settings.known.sources.iter().cloned()).collect();
            let rows = sought::rows_by_id(&asked.text, &sources, schemas);
            (found.records, found.searched) = (rows.keys, rows.searched);
            if let Some(address) = asked.address() {
                failures = self.by_address(address, &courses, &mut found, missing).await;
            } else if missing.is_empty() {
                found.gaps.extend(rows.gaps);
            }
        }
        found.is_cut = found.records.len() > MOST_RECORDS;
        found.records.truncate(MOST_RECORDS);
        let of_pipelines = stored.iter().map(|pipeline| {
            (pipeline.name.as_str(), Personal::of(&pipeline.name, &pipeline.document, &self.settings.known))
        });
        let masks = if sees_values { None } else { Some(of_pipelines.collect()) };
        self.follow(&courses, failures, masks.as_ref(), &mut found, missing).await;
        if courses.iter().any(|course| course.appends) {
            let names = courses.iter().filter(|course| course.appends).map(|course| course.pipeline.as_str());
            found.gaps.push(format!(
                "Of what adds events or messages ({}) only failures are known by record.",
                names.collect::<Vec<_>>().join(", ")
            ));
        }
        Ok(found)
    }

    /// Adds the records of an e-mail address, and gives the failures in which it stands.
    async fn by_address(
        &self,
        address: &str,
        courses: &[Course],
        found: &mut Found,
        missing: &mut Vec<&'static str>,
    ) -> Vec<Kept> {
        let digest = email_digest(address);
        let texts: BTreeSet<String> = [in_json(address), in_json(&address.to_lowercase())].into();
        let texts: Vec<String> = texts.into_iter().collect();
        let (rows, failures) =
            join!(self.world.timelines().rows_of(&digest, MOST_RECORDS + 1), self.world.failures().find(&texts));
        let rows = part(rows, "whom the address belongs to", missing);
        let mut failures = part(failures, "what has failed", missing);
        if let Some(failures) = &mut failures {
            found.searched.push("failures, for the address as you typed it and in small letters".to_owned());
            failures.retain(|kept| {
                let json = serde_json::to_string(&kept.failure).unwrap_or_default();
                sought::mentions(&json, address)
            });
        }
        if rows.is_some() {
            let names = courses.iter().filter(|course| course.knows_addresses).map(|course| course.pipeline.as_str());
            let names: Vec<_> = names.collect();
            if !names.is_empty() {
                found.searched.push(format!("by the address sent last: {}", names.join(", ")));
            }
        }
        let of_ledger = rows.iter().flatten().filter_map(|row| {
            let (pipeline, key) = row.row()?;
            let course = courses.iter().find(|course| course.pipeline == pipeline)?;
            Some((course.source.clone(), key))
        });
        let of_failures = failures
            .iter()
            .flatten()
            .filter_map(|kept| Some((kept.failure.source.clone()?, kept.failure.key.clone()?)));
        for record in of_ledger.chain(of_failures) {
            if !found.records.contains(&record) {
                found.records.push(record);
            }
        }
        let silent = courses.iter().filter(|course| !course.knows_addresses && !course.appends);
        let silent: Vec<_> = silent.map(|course| course.pipeline.as_str()).collect();
        if !silent.is_empty() {
            found.gaps.push(format!(
                "{} no e-mail address: there only records are found that another pipeline of the same source has sent \
                 with it. Search for those by their id.",
                if silent.len() == 1 { format!("{} sends", silent[0]) } else { format!("{} send", silent.join(", ")) }
            ));
        }
        failures.unwrap_or_default()
    }

    /// Adds the moments of the records, and of these failures.
    async fn follow(
        &self,
        courses: &[Course],
        failures: Vec<Kept>,
        masks: Option<&HashMap<&str, Personal>>,
        found: &mut Found,
        missing: &mut Vec<&'static str>,
    ) {
        let of_record = |(source, key): &(String, Key)| {
            let of_source = courses.iter().filter(|course| course.source == *source && !course.appends);
            let key = key.clone();
            of_source
                .map(move |course| (LedgerKey::of(&course.pipeline, &key), (course, key.clone())))
                .collect::<Vec<_>>()
        };
        let rows: HashMap<LedgerKey, (&Course, Key)> = found.records.iter().flat_map(of_record).collect();
        let keys: Vec<LedgerKey> = rows.keys().cloned().collect();
        let texts: Vec<String> = found.records.iter().map(|(_, key)| Failure::row_text(key)).collect();
        let (entries, more) = join!(self.entries(&keys), self.failures_of(&texts));
        let entries: HashMap<LedgerKey, Entry> = part(entries, "what was sent", missing).unwrap_or_default();
        let more = if missing.contains(&"what has failed") { None } else { part(more, "what has failed", missing) };
        // The same key may be another source's.
        let is_meant = |kept: &Kept| {
            let record = kept.failure.source.as_ref().zip(kept.failure.key.as_ref());
            record.is_some_and(|(source, key)| found.records.iter().any(|(of, other)| of == source && other == key))
        };
        let mut all = failures;
        for kept in more.unwrap_or_default().into_iter().filter(is_meant) {
            if !all.iter().any(|known| known.listed.id == kept.listed.id) {
                all.push(kept);
            }
        }
        let of_failure = |kept: Kept| {
            let Some(masks) = masks else { return timeline::of_failure(kept) };
            let personal = masks.get(kept.failure.pipeline.as_deref().unwrap_or_default());
            let values = personal.unwrap_or(&Personal::Unknown).values(&kept.failure.payload);
            timeline::of_failure(kept).masked(&values)
        };
        let mut moments: Vec<Moment> = all.into_iter().map(of_failure).collect();
        for (key, entry) in &entries {
            if let Some((course, row)) = rows.get(key) {
                moments.extend(timeline::of_entry(&course.pipeline, &course.destination, &row.canonical(), entry));
            }
        }
        // An id is tried with every source; those are told of which something is known.
        let is_told = |key: &Key| moments.iter().any(|moment| moment.record.as_deref() == Some(&key.canonical()));
        found.records.retain(|(_, key)| is_told(key));
        found.moments = timeline::in_order(moments);
        found.is_cut |= found.moments.len() > MOST_MOMENTS;
        found.moments.truncate(MOST_MOMENTS);
    }

    async fn entries(&self, keys: &[LedgerKey]) -> Result<HashMap<LedgerKey, Entry>, PortError> {
        if keys.is_empty() { Ok(HashMap::new()) } else { self.world.timelines().entries(keys).await }
    }

    async fn failures_of(&self, texts: &[String]) -> Result<Vec<Kept>, PortError> {
        if texts.is_empty() { Ok(Vec::new()) } else { self.world.failures().find(texts).await }
    }
}

/// Adds the row whose key has these parts.
fn by_parts(source: &str, asked: &Asked, schemas: &BTreeMap<String, (u64, Schema)>, found: &mut Found) {
    let Some((_, schema)) = schemas.get(source) else {
        found.gaps.push(format!("No change of a source called {source} is known."));
        return;
    };
    match sought::row_by_parts(schema, &asked.parts) {
        Ok(key) => {
            let names = schema.key.keys().map(String::as_str).collect::<Vec<_>>().join(" and ");
            found.records.push((source.to_owned(), key));
            found.searched.push(format!("{source} (by {names})"));
        }
        Err(names) => {
            let names = names.join(" and ");
            found.gaps.push(format!("To find a record of {source}, say {names} as the source writes it."));
        }
    }
}

/// A text as it stands within JSON.
fn in_json(text: &str) -> String {
    let json = serde_json::to_string(text).unwrap_or_default();
    json.trim_matches('"').to_owned()
}

/// How many of the moments are of a kind.
fn count(moments: &[Moment], kind: MomentKind) -> u64 {
    moments.iter().filter(|moment| moment.kind == kind).count().try_into().unwrap_or(u64::MAX)
}

fn path_of(failure: &str) -> String {
    format!("/problems/one?id={}", url::form_urlencoded::byte_serialize(failure.as_bytes()).collect::<String>())
}
