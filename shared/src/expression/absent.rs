//! A row that is not there.

use std::sync::Arc;

use minijinja::value::{Object, Value as EngineValue};

/// Stands for a row that a lookup did not find, and for what was before a create: null, and each of its fields is null. A plain null has no fields to ask
/// for, so that every expression on a row that may be missing would have to say what then.
#[derive(Debug)]
pub(super) struct Absent;

impl Object for Absent {
    fn get_value(self: &Arc<Self>, _: &EngineValue) -> Option<EngineValue> {
        Some(EngineValue::from(()))
    }

    fn is_true(self: &Arc<Self>) -> bool {
        false
    }
}

/// The test `is none`, which the missing row passes too.
pub(super) fn is_none(value: &EngineValue) -> bool {
    value.is_none() || value.downcast_object_ref::<Absent>().is_some()
}
