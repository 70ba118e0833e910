//! The engine with what expressions may use, and nothing else: what the catalogue does not list cannot be called.

use minijinja::{
    Environment, Error, ErrorKind, State, UndefinedBehavior,
    value::{Rest, Value as EngineValue},
};

use super::{FUEL, absent, filters};

/// The name of the function that asks whether a change has touched a field.
pub(super) const CHANGED: &str = "changed";

/// The engine's own filters that go: of no use in a pipeline, or able to eat memory.
const REMOVED: [&str; 25] = [
    "attr",
    "batch",
    "bool",
    "capitalize",
    "chain",
    "count",
    "d",
    "dictsort",
    "e",
    "escape",
    "format",
    "groupby",
    "indent",
    "items",
    "lines",
    "list",
    "pprint",
    "reverse",
    "safe",
    "slice",
    "string",
    "trim",
    "urlencode",
    "zip",
    "tojson",
];

/// A new engine.
pub(super) fn engine() -> Environment<'static> {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_fuel(Some(FUEL));
    for filter in REMOVED {
        engine.remove_filter(filter);
    }
    filters::add_to(&mut engine);
    engine.add_test("none", absent::is_none);
    engine.add_function(CHANGED, changed);
    engine
}

/// Whether the change has touched any of these fields of `after`.
///
/// A create has touched what is there, an update what is another value than before, or every field where the source does
/// not tell what was before. A delete and a row of a backfill touch nothing.
#[expect(clippy::needless_pass_by_value, reason = "the engine hands it over")]
fn changed(state: &State<'_, '_>, paths: Rest<String>) -> Result<bool, Error> {
    let scope = |name: &str| state.lookup(name).unwrap_or(EngineValue::UNDEFINED);
    let (op, before, after) = (scope("op"), scope("before"), scope("after"));
    if paths.is_empty() {
        let message = "`changed` needs a field, such as changed('after.plan')";
        return Err(Error::new(ErrorKind::MissingArgument, message));
    }
    for path in paths.iter() {
        let Some(path) = path.strip_prefix("after.") else {
            let message =
                format!("`changed` takes a field of the row, such as changed('after.plan'), and not '{path}'");
            return Err(Error::new(ErrorKind::InvalidOperation, message));
        };
        let now = at(&after, path);
        let is_touched = match op.as_str() {
            Some("create") => !now.is_undefined(),
            Some("update") if absent::is_none(&before) => true,
            Some("update") => {
                let then = at(&before, path);
                then.is_undefined() != now.is_undefined() || (!now.is_undefined() && then != now)
            }
            _ => false,
        };
        if is_touched {
            return Ok(true);
        }
    }
    Ok(false)
}

fn at(row: &EngineValue, path: &str) -> EngineValue {
    path.split('.').fold(row.clone(), |value, name| value.get_attr(name).unwrap_or(EngineValue::UNDEFINED))
}

#[cfg(test)]
mod tests {
    use minijinja::Environment;

    use super::{super::catalogue, *};

    /// The engine's own filters that stay.
    const FILTERS: [&str; 18] = [
        "abs",
        "default",
        "first",
        "float",
        "int",
        "last",
        "length",
        "map",
        "max",
        "min",
        "reject",
        "rejectattr",
        "round",
        "select",
        "selectattr",
        "sort",
        "sum",
        "unique",
    ];

    /// Of the engine's own filters none is left that the catalogue does not have; a new release of it may bring some.
    #[test]
    fn nothing_can_be_called_that_is_not_in_the_catalogue() {
        let own: Vec<_> = catalogue::names(catalogue::Kind::Filter).collect();
        let (all, ours) = (Environment::new(), engine());
        let exists = |engine: &Environment<'_>, filter: &str| {
            let error = engine.compile_expression(&format!("1 | {filter}")).map(|it| it.eval(()).err());
            !matches!(error, Ok(Some(error)) if error.kind() == ErrorKind::UnknownFilter)
        };
        assert!(FILTERS.iter().all(|filter| own.contains(filter)), "{own:?}");
        for filter in REMOVED {
            assert_eq!(exists(&ours, filter), own.contains(&filter), "{filter}");
        }
        for filter in own {
            assert!(exists(&ours, filter), "{filter}");
        }
        // What the crate has: its documentation lists them.
        let known: std::collections::BTreeSet<_> = FILTERS.iter().chain(&REMOVED).collect();
        for filter in ["lower", "upper", "title", "replace", "join", "split"] {
            assert!(exists(&all, filter) && !known.contains(&filter), "{filter} is ours");
        }
    }
}
