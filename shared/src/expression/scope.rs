//! What an expression can see.

use std::{borrow::Cow, sync::OnceLock};

use minijinja::value::Value as EngineValue;

use super::{absent::Absent, data};
use crate::{
    event::{ChangeEvent, Op},
    nearest::suggestion,
    time::Timestamp,
    value::{Object, Value},
};

/// One event as expressions see it: `after`, `before`, `key`, `op`, `occurred_at` (milliseconds since 1970), `source`.
/// Without a before image, `before` is null with all its fields: a filter like `before.plan != 'pro'` is for creates, too.
#[derive(Clone, Debug)]
pub struct Scope {
    source: String,
    op: Op,
    occurred_at: Timestamp,
    /// The rows that expressions can name.
    rows: Vec<(Cow<'static, str>, Row)>,
    /// All of it for the engine, once it is asked.
    context: OnceLock<EngineValue>,
}

/// A row that expressions can name.
#[derive(Clone, Debug)]
pub(super) enum Row {
    There(Object),
    /// Null, with all its fields.
    Absent,
}

impl Row {
    fn of(row: Option<&Value>) -> Self {
        row.and_then(Value::as_object).map_or(Self::Absent, |fields| Self::There(fields.clone()))
    }
}

impl Scope {
    /// The names that expressions can use.
    pub const NAMES: &'static [&'static str] = &["after", "before", "key", "occurred_at", "op", "source"];

    /// An event as it is. For a delete, `after` is the row as it was: what is mapped is the row that is gone.
    pub fn of(event: &ChangeEvent) -> Self {
        Self::with(event, event.op, event.before.as_ref(), event.after.as_ref().or(event.before.as_ref()))
    }

    /// The row as it was before the event, as if it had just been read: what a filter thought of it then.
    pub fn before(event: &ChangeEvent) -> Self {
        Self::with(event, Op::Read, None, event.before.as_ref())
    }

    fn with(event: &ChangeEvent, op: Op, before: Option<&Value>, after: Option<&Value>) -> Self {
        let key = || Row::There(event.key.attributes().clone());
        // A source that tells keys only still has a row to speak of.
        let after = if after.is_some() { Row::of(after) } else { key() };
        let rows = vec![("after".into(), after), ("before".into(), Row::of(before)), ("key".into(), key())];
        Self { source: event.source.clone(), op, occurred_at: event.occurred_at, rows, context: OnceLock::new() }
    }

    /// The same with a further name: that of a row, or of none, which is null with all its fields.
    #[must_use]
    pub fn with_row(&self, name: &str, row: Option<&Value>) -> Self {
        let mut scope = Self { context: OnceLock::new(), ..self.clone() };
        scope.rows.push((Cow::Owned(name.to_owned()), Row::of(row)));
        scope
    }

    /// The row of a name.
    pub(super) fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|(known, _)| known == name).map(|(_, row)| row)
    }

    pub(super) const fn op(&self) -> &'static str {
        self.op.as_str()
    }

    pub(super) fn source(&self) -> &str {
        &self.source
    }

    pub(super) const fn occurred_at(&self) -> i64 {
        self.occurred_at.millis()
    }

    pub(super) fn context(&self) -> &EngineValue {
        self.context.get_or_init(|| {
            let row = |row: &Row| match row {
                Row::There(fields) => data::object_to_engine(fields),
                Row::Absent => EngineValue::from_object(Absent),
            };
            let rows = self.rows.iter().map(|(name, held)| (&**name, row(held)));
            let facts = [
                ("occurred_at", EngineValue::from(self.occurred_at())),
                ("op", EngineValue::from(self.op())),
                ("source", EngineValue::from(self.source())),
            ];
            EngineValue::from_pairs(rows.chain(facts))
        })
    }

    /// Why the path (`after.address.city`) leads nowhere; `None` where it leads somewhere.
    pub(super) fn why_missing(&self, path: &str) -> Option<String> {
        let mut value = self.context().clone();
        let mut walked = String::new();
        for name in path.split('.') {
            if value.is_none() {
                return Some(format!(
                    "asks for `{name}`, but `{walked}` is null here; say what then, such as `({path}) | default('')`"
                ));
            }
            let next = value.get_attr(name).unwrap_or(EngineValue::UNDEFINED);
            if next.is_undefined() {
                let known: Vec<String> =
                    value.try_iter().into_iter().flatten().filter_map(|key| key.as_str().map(str::to_owned)).collect();
                return Some(format!(
                    "asks for a field that is not there: `{walked}` has no field `{name}`{}; where a row may lack it, \
                     write `{path} | default(none)`",
                    suggestion(name, known.iter().map(String::as_str))
                ));
            }
            if !walked.is_empty() {
                walked.push('.');
            }
            walked.push_str(name);
            value = next;
        }
        None
    }
}
