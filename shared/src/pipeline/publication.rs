//! Publications: new versions of pipelines, all of them or none.

use std::{collections::BTreeMap, fmt, time::Duration};

use super::state::PipelineState;
use crate::{
    ports::{PortError, StoredPipeline},
    time::Timestamp,
};

/// For so long at most a batch comes again: a timeline's stretches that ended before are dropped. Twice the age at which
/// the mappings of streams give a record up.
const NEEDED: Duration = Duration::from_hours(24);

/// Who publishes, when, and from when on it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edition {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// The first arrival on the backbone that it is for: later than `at` by [`crate::pipeline::timeline::NOTICE`] where
    /// functions run.
    pub from: Timestamp,
}

/// What becomes of live pipelines that are not among those published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// They go on.
    Keep,
    /// They are taken out of service; their history stays.
    Retire,
}

/// A pipeline as it stands after a publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its name.
    pub name: String,
    /// The version that is live, or was.
    pub version: u64,
    /// What the publication did.
    pub change: Change,
}

/// What a publication did to a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was not live before.
    New,
    /// Its text is another one.
    Changed,
    /// Its text is the one that was live.
    Unchanged,
    /// It runs no more.
    Retired,
}

/// Why nothing was published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The table could not be read or written.
    #[error(transparent)]
    Port(#[from] PortError),
    /// Somebody else has published since these pipelines were looked at.
    #[error(
        "nothing was published, so that nobody's change is lost: others have published meanwhile\n{}",
        .0.iter().map(|newer| format!("  {newer}")).collect::<Vec<_>>().join("\n")
    )]
    Overtaken(Vec<Newer>),
    /// Other changes came between reading and writing, again and again.
    #[error("nothing was published, since others change pipelines all the time; try again")]
    Busy,
    /// More than one transaction takes.
    #[error(
        "{changes} pipelines would change, and at most 49 can at once, all or none; publish some of them first, from a \
         folder that has only those"
    )]
    TooMany {
        /// How many would change.
        changes: usize,
    },
}

/// A pipeline of which another version is live than was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newer {
    /// Its name.
    pub name: String,
    /// The version that was seen; `None` where none was.
    pub seen: Option<u64>,
    /// The version that is live; `None` where it is out of service.
    pub live: Option<u64>,
    /// Who made it so.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

impl fmt::Display for Newer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, seen, live, by, at } = self;
        match live {
            Some(live) => write!(out, "{name}: version {live} by {by}, {}", at.to_rfc3339())?,
            None => write!(out, "{name}: taken out of service by {by}, {}", at.to_rfc3339())?,
        }
        match seen {
            Some(seen) => write!(out, "; the last that was seen here is version {seen}"),
            None => out.write_str("; none was seen here"),
        }
    }
}

/// Versions by pipeline.
pub type Versions = BTreeMap<String, u64>;

/// What is done to a pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Changed {
    /// Never [`Change::Unchanged`].
    pub change: Change,
    /// The edit that it is done to; `None` for a new one.
    pub before: Option<u64>,
    /// How it stands then.
    pub next: StoredPipeline,
}

/// The versions that are live.
pub fn live_versions(stored: &[StoredPipeline]) -> Versions {
    live(stored).map(|live| (live.name.clone(), live.version)).collect()
}

fn live(stored: &[StoredPipeline]) -> impl Iterator<Item = &StoredPipeline> {
    stored.iter().filter(|pipeline| !pipeline.state.is_retired())
}

/// A publication over how pipelines stand.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// How they stand.
    pub stored: &'a [StoredPipeline],
    /// What is published: name and document.
    pub documents: &'a [(&'a str, &'a str)],
    /// What becomes of other live pipelines.
    pub others: Others,
    /// Who publishes, and from when on it counts.
    pub edition: &'a Edition,
}

impl<'a> Plan<'a> {
    fn find(&self, name: &str) -> Option<&'a StoredPipeline> {
        self.stored.iter().find(|pipeline| pipeline.name == name)
    }

    /// The live pipelines that are to go out of service.
    fn retired(&self) -> impl Iterator<Item = &'a StoredPipeline> {
        let is_named = |name: &str| self.documents.iter().any(|(other, _)| *other == name);
        live(self.stored).filter(move |pipeline| self.others == Others::Retire && !is_named(&pipeline.name))
    }

    /// What was changed by others, and would be lost. Who publishes what is live already takes nothing away.
    pub fn newer(&self, seen: Option<&Versions>, begun: &Versions) -> Vec<Newer> {
        let seen = seen.unwrap_or(begun);
        let of_documents = self.documents.iter().filter_map(|(name, document)| {
            let stored = self.find(name)?;
            let is_live = !stored.state.is_retired();
            let (seen, now) = (seen.get(*name).copied(), is_live.then_some(stored.version));
            (seen != now && !(is_live && stored.document == *document)).then(|| newer(stored, seen, now))
        });
        let of_others = self.retired().filter_map(|stored| {
            let (seen, now) = (seen.get(&stored.name).copied(), Some(stored.version));
            (seen != now).then(|| newer(stored, seen, now))
        });
        of_documents.chain(of_others).collect()
    }

    /// What is told of each pipeline, and what changes.
    pub fn make(&self) -> (Vec<Published>, Vec<Changed>) {
        let mut published = Vec::with_capacity(self.documents.len());
        let mut changed = Vec::new();
        let edition = self.edition;
        for &(name, document) in self.documents {
            let before = self.find(name);
            let live = before.filter(|pipeline| !pipeline.state.is_retired());
            let (version, change) = match (live, before) {
                (Some(live), _) if live.document == document => (live.version, Change::Unchanged),
                (Some(live), _) => (live.version + 1, Change::Changed),
                (None, Some(retired)) => (retired.version + 1, Change::New),
                (None, None) => (1, Change::New),
            };
            published.push(Published { name: name.to_owned(), version, change });
            if change == Change::Unchanged {
                continue;
            }
            let state = before.map(|before| before.state.clone()).unwrap_or_default().published(version, edition.from);
            let next = StoredPipeline {
                name: name.to_owned(),
                edit: before.map_or(0, |before| before.edit) + 1,
                version,
                document: document.to_owned(),
                by: edition.by.clone(),
                at: edition.at,
                state: PipelineState { timeline: state.timeline.since(edition.at - NEEDED), ..state },
            };
            changed.push(Changed { change, before: before.map(|before| before.edit), next });
        }
        for before in self.retired() {
            let (name, version) = (before.name.clone(), before.version);
            published.push(Published { name, version, change: Change::Retired });
            let next = StoredPipeline {
                edit: before.edit + 1,
                by: edition.by.clone(),
                at: edition.at,
                state: before.state.retired(edition.from),
                ..before.clone()
            };
            changed.push(Changed { change: Change::Retired, before: Some(before.edit), next });
        }
        (published, changed)
    }
}

fn newer(stored: &StoredPipeline, seen: Option<u64>, live: Option<u64>) -> Newer {
    Newer { name: stored.name.clone(), seen, live, by: stored.by.clone(), at: stored.at }
}
