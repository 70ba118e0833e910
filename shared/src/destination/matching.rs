//! By what a vendor tells the rows of an action, and what that means for fields that are not sent.

use super::{
    descriptor::{Action, Connector, Mode},
    template::{Placeholder, text_of},
};
use crate::value::{Object, Value};

impl Connector {
    /// The field by which the vendor tells an action's rows, with these settings of the destination; `None` for appends,
    /// and where the setting that names it is not set.
    pub fn match_field(&self, action: &Action, settings: &Object) -> Option<String> {
        let template = action.match_field.as_ref()?.get_ref();
        template
            .render(&mut |placeholder| {
                let Placeholder::Setting(name) = placeholder else { return Err(()) };
                let given = settings.get(&**name).filter(|value| **value != Value::Null);
                given.and_then(text_of).or_else(|| self.default_of(name)).ok_or(())
            })
            .ok()
    }

    fn default_of(&self, name: &str) -> Option<String> {
        let setting = self.settings.iter().find(|setting| setting.name() == name)?;
        Some(setting.default.as_ref()?.get_ref().0.clone())
    }
}

impl Action {
    /// Whether what the destination holds stays where a field is not sent; otherwise why not. `match_field` is the one
    /// of the destination, as far as it is known.
    pub fn keeps_what_is_not_sent(&self, match_field: Option<&str>) -> Result<(), String> {
        match (self.mode, match_field) {
            (Mode::Append, _) => Err(format!(
                "the action {} sends events, and the destination holds nothing that could stay",
                self.name()
            )),
            (Mode::Upsert, Some(field)) if self.whole_row_when_matched_by.iter().any(|name| name == field) => {
                Err(format!(
                    "the action {} replaces the whole row where it is matched by {field}, so nothing would stay",
                    self.name()
                ))
            }
            (Mode::Upsert, _) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::connector;

    #[test]
    fn what_is_not_sent_is_kept_by_upserts_that_take_a_part_of_a_row() {
        let hubspot = connector("hubspot").unwrap();
        let contact = hubspot.action("upsert_contact").unwrap();
        let own = Object::from_iter([("id_property".to_owned(), Value::from("customer_id"))]);
        assert_eq!(hubspot.match_field(contact, &Object::new()).as_deref(), Some("email"));
        assert_eq!(hubspot.match_field(contact, &own).as_deref(), Some("customer_id"));
        assert!(contact.keeps_what_is_not_sent(Some("email")).unwrap_err().contains("replaces the whole row"));
        assert_eq!(contact.keeps_what_is_not_sent(Some("customer_id")), Ok(()));
        assert_eq!(contact.keeps_what_is_not_sent(None), Ok(()));
        let event = connector("webhook").unwrap().action("send").unwrap();
        assert!(event.keeps_what_is_not_sent(None).is_err());
        assert_eq!(connector("webhook").unwrap().match_field(event, &Object::new()), None);
    }
}
