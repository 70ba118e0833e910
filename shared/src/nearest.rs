//! What a person may have meant by a name that is not known.

/// How long a name may be that is compared with others, in bytes: comparing takes time and memory by the product of their
/// lengths.
const LONGEST: usize = 64;

/// "did you mean `…`?" with the known name nearest to a mistyped one, where one is near.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    if name.len() > LONGEST {
        return None;
    }
    known
        .into_iter()
        .filter(|other| other.len() <= LONGEST)
        .map(|other| (strsim::damerau_levenshtein(name, other), other))
        .filter(|(distance, other)| *distance <= 1 + other.len().min(name.len()) / 4)
        .min()
        .map(|(_, nearest)| format!("did you mean `{nearest}`?"))
}

/// The same behind a semicolon, or nothing: the end of a message.
pub fn suggestion<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    did_you_mean(name, known).map_or_else(String::new, |question| format!("; {question}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_name_is_suggested_and_a_far_one_is_not() {
        let known = ["email", "first_name", "plan"];
        for (name, nearest) in
            [("emial", Some("email")), ("firstname", Some("first_name")), ("plna", Some("plan")), ("address", None)]
        {
            let question = nearest.map(|nearest| format!("did you mean `{nearest}`?"));
            assert_eq!(did_you_mean(name, known), question, "{name}");
        }
        assert_eq!(suggestion("emial", known), "; did you mean `email`?");
        assert_eq!(suggestion("address", known), "");
    }
}
