//! The engine with what expressions may use, and nothing else: what the catalogue does not list cannot be called.

use minijinja::{
    Environment, Error, ErrorKind, State, UndefinedBehavior, filters as own,
    tests::{
        is_boolean, is_defined, is_endingwith, is_eq, is_in, is_mapping, is_ne, is_sequence, is_startingwith,
        is_string, is_undefined,
    },
    value::{Kwargs, Rest, Value as EngineValue, ValueOrKwargs},
};

use super::{FUEL, absent, data, filters};

/// The name of the function that asks whether a change has touched a field.
pub(super) const CHANGED: &str = "changed";

/// A new engine.
pub(super) fn engine() -> Environment<'static> {
    let mut engine = Environment::empty();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_fuel(Some(FUEL));
    add_own_filters(&mut engine);
    filters::add_to(&mut engine);
    add_tests(&mut engine);
    engine.add_function(CHANGED, changed);
    engine
}

/// The engine's own filters that do what people expect of them.
fn add_own_filters(engine: &mut Environment<'_>) {
    engine.add_filter("default", own::default);
    for (name, filter) in [
        ("map", EngineValue::from_function(own::map)),
        ("reject", EngineValue::from_function(own::reject)),
        ("rejectattr", EngineValue::from_function(own::rejectattr)),
        ("select", EngineValue::from_function(own::select)),
        ("selectattr", EngineValue::from_function(own::selectattr)),
        ("unique", EngineValue::from_function(own::unique)),
    ] {
        engine.add_filter(name, unless_null(filter));
    }
    for (name, filter, nulls) in [
        ("max", EngineValue::from_function(own::max), Nulls::LeftOut),
        ("min", EngineValue::from_function(own::min), Nulls::LeftOut),
        ("sort", EngineValue::from_function(own::sort), Nulls::Kept),
        ("sum", EngineValue::from_function(own::sum), Nulls::LeftOut),
    ] {
        engine.add_filter(name, unless_null(EngineValue::from_function(of_alike(name, filter, nulls))));
    }
}

/// What becomes of the nulls in a list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nulls {
    LeftOut,
    Kept,
}

/// The filter, for lists of which the engine can tell what is more: it puts a number that it cannot calculate with behind
/// all others.
fn of_alike(
    name: &'static str,
    filter: EngineValue,
    nulls: Nulls,
) -> impl Fn(&mut State<'_, '_>, Rest<ValueOrKwargs>) -> Result<EngineValue, Error> + Send + Sync + 'static {
    move |state, arguments| {
        let mut arguments = arguments.into_values();
        let Some(list) = arguments.first_mut() else { return Err(Error::from(ErrorKind::MissingArgument)) };
        if nulls == Nulls::LeftOut {
            *list = state.apply_filter("reject", &[list.clone(), EngineValue::from("none")])?;
        }
        let list = list.clone();
        let attribute = attribute(&arguments[1..]);
        filters::check_alike(&list, attribute.as_deref(), name)?;
        filter.call(state, &arguments)
    }
}

/// The field of each item that a filter is told to look at.
fn attribute(arguments: &[EngineValue]) -> Option<String> {
    let last = arguments.last()?;
    match Kwargs::try_from(last.clone()) {
        Ok(named) => named.peek::<Option<String>>("attribute").ok().flatten(),
        Err(_) => last.as_str().map(str::to_owned),
    }
}

/// The filter, which a null goes through as a null.
fn unless_null(
    filter: EngineValue,
) -> impl Fn(&mut State<'_, '_>, Rest<ValueOrKwargs>) -> Result<EngineValue, Error> + Send + Sync + 'static {
    move |state, arguments| {
        let arguments = arguments.into_values();
        match arguments.first() {
            Some(value) if absent::is_none(value) => Ok(EngineValue::from(())),
            Some(value) if value.is_undefined() => Err(Error::from(ErrorKind::UndefinedError)),
            _ => filter.call(state, &arguments),
        }
    }
}

fn add_tests(engine: &mut Environment<'_>) {
    engine.add_test("boolean", is_boolean);
    engine.add_test("defined", is_defined);
    engine.add_test("endingwith", is_endingwith);
    engine.add_test("eq", is_eq);
    engine.add_test("in", is_in);
    engine.add_test("mapping", is_mapping);
    engine.add_test("ne", is_ne);
    engine.add_test("none", absent::is_none);
    engine.add_test("number", |value: &EngineValue| data::number(value).is_some());
    engine.add_test("sequence", is_sequence);
    engine.add_test("startingwith", is_startingwith);
    engine.add_test("string", is_string);
    engine.add_test("undefined", is_undefined);
    for (name, sign) in [("ge", ">="), ("gt", ">"), ("le", "<="), ("lt", "<")] {
        engine.add_test(name, move |left: &EngineValue, right: &EngineValue| filters::is_in_order(left, sign, right));
    }
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
    use std::collections::BTreeSet;

    use super::{
        super::{catalogue, catalogue::Kind, rewritten},
        *,
    };

    /// The names in one list of what the engine shows of itself.
    fn shown(list: &str) -> BTreeSet<String> {
        let shown = format!("{:?}", engine());
        let (_, rest) = shown.split_once(&format!("{list}: ")).unwrap();
        let end = rest.find([']', '}']).unwrap();
        rest[..end].split('"').skip(1).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn what_can_be_called_is_what_the_catalogue_lists() {
        let listed = |kind| catalogue::names(kind).map(str::to_owned).collect::<BTreeSet<_>>();
        let mut filters = shown("filters");
        let ordered = rewritten::ORDERED.map(|(_, filter)| filter);
        for ours in ordered.into_iter().chain([rewritten::CONCATENATED, rewritten::LISTED]) {
            assert!(filters.remove(ours), "{ours}");
        }
        assert_eq!(filters, listed(Kind::Filter));
        assert_eq!(shown("tests"), listed(Kind::Test));
        assert_eq!(shown("globals"), listed(Kind::Function));
    }
}
