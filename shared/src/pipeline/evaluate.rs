//! A change event through a pipeline.

use super::{OnDelete, Pipeline};
use crate::{
    delivery::{Delivery, Step},
    destination::Mode,
    event::{ChangeEvent, Op, Origin},
    expression::{Expression, ExpressionError, Scope},
    value::Object,
};

/// What a pipeline makes of a change event.
#[derive(Clone, Debug, PartialEq)]
pub enum Evaluation {
    /// The event is not for this pipeline, and nothing at the destination depends on it.
    Filtered,
    /// The event is sent; or, with [`Step::Keep`], it only advances the ledger.
    Deliver(Box<Delivery>),
}

impl Pipeline {
    /// Filters and maps an event of the pipeline's source. The delivery says that the event has arrived when it occurred:
    /// whoever knows better says so. `scope` is [`Scope::of`] the event, made once for all
    /// pipelines.
    pub fn evaluate(&self, event: &ChangeEvent, scope: &Scope) -> Result<Evaluation, ExpressionError> {
        let step = match self.mode {
            Mode::Append => self.append_step(event, scope)?,
            Mode::Upsert => self.row_step(event, scope)?,
        };
        let Some(step) = step else { return Ok(Evaluation::Filtered) };
        // What is cleared are the fields that were sent.
        let fields = if matches!(step, Step::Apply | Step::Clear) { self.map(scope)? } else { Object::new() };
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

    fn append_step(&self, event: &ChangeEvent, scope: &Scope) -> Result<Option<Step>, ExpressionError> {
        if event.op == Op::Delete && self.when_gone(event) != OnDelete::Send {
            return Ok(None);
        }
        Ok(self.matches(scope)?.then_some(Step::Apply))
    }

    /// What happens to the destination's row, by whether the source's row matches now and matched before.
    fn row_step(&self, event: &ChangeEvent, scope: &Scope) -> Result<Option<Step>, ExpressionError> {
        let step = match event.op {
            // A row whose image is not told may have matched: the ledger knows whether anything was ever sent.
            Op::Delete if event.before.is_none() || self.matches(scope)? => self.when_gone(event).step(),
            Op::Create | Op::Update | Op::Read if self.matches(scope)? => Step::Apply,
            Op::Update if self.matched_before(event)? => self.on_leave.step(),
            _ => return Ok(None),
        };
        Ok(Some(step))
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
    /// and not the row: of such a filter nothing leaves. Without a before image the row may have matched.
    fn matched_before(&self, event: &ChangeEvent) -> Result<bool, ExpressionError> {
        match &self.when {
            None => Ok(true),
            Some(when) if judges_the_change(when) => Ok(false),
            Some(_) if event.before.is_none() => Ok(true),
            Some(when) => when.matches(&Scope::before(event)),
        }
    }

    fn map(&self, scope: &Scope) -> Result<Object, ExpressionError> {
        self.fields
            .iter()
            .map(|(name, expression)| match expression.evaluate(scope) {
                Ok(value) => Ok((name.clone(), value)),
                Err(error) => Err(ExpressionError { message: format!("the field `{name}`: {error}") }),
            })
            .collect()
    }
}

fn judges_the_change(when: &Expression) -> bool {
    ["before", "op", "occurred_at"].iter().any(|name| when.uses(name))
}
