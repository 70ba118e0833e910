//! What two have learned, together.

use std::cmp::Reverse;

use super::{Kind, MAX_PATHS, Schema, Seen, depth};

impl Schema {
    /// Adds what another has learned of other rows. In whichever order schemas are put together, the result is the same,
    /// but for the moment at which a field settled.
    pub fn merge(&mut self, other: &Self) {
        let (own_rows, own_more) = (self.rows, self.more);
        for (path, theirs) in &other.fields {
            let is_new = !self.fields.contains_key(path);
            let field = self.fields.entry(path.clone()).or_default();
            for (kind, seen) in &theirs.kinds {
                field.add(*kind, *seen);
            }
            field.settled = [field.settled, theirs.settled].into_iter().flatten().min();
            if let Some(rows) = own_rows.filter(|_| is_new && is_surely_absent(path, own_more)) {
                field.add(Kind::Absent, rows);
            }
            field.settle();
        }
        if let Some(rows) = other.rows {
            let lacking = self.fields.iter_mut().filter(|(path, _)| !other.fields.contains_key(*path));
            for (_, field) in lacking.filter(|(path, _)| is_surely_absent(path, other.more)) {
                field.add(Kind::Absent, rows);
            }
            Seen::add(&mut self.rows, rows);
        }
        // The key of who has seen the newest event.
        let newest = |schema: &Self| (!schema.key.is_empty(), schema.events.map(|seen| seen.last), schema.key.clone());
        if newest(other) > newest(self) {
            self.key = other.key.clone();
        }
        if let Some(events) = other.events {
            Seen::add(&mut self.events, events);
        }
        self.more = self.more.max(other.more);
        self.trim();
        for notice in &other.notices {
            self.note(notice.clone());
        }
    }

    /// Keeps [`MAX_PATHS`] paths: the shallow ones first, and of those what is seen most. Maps with names of their own in
    /// every row go before columns do.
    pub(super) fn trim(&mut self) {
        let excess = self.fields.len().saturating_sub(MAX_PATHS);
        if excess == 0 {
            return;
        }
        let mut ranked: Vec<_> = self
            .fields
            .iter()
            .map(|(path, field)| {
                let first = field.present().map(|seen| seen.first).min();
                (depth(path), Reverse(field.sightings()), first, path.clone())
            })
            .collect();
        ranked.sort_unstable();
        for (.., path) in ranked.drain(MAX_PATHS..) {
            self.fields.remove(&path);
        }
        self.more = self.more.max(excess);
    }
}

/// Whether a path that is not known was in no row: it may have been among those that were not kept.
fn is_surely_absent(path: &str, more: usize) -> bool {
    more == 0 || depth(path) == 1
}
