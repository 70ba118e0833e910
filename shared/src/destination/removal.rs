//! What a pipeline may ask for when a row is gone or has left its filter.

use super::descriptor::{Action, Mode, Reading};
use crate::delivery::{Removes, Step};

/// Why a pipeline would remove a row at the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It was deleted at the source: `on_delete`.
    Deleted,
    /// The source's time to live has deleted it: `on_expire`.
    Expired,
    /// It has left the filter, and is still there at the source: `on_leave`.
    Left,
}

impl Cause {
    /// The setting of a pipeline that says what happens then.
    pub const fn setting(self) -> &'static str {
        match self {
            Self::Deleted => "on_delete",
            Self::Expired => "on_expire",
            Self::Left => "on_leave",
        }
    }

    /// The setting's word for nothing.
    pub const fn nothing(self) -> &'static str {
        match self {
            Self::Deleted | Self::Expired => "ignore",
            Self::Left => "keep",
        }
    }
}

impl Action {
    /// What can be done with a row that is gone or has left the filter.
    pub fn can_remove(&self) -> impl Iterator<Item = Step> {
        Step::REMOVALS.into_iter().filter(|step| self.request(*step).is_some())
    }

    /// Whether the vendor tells if a delivery has created the row: only then does Freshet know which rows are its own.
    pub const fn tells_created(&self) -> bool {
        match &self.request.answer {
            Reading::Trace(reading) => reading.result_created.is_some(),
            Reading::Key(reading) => reading.created.is_some(),
            Reading::Status | Reading::Flag(_) | Reading::Index(_) | Reading::Job(_) => false,
        }
    }

    /// Whether a pipeline may ask for this step; otherwise why not, and what to write instead.
    pub fn permits(&self, cause: Cause, step: Step, removes: Removes) -> Result<(), String> {
        let name = self.name();
        let (setting, nothing) = (cause.setting(), cause.nothing());
        if matches!(step, Step::Apply | Step::Keep) {
            return Ok(());
        }
        if self.mode == Mode::Append {
            // That a row has left the filter is no event: the row is still there.
            let event = if cause == Cause::Left { "" } else { "\"send\" (the delete is an event of its own) or " };
            return Err(format!(
                "the action {name} sends events and keeps no row at the destination, so there is nothing to {}; write \
                 {setting} = {event}\"{nothing}\"",
                step.as_str()
            ));
        }
        if self.request(step).is_none() {
            let others: Vec<_> = self.can_remove().flat_map(|step| [" or \"", step.as_str(), "\""]).collect();
            let others = others.concat();
            return Err(format!("the action {name} cannot {}; write {setting} = \"{nothing}\"{others}", step.as_str()));
        }
        if step.takes_the_row() && removes == Removes::Created && !self.tells_created() {
            return Err(format!(
                "the action {name} does not learn which rows it has created, so none would ever be removed; write \
                 removes = \"any\", and {setting} = \"{}\" removes every row that this pipeline has sent, or write \
                 {setting} = \"{nothing}\"",
                step.as_str()
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::connector;

    #[test]
    fn removals_are_permitted_where_they_mean_something() {
        let contact = connector("hubspot").unwrap().action("upsert_contact").unwrap();
        let event = connector("webhook").unwrap().action("send").unwrap();
        for cause in [Cause::Left, Cause::Deleted, Cause::Expired] {
            for action in [contact, event] {
                assert_eq!(action.permits(cause, Step::Keep, Removes::Created), Ok(()));
            }
            assert_eq!(contact.permits(cause, Step::Archive, Removes::Created), Ok(()));
            let refused = contact.permits(cause, Step::Delete, Removes::Any).unwrap_err();
            let (setting, nothing) = (cause.setting(), cause.nothing());
            assert!(refused.contains(&format!("cannot delete; write {setting} = \"{nothing}\" or \"archive\"")));
        }
        for step in Step::REMOVALS {
            let refused = event.permits(Cause::Deleted, step, Removes::Any).unwrap_err();
            assert!(refused.ends_with(r#"write on_delete = "send" (the delete is an event of its own) or "ignore""#));
            let refused = event.permits(Cause::Left, step, Removes::Any).unwrap_err();
            assert!(refused.ends_with(r#"write on_leave = "keep""#), "{refused}");
        }
    }

    #[test]
    fn a_vendor_that_does_not_tell_what_is_new_needs_a_word_for_all() {
        let user = connector("braze").unwrap().action("track_users").unwrap();
        let refused = user.permits(Cause::Deleted, Step::Delete, Removes::Created).unwrap_err();
        assert!(refused.contains(r#"write removes = "any""#), "{refused}");
        assert_eq!(user.permits(Cause::Deleted, Step::Delete, Removes::Any), Ok(()));
    }
}
