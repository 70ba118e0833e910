//! All failures of a filter sent again, a bounded number a request: a function URL answers within 30 seconds or not at all.
//!
//! Which failures are meant is fixed when a person asks: those that had failed by then. What fails again meanwhile has
//! failed later, so it is not sent a second time, and a request that is made twice finds nothing left to do.

use std::sync::Arc;

use askama::Template;
use axum::{
    Form,
    extract::{Query, State},
};
use serde::{Deserialize, Serialize};
use shared::{
    failure::{Listed, Selection, Stage, Standing},
    ports::{KeptFailures as _, PortError},
    redrive::Report,
    time::{Clock as _, Timestamp},
};

use super::group::{Filter, open};
use crate::{
    Console, World,
    access::Visitor,
    change::Change,
    frame::{Frame, Page, page},
    words,
};

/// How many are sent again in a request.
const A_REQUEST: usize = 100;

/// How many of them at a time: what they hold is in memory together.
const A_PIECE: usize = 25;

/// How many whose changes are looked for on the backbone, of which all its readers have five reads a second and shard.
const A_PIECE_OF_CHANGES: usize = 5;

/// No further piece is begun after so long, in milliseconds.
const LONG: i64 = 8_000;

/// How many that were left alone are named.
const MOST_NAMED: usize = 20;

/// How often the page looks by itself what became of them.
const MOST_ROUNDS: u32 = 30;

/// What the form says: which are meant, and how far it has come.
#[derive(Debug, Deserialize)]
pub struct Asked {
    #[serde(flatten)]
    filter: Filter,
    /// The newest that the person saw failed at this time, in milliseconds.
    until: String,
    /// The last one that was dealt with: its time in milliseconds, `~`, its id.
    #[serde(default)]
    after: String,
    /// What came of it so far.
    #[serde(default)]
    so_far: String,
    /// Not empty: their changes go through the newest version.
    #[serde(default)]
    newest: String,
}

/// What came of it so far. It is a person's own page that says so, and nobody else reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct SoFar {
    /// How many there were.
    of: u64,
    /// When it began, in milliseconds.
    began: i64,
    sent: u64,
    failed_again: u64,
    left_alone: u64,
    /// The first ones that were left alone: id, and why.
    named: Vec<(String, String)>,
}

impl SoFar {
    fn add(&mut self, report: &Report) {
        let count = |many: usize| u64::try_from(many).unwrap_or(u64::MAX);
        self.sent += count(report.redriven.len());
        self.failed_again += count(report.failed_again.len());
        self.left_alone += count(report.left_alone.len());
        let room = MOST_NAMED.saturating_sub(self.named.len());
        self.named.extend(report.left_alone.iter().take(room).cloned());
    }

    const fn done(&self) -> u64 {
        self.sent + self.failed_again + self.left_alone
    }

    /// `12 sent again, 1 failed again, 2 left alone`.
    fn words(&self) -> String {
        let others = [(self.failed_again, "failed again"), (self.left_alone, "left alone")];
        let others = others.into_iter().filter(|(count, _)| *count > 0);
        let all = std::iter::once((self.sent, "sent again")).chain(others);
        all.map(|(count, what)| format!("{} {what}", words::number(count))).collect::<Vec<_>>().join(", ")
    }
}

#[derive(Template)]
#[template(path = "retry.html")]
struct Retry {
    frame: Frame,
    filter: Filter,
    /// Their changes go through the newest version.
    is_newest: bool,
    so_far: SoFar,
    /// The next request, if there is one.
    next: Option<Next>,
    became: Option<Became>,
}

struct Next {
    until: String,
    after: String,
    so_far: String,
    /// How many it deals with.
    count: u64,
}

/// Sends the next ones again.
pub async fn retry_all<W: World>(
    State(console): State<Arc<Console<W>>>,
    visitor: Visitor,
    frame: Frame,
    Form(asked): Form<Asked>,
) -> Page {
    let until = asked.until.parse().map(Timestamp::from_millis).unwrap_or_default();
    let after = asked.after.split_once('~').and_then(|(at, id)| Some((at.parse().ok()?, id.to_owned())));
    let mut so_far: SoFar = serde_json::from_str(&asked.so_far).unwrap_or_default();
    let began = console.world.clock().now();
    let left = console.meant(&asked.filter, until, after.as_ref()).await?;
    let count = |many: usize| u64::try_from(many).unwrap_or(u64::MAX);
    if so_far.began == 0 {
        so_far = SoFar { of: count(left.len()), began: began.millis(), ..SoFar::default() };
    }
    let is_newest = !asked.newest.is_empty();
    let (how, a_piece) = if is_newest {
        ("their changes sent again, for the newest version", A_PIECE_OF_CHANGES)
    } else {
        ("sent again as they are", A_PIECE)
    };
    let mut dealt = 0;
    for piece in left[..left.len().min(A_REQUEST)].chunks(a_piece) {
        if dealt > 0 && console.world.clock().now().millis() - began.millis() > LONG {
            break;
        }
        let ids: Vec<String> = piece.iter().map(|failure| failure.id.clone()).collect();
        let change = Change {
            action: "retry",
            subject: format!("{} {}", words::number(count(ids.len())), asked.filter.words()),
            before: None,
            after: Some(format!("{how}:\n{}", ids.join("\n"))),
        };
        let work =
            async { if is_newest { console.redrive_all_newest(&ids).await } else { console.redrive(&ids).await } };
        let report = console.change::<_, PortError>(&visitor, change, work).await??;
        so_far.add(&report);
        dealt += piece.len();
    }
    let rest = count(left.len() - dealt);
    let next = left[..dealt].last().filter(|_| rest > 0).map(|last| Next {
        until: asked.until.clone(),
        after: format!("{}~{}", last.last_at.millis(), last.id),
        so_far: serde_json::to_string(&so_far).unwrap_or_default(),
        count: rest.min(count(A_REQUEST)),
    });
    let became = match next {
        Some(_) => None,
        None => Some(console.became(&asked.filter, is_newest, so_far.began, 0).await?),
    };
    page(&Retry { frame, filter: asked.filter, is_newest, so_far, next, became })
}

#[derive(Debug, Deserialize)]
pub struct Looked {
    #[serde(flatten)]
    filter: Filter,
    /// Since when, in milliseconds.
    since: String,
    #[serde(default)]
    round: String,
    #[serde(default)]
    newest: String,
}

#[derive(Template)]
#[template(path = "retried.html")]
struct Retried {
    frame: Frame,
    filter: Filter,
    became: Became,
}

/// What became of what was sent again since a time.
pub async fn retried<W: World>(
    State(console): State<Arc<Console<W>>>,
    Query(looked): Query<Looked>,
    frame: Frame,
) -> Page {
    let since = looked.since.parse().unwrap_or_default();
    let round = looked.round.parse().unwrap_or_default();
    let became = console.became(&looked.filter, !looked.newest.is_empty(), since, round).await?;
    page(&Retried { frame, filter: looked.filter, became })
}

/// What became of what was sent again: how many.
#[derive(Debug, Default, PartialEq, Eq)]
struct Became {
    /// Their changes went through the newest version.
    is_newest: bool,
    since: i64,
    round: u32,
    delivered: u64,
    superseded: u64,
    on_their_way: u64,
    /// Changes that went through their pipelines again; what fails there is a failure again.
    through: u64,
    failed_again: u64,
    given_up: u64,
    /// Of those that failed again, the first.
    named: Vec<Listed>,
}

impl Became {
    /// Whether a page looks again by itself.
    const fn goes_on(&self) -> bool {
        self.on_their_way > 0 && self.round < MOST_ROUNDS
    }

    fn of(failures: Vec<Listed>, is_newest: bool) -> Self {
        let mut became = Self { is_newest, ..Self::default() };
        for failure in failures {
            match (failure.standing, failure.stage) {
                (Standing::Delivered, _) => became.delivered += 1,
                (Standing::Superseded, _) => became.superseded += 1,
                // What the newest version makes of a change is another delivery, whose end is written to itself.
                (Standing::Redriven, Stage::Deliver) if !is_newest => became.on_their_way += 1,
                (Standing::Redriven, _) => became.through += 1,
                (Standing::Discarded, _) => became.given_up += 1,
                (Standing::Open, _) => {
                    became.failed_again += 1;
                    if became.named.len() < MOST_NAMED {
                        became.named.push(failure);
                    }
                }
            }
        }
        became
    }
}

impl<W: World> Console<W> {
    /// The failures that are meant and not dealt with, the oldest first.
    async fn meant(
        &self,
        filter: &Filter,
        until: Timestamp,
        after: Option<&(i64, String)>,
    ) -> Result<Vec<Listed>, PortError> {
        let mut listed = self.world.failures().list(&open(filter.selection())).await?;
        let place = |failure: &Listed| (failure.last_at.millis(), failure.id.clone());
        listed.retain(|failure| {
            failure.last_at <= until && filter.takes(failure) && after.is_none_or(|after| place(failure) > *after)
        });
        listed.sort_by_key(place);
        Ok(listed)
    }

    async fn became(&self, filter: &Filter, is_newest: bool, since: i64, round: u32) -> Result<Became, PortError> {
        let selection = Selection { redriven_since: Some(Timestamp::from_millis(since)), ..filter.selection() };
        let mut listed = self.world.failures().list(&selection).await?;
        // What failed again may have failed for another reason.
        listed.retain(|failure| filter.is_way_of(failure));
        Ok(Became { since, round, ..Became::of(listed, is_newest) })
    }
}
