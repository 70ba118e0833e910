//! What an expression can see.

use minijinja::value::{Value as EngineValue, merge_maps};

use super::{absent::Absent, data};
use crate::{
    event::{ChangeEvent, Op},
    nearest::suggestion,
    value::Value,
};

/// One event as expressions see it: `after`, `before`, `key`, `op`, `occurred_at` (milliseconds since 1970), `source`.
/// Without a before image, `before` is null with all its fields: a filter like `before.plan != 'pro'` is for creates, too.
#[derive(Clone, Debug)]
pub struct Scope {
    context: EngineValue,
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
        let image = |image: Option<&Value>| image.map_or_else(|| EngineValue::from_object(Absent), data::to_engine);
        // A source that tells keys only still has a row to speak of.
        let after = after.map_or_else(|| data::object_to_engine(event.key.attributes()), data::to_engine);
        let context = EngineValue::from_pairs([
            ("after", after),
            ("before", image(before)),
            ("key", data::object_to_engine(event.key.attributes())),
            ("occurred_at", EngineValue::from(event.occurred_at.millis())),
            ("op", EngineValue::from(op.as_str())),
            ("source", EngineValue::from(event.source.as_str())),
        ]);
        Self { context }
    }

    /// The same with a further name: that of a row, or of none, which is null with all its fields.
    #[must_use]
    pub fn with_row(&self, name: &str, row: Option<&Value>) -> Self {
        let row = row.map_or_else(|| EngineValue::from_object(Absent), data::to_engine);
        Self { context: merge_maps([EngineValue::from_pairs([(name, row)]), self.context()]) }
    }

    pub(super) fn context(&self) -> EngineValue {
        self.context.clone()
    }

    /// Why the path (`after.address.city`) leads nowhere; `None` where it leads somewhere.
    pub(super) fn why_missing(&self, path: &str) -> Option<String> {
        let mut value = self.context.clone();
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
