//! A change event through a pipeline.

use std::borrow::Cow;

use super::{
    OnDelete, OnNull, Pipeline,
    lookup::{Looked, Missing},
};
use crate::{
    delivery::{Delivery, Step},
    destination::Mode,
    event::{ChangeEvent, Op, Origin},
    expression::{ExpressionError, Scope},
    lookup::{RowKey, Rows},
    value::{Object, Value},
};

/// What a pipeline makes of a change event.
#[derive(Clone, Debug, PartialEq)]
pub enum Evaluation {
    /// The event is not for this pipeline, and nothing at the destination depends on it.
    Filtered,
    /// The event is sent; or, with [`Step::Keep`], it only advances the ledger.
    Deliver(Box<Delivery>),
}

/// What is known of an event before its fields are mapped.
enum Prepared<'s> {
    /// These rows have to be read first.
    Unread(Vec<RowKey>),
    /// Nothing at the destination depends on it.
    Filtered,
    /// It is sent. The scope has the lookups' rows, where the step sends fields.
    Send(Step, Cow<'s, Scope>),
}

/// Whether a row matches the filter.
enum Match {
    /// These rows have to be read first.
    Unread(Vec<RowKey>),
    /// It does not.
    No,
    /// It does. The scope with the lookups' rows, where the filter depends on them.
    Yes(Option<Scope>),
}

impl Pipeline {
    /// The rows of lookup tables that have to be read before the event can be evaluated, each once; none where it can
    /// be by now, be it to an error. Reading them may show that others are needed, whose keys are made of them. An event
    /// that the filter does not let through, where the filter itself looks nothing up, needs none.
    pub fn wants(&self, event: &ChangeEvent, scope: &Scope, rows: &Rows) -> Vec<RowKey> {
        match self.prepare(event, scope, rows) {
            Ok(Prepared::Unread(keys)) => keys,
            _ => Vec::new(),
        }
    }

    /// Filters and maps an event of the pipeline's source. The delivery says that the event has arrived when it occurred:
    /// whoever knows better says so. `scope` is [`Scope::of`] the event, made once for all pipelines; `rows` are those
    /// that the pipeline [wants](Self::wants).
    pub fn evaluate(&self, event: &ChangeEvent, scope: &Scope, rows: &Rows) -> Result<Evaluation, ExpressionError> {
        let (step, scope) = match self.prepare(event, scope, rows)? {
            Prepared::Send(step, scope) => (step, scope),
            Prepared::Filtered => return Ok(Evaluation::Filtered),
            Prepared::Unread(_) => {
                let message = "a lookup's row was not read, which is a defect of Freshet; please report it".to_owned();
                return Err(ExpressionError { message });
            }
        };
        let fields = match step {
            // What is cleared are the fields that were sent at some time, those that are null now among them.
            Step::Clear => self.map(&scope, |_| true)?,
            Step::Apply => self.map(&scope, |on_null| on_null == OnNull::Clear)?,
            _ => Object::new(),
        };
        Ok(Evaluation::Deliver(Box::new(Delivery {
            id: Delivery::id_of(&self.name, event),
            pipeline: self.name.clone(),
            version: self.version,
            source: event.source.clone(),
            op: event.op,
            key: event.key.clone(),
            epoch: event.epoch,
            position: event.position.clone(),
            occurred_at: event.occurred_at,
            arrived_at: event.occurred_at,
            action: self.action.clone(),
            step,
            removes: self.removes,
            redriven: false,
            fields,
        })))
    }

    fn prepare<'s>(&self, event: &ChangeEvent, scope: &'s Scope, rows: &Rows) -> Result<Prepared<'s>, ExpressionError> {
        match (self.mode, event.op) {
            (Mode::Append, Op::Delete) if self.when_gone(event) != OnDelete::Send => Ok(Prepared::Filtered),
            // Where images are not told, or the filter depends on other rows, which were others then, the row may have
            // matched: the ledger knows whether anything was ever sent.
            (Mode::Upsert, Op::Delete)
                if event.before.is_none() || (self.filters_by_lookup() && !self.judges_the_change()) =>
            {
                self.remove(self.when_gone(event).step(), scope, rows)
            }
            (Mode::Upsert, Op::Delete) => match self.filter(scope, rows)? {
                Match::Unread(keys) => Ok(Prepared::Unread(keys)),
                Match::No => Ok(Prepared::Filtered),
                Match::Yes(_) => self.remove(self.when_gone(event).step(), scope, rows),
            },
            _ => match self.filter(scope, rows)? {
                Match::Unread(keys) => Ok(Prepared::Unread(keys)),
                Match::No => self.leave(event, scope, rows),
                Match::Yes(Some(scope)) => Ok(Prepared::Send(Step::Apply, Cow::Owned(scope))),
                Match::Yes(None) => self.send(Step::Apply, scope, rows, Missing::AsWritten),
            },
        }
    }

    /// The row is there and does not match; it may have matched before.
    fn leave<'s>(&self, event: &ChangeEvent, scope: &'s Scope, rows: &Rows) -> Result<Prepared<'s>, ExpressionError> {
        if (self.mode, event.op) == (Mode::Upsert, Op::Update) && self.matched_before(event)? {
            return self.remove(self.on_leave.step(), scope, rows);
        }
        Ok(Prepared::Filtered)
    }

    /// The row is gone, or has left the filter.
    fn remove<'s>(&self, step: Step, scope: &'s Scope, rows: &Rows) -> Result<Prepared<'s>, ExpressionError> {
        if step == Step::Clear {
            return self.send(step, scope, rows, Missing::Null);
        }
        Ok(Prepared::Send(step, Cow::Borrowed(scope)))
    }

    /// The event is sent with its fields.
    fn send<'s>(
        &self,
        step: Step,
        scope: &'s Scope,
        rows: &Rows,
        missing: Missing,
    ) -> Result<Prepared<'s>, ExpressionError> {
        if !self.has_lookups() {
            return Ok(Prepared::Send(step, Cow::Borrowed(scope)));
        }
        Ok(match self.look_up(scope, rows, missing)? {
            Looked::Unread(keys) => Prepared::Unread(keys),
            Looked::Skipped => Prepared::Filtered,
            Looked::Scope(scope) => Prepared::Send(step, Cow::Owned(scope)),
        })
    }

    /// Whether the row matches. A filter that looks nothing up is asked before anything is read.
    fn filter(&self, scope: &Scope, rows: &Rows) -> Result<Match, ExpressionError> {
        let when_looks_up = self.when_looks_up();
        if !when_looks_up && !self.matches(scope)? {
            return Ok(Match::No);
        }
        if !self.filters_by_lookup() {
            return Ok(Match::Yes(None));
        }
        Ok(match self.look_up(scope, rows, Missing::AsWritten)? {
            Looked::Unread(keys) => Match::Unread(keys),
            Looked::Skipped => Match::No,
            Looked::Scope(scope) if when_looks_up && !self.matches(&scope)? => Match::No,
            Looked::Scope(scope) => Match::Yes(Some(scope)),
        })
    }

    /// What happens when a row is deleted, by who deleted it.
    fn when_gone(&self, event: &ChangeEvent) -> OnDelete {
        match event.origin {
            Origin::User => self.on_delete,
            Origin::Ttl => self.on_expire,
        }
    }

    fn matches(&self, scope: &Scope) -> Result<bool, ExpressionError> {
        self.when.as_ref().map_or(Ok(true), |when| when.matches(scope))
    }

    /// Whether the row matched before an update. A filter that looks at `op`, `before` or the time judges the change
    /// and not the row: of such a filter nothing leaves. Without a before image the row may have matched, and so it may
    /// where the filter depends on other rows, since they may have been others then.
    fn matched_before(&self, event: &ChangeEvent) -> Result<bool, ExpressionError> {
        match &self.when {
            None => Ok(true),
            Some(_) if self.judges_the_change() => Ok(false),
            Some(_) if event.before.is_none() || self.filters_by_lookup() => Ok(true),
            Some(when) => when.matches(&Scope::before(event)),
        }
    }

    /// The fields; `nulls` tells by a field's policy whether it stands there with null.
    fn map(&self, scope: &Scope, nulls: impl Fn(OnNull) -> bool) -> Result<Object, ExpressionError> {
        let mut fields = Object::with_capacity(self.fields.len());
        for (name, field) in &self.fields {
            let value = field
                .expression
                .evaluate(scope)
                .map_err(|error| ExpressionError { message: format!("the field `{name}`: {error}") })?;
            if value != Value::Null || nulls(field.on_null) {
                fields.insert(name.clone(), value);
            }
        }
        Ok(fields)
    }

    fn judges_the_change(&self) -> bool {
        let names = ["before", "changed", "op", "occurred_at"];
        self.when.as_ref().is_some_and(|when| names.iter().any(|name| when.uses(name)))
    }
}
