//! A mapping to begin with: which of a source's fields may fill which of the destination's.

use std::collections::BTreeMap;

use shared::{
    destination::{Action, Field, FieldType},
    pipeline::KnownFields,
    schema::Kind,
};

use crate::filling::{leniently, path};

/// Names that mean the same. A field of one row of this fills a field of the same row.
const SAME: &[&[&str]] = &[
    &["email", "emailaddress", "mail", "emailid", "useremail", "customeremail"],
    &["firstname", "givenname", "forename", "fname"],
    &["lastname", "familyname", "surname", "lname"],
    &["name", "fullname", "displayname"],
    &["phone", "phonenumber", "mobile", "mobilephone", "telephone", "tel"],
    &["company", "companyname", "organisation", "organization"],
    &["country", "countrycode"],
    &["zip", "postalcode", "postcode", "zipcode"],
    &["city", "town"],
    &["state", "region", "province"],
    &["street", "address", "address1", "streetaddress"],
    &["website", "url", "homepage"],
    &["createdat", "created", "createddate", "signupdate", "signedupat"],
    &["id", "externalid", "userid", "customerid", "personid", "contactid"],
    &["language", "locale", "lang"],
    &["plan", "tier", "subscription"],
    &["birthday", "dateofbirth", "dob", "birthdate"],
];

/// Expressions for those of an action's fields for which the source has a field of the same name, or of a name that means
/// the same, and of a kind that the vendor takes.
pub fn suggest(action: &Action, fields: &KnownFields) -> Vec<(String, String)> {
    let by_letters: BTreeMap<String, &str> = fields.paths().rev().map(|path| (letters(last(path)), path)).collect();
    let suggested = action.fields.iter().filter_map(|field| {
        let expression = own(field, fields).or_else(|| {
            let path = named(field, &by_letters)?;
            takes(action, field, path, fields).then(|| helped(field.r#type, &leniently(path, fields)))
        })?;
        Some((field.name.clone(), expression))
    });
    suggested.collect()
}

/// The connector's own expression, where the source has all that it reads.
fn own(field: &Field, fields: &KnownFields) -> Option<String> {
    let expression = field.expression.as_deref()?;
    let read = expression.split('|').next()?.trim();
    let path = path(read)?;
    fields.kinds(&path).is_some().then(|| expression.to_owned())
}

fn named<'f>(field: &Field, by_letters: &BTreeMap<String, &'f str>) -> Option<&'f str> {
    let wanted = letters(&field.name);
    if let Some(path) = by_letters.get(&wanted) {
        return Some(path);
    }
    let same = SAME.iter().find(|same| same.contains(&wanted.as_str()))?;
    same.iter().find_map(|name| by_letters.get(*name).copied())
}

fn takes(action: &Action, field: &Field, path: &str, fields: &KnownFields) -> bool {
    let Some(kinds) = fields.kinds(path) else { return false };
    let mut examples = kinds.iter().filter(|kind| !matches!(kind, Kind::Null | Kind::Absent)).peekable();
    examples.peek().is_some()
        && examples.any(|kind| kind.examples().iter().any(|example| action.fits(&field.name, example).is_ok()))
}

/// Addresses are written one way only: by them vendors tell people.
fn helped(kind: FieldType, reading: &str) -> String {
    if kind == FieldType::Email { format!("{reading} | lower") } else { reading.to_owned() }
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

fn letters(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use shared::destination::connector;

    use super::*;

    #[test]
    fn fields_are_suggested_by_name_and_by_kind() {
        let mut fields = KnownFields::default();
        for (path, kind) in [
            ("customer_id", Kind::Text),
            ("email", Kind::Text),
            ("first_name", Kind::Text),
            ("surname", Kind::Text),
            ("phone", Kind::List),
            ("address", Kind::Object),
            ("address.city", Kind::Text),
        ] {
            fields.add(path, kind);
        }
        let action = connector("hubspot").unwrap().action("upsert_contact").unwrap();
        let suggested: BTreeMap<_, _> = suggest(action, &fields).into_iter().collect();
        let of = |name: &str| suggested.get(name).map(String::as_str);
        assert_eq!(of("email"), Some("after.email | lower"));
        assert_eq!(of("firstname"), Some("after.first_name"));
        assert_eq!(of("lastname"), Some("after.surname"));
        assert_eq!(of("phone"), None, "a list is no telephone number");
        assert_eq!(of("city"), action.field("city").map(|_| "after.address.city"));
        assert!(suggest(action, &KnownFields::default()).is_empty());
    }
}
