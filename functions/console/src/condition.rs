//! Which changes a pipeline takes, as a form asks for it, and the expression that it is.

use shared::{destination::FieldType, pipeline::KnownFields, schema::Kind, value::Number};

use crate::filling::{literal, path, quoted, reading};

/// Which changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// All.
    All,
    /// Those whose row has all of these.
    Where(Vec<Condition>),
    /// Those for which an expression is true.
    Formula(String),
}

/// Something that a row has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The field's path.
    pub path: String,
    /// How it is compared.
    pub test: Test,
    /// With what; empty where the test needs nothing.
    pub value: String,
}

/// How a field is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// It is this.
    Is,
    /// It is something else.
    IsNot,
    /// It is true, or has something in it.
    Filled,
    /// It is false, null or empty.
    Empty,
    /// It is there, be it null.
    There,
    /// It is more.
    More,
    /// It is less.
    Less,
}

impl Test {
    /// All, in the order of the form.
    pub const ALL: [Self; 7] = [Self::Is, Self::IsNot, Self::Filled, Self::Empty, Self::There, Self::More, Self::Less];

    /// Its name in the form.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Is => "is",
            Self::IsNot => "is-not",
            Self::Filled => "filled",
            Self::Empty => "empty",
            Self::There => "there",
            Self::More => "more",
            Self::Less => "less",
        }
    }

    /// How the form says it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Is => "is",
            Self::IsNot => "is not",
            Self::Filled => "is true or filled in",
            Self::Empty => "is false or empty",
            Self::There => "is there",
            Self::More => "is more than",
            Self::Less => "is less than",
        }
    }

    /// The test of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|test| test.name() == name)
    }

    const fn sign(self) -> Option<&'static str> {
        match self {
            Self::Is => Some("=="),
            Self::IsNot => Some("!="),
            Self::More => Some(">"),
            Self::Less => Some("<"),
            Self::Filled | Self::Empty | Self::There => None,
        }
    }
}

impl Which {
    /// Of a document's `when`. What the form has no words for is a formula.
    pub fn of(when: Option<&str>) -> Self {
        let Some(text) = when.map(str::trim).filter(|text| !text.is_empty()) else { return Self::All };
        let conditions: Option<Vec<_>> = text.split(" and ").map(|part| Condition::of(part.trim())).collect();
        conditions.map_or_else(|| Self::Formula(text.to_owned()), Self::Where)
    }

    /// The expression; `None` of all. The kinds of the fields tell whether a value is a number or a text.
    pub fn expression(&self, fields: Option<&KnownFields>) -> Option<String> {
        match self {
            Self::All => None,
            Self::Where(conditions) => {
                let parts: Vec<_> = conditions.iter().map(|condition| condition.expression(fields)).collect();
                (!parts.is_empty()).then(|| parts.join(" and "))
            }
            Self::Formula(text) => Some(text.clone()),
        }
    }
}

impl Condition {
    fn of(part: &str) -> Option<Self> {
        if let Some(negated) = part.strip_prefix("not ") {
            return Some(Self { path: path(negated.trim())?, test: Test::Empty, value: String::new() });
        }
        if let Some(read) = part.strip_suffix(" is defined") {
            return Some(Self { path: path(read.trim())?, test: Test::There, value: String::new() });
        }
        if let Some(path) = path(part) {
            return Some(Self { path, test: Test::Filled, value: String::new() });
        }
        [Test::Is, Test::IsNot, Test::More, Test::Less].into_iter().find_map(|test| {
            let (read, value) = part.split_once(&format!(" {} ", test.sign()?))?;
            Some(Self { path: path(read.trim())?, test, value: literal(value.trim())? })
        })
    }

    fn expression(&self, fields: Option<&KnownFields>) -> String {
        let read = reading(&self.path);
        match (self.test, self.test.sign()) {
            (Test::Empty, _) => format!("not {read}"),
            (Test::There, _) => format!("{read} is defined"),
            (_, Some(sign)) => format!("{read} {sign} {}", self.literal(fields)),
            (_, None) => read,
        }
    }

    /// The value as the field's own kind: a number is another one than its text.
    fn literal(&self, fields: Option<&KnownFields>) -> String {
        let value = self.value.trim();
        let kinds = fields.and_then(|fields| fields.kinds(&self.path));
        let is = |kind: Kind| kinds.is_some_and(|kinds| kinds.contains(&kind));
        let is_number = Number::parse(value).is_ok();
        // Of a field that nobody has seen yet, what looks like a number is one.
        let kind = if is_number && (is(Kind::Number) || kinds.is_none() && self.test != Test::Is) {
            FieldType::Number
        } else if matches!(value, "true" | "false") && !is(Kind::Text) {
            FieldType::Boolean
        } else {
            FieldType::Text
        };
        if kind == FieldType::Text { quoted(value) } else { value.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_says_what_when_says() {
        let mut fields = KnownFields::default();
        fields.add("cents", Kind::Number);
        fields.add("plan", Kind::Text);
        fields.add("consent", Kind::Boolean);
        let cases = [
            "after.plan == 'pro'",
            "after.plan != 'free' and after.cents > 1000",
            "after.consent and after.country is defined",
            "not after.consent",
            "after.consent == true",
            "after.cents < 12.5",
        ];
        for text in cases {
            let which = Which::of(Some(text));
            assert!(matches!(which, Which::Where(_)), "{text}: {which:?}");
            assert_eq!(which.expression(Some(&fields)).as_deref(), Some(text));
        }
        for text in ["changed('after.plan')", "after.plan in ['a']", "after.a == 1 or after.b", "op == 'create'"] {
            assert_eq!(Which::of(Some(text)), Which::Formula(text.to_owned()));
        }
        assert_eq!((Which::of(None), Which::of(Some(" "))), (Which::All, Which::All));
        assert_eq!(Which::Where(Vec::new()).expression(None), None);
        // A text that looks like a number stays one where the field has texts.
        let code = Condition { path: "plan".to_owned(), test: Test::Is, value: "12".to_owned() };
        assert_eq!(code.expression(Some(&fields)), "after.plan == '12'");
        println!("{} conditions", cases.len());
    }
}
