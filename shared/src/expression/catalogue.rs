//! What expressions can use, as data: the reference, the console's completion, and what misspelt names are compared with.

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Written behind a bar: `after.email | lower`.
    Filter,
    /// Written behind `is`: `after.email is defined`.
    Test,
    /// Written with brackets: `changed('after.plan')`.
    Function,
    /// Written between or around values: `after.plan == 'pro'`.
    Operator,
}

/// Something that expressions can use.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// Its group, for reading.
    pub group: &'static str,
    /// Its name.
    pub name: &'static str,
    /// How it is written.
    pub form: &'static str,
    /// What it does, in a sentence.
    pub help: &'static str,
    /// Expressions over [`SAMPLE`], and what each gives, as JSON.
    pub examples: &'static [(&'static str, &'static str)],
}

/// The row of the examples.
pub const SAMPLE: &str = r#"{
  "email": " Ada@Example.COM ", "first_name": "ada", "phone": "044 668 18 00", "plan": "pro", "note": null,
  "cents": 1999, "price": "19.90", "created": "2026-07-01T22:30:00Z", "born": "31.07.1999",
  "tags": ["b", "a", null, "b"], "items": [{"sku": "x", "count": 2}, {"sku": "y", "count": 1}], "json": "{\"a\":1}"
}"#;

/// The row of the examples before the change.
pub const SAMPLE_BEFORE: &str = r#"{ "email": " Ada@Example.COM ", "first_name": "ada", "plan": "free" }"#;

const fn filter(
    group: &'static str,
    name: &'static str,
    form: &'static str,
    help: &'static str,
    examples: &'static [(&'static str, &'static str)],
) -> Entry {
    Entry { kind: Kind::Filter, group, name, form, help, examples }
}

const fn test(
    name: &'static str,
    form: &'static str,
    help: &'static str,
    examples: &'static [(&'static str, &'static str)],
) -> Entry {
    Entry { kind: Kind::Test, group: "questions", name, form, help, examples }
}

const fn operator(
    name: &'static str,
    form: &'static str,
    help: &'static str,
    examples: &'static [(&'static str, &'static str)],
) -> Entry {
    Entry { kind: Kind::Operator, group: "operators", name, form, help, examples }
}

/// Everything that expressions can use.
pub const CATALOGUE: &[Entry] = &[
    Entry {
        kind: Kind::Function,
        group: "the change",
        name: "changed",
        form: "changed('after.plan', …)",
        help: "Whether the change has touched one of these fields. A create has touched what is there; a delete and a row of a backfill nothing; an update without a before image all.",
        examples: &[("changed('after.plan')", "true"), ("changed('after.email', 'after.first_name')", "false")],
    },
    operator(
        ".",
        "after.address.city",
        "A field of an object. A field of a row that is not there, as `before` of a create, is null.",
        &[("after.plan", r#""pro""#), ("before.plan", r#""free""#)],
    ),
    operator(
        "[]",
        "after.tags[0]",
        "An item of a list, from 0; -1 is the last. A part is [0:2], of a list or a text; a field is ['name'].",
        &[("after.items[-1]['sku']", r#""y""#), ("after.created[:10]", r#""2026-07-01""#)],
    ),
    operator(
        "==",
        "a == b",
        "Equal; != is not equal. Whether a value is null is asked by `is none`.",
        &[("after.plan == 'pro'", "true"), ("before.plan != after.plan", "true")],
    ),
    operator(
        "<",
        "a < b",
        "Less; also <=, > and >=. Of two numbers or two texts, which go by their characters' numbers. With a null they fail: ask `is not none and` first, or write default(0, true).",
        &[("after.cents >= 1000", "true"), ("'b' < 'a'", "false")],
    ),
    operator(
        "in",
        "a in [b, c]",
        "One of a list, a part of a text, or a field of an object; not in is the contrary.",
        &[("after.plan in ['pro', 'team']", "true"), ("'Ada' not in after.email", "false")],
    ),
    operator(
        "and",
        "a and b",
        "Both; also or, and not. Null, 0, and an empty text or list count as false.",
        &[("after.plan == 'pro' and not after.note", "true")],
    ),
    operator("if", "a if b else c", "One value or another.", &[("'yes' if after.plan == 'pro' else 'no'", r#""yes""#)]),
    operator(
        "~",
        "a ~ b",
        "One text behind the other; a number by its digits, true and false by their names, a null as an empty text. A list or an object fails: join it, or write tojson.",
        &[
            ("after.first_name ~ '-' ~ after.cents", r#""ada-1999""#),
            ("after.first_name ~ after.note ~ true", r#""adatrue""#),
        ],
    ),
    operator(
        "+",
        "a + b",
        "The sum; also -, *, / and ** (to the power). // and % are the whole quotient and the rest. With a null they fail.",
        &[("after.cents + 1", "2000"), ("after.cents / 100", "19.99"), ("after.cents // 100", "19")],
    ),
    filter("text", "lower", "| lower", "In small letters.", &[("'ADA' | lower", r#""ada""#)]),
    filter(
        "text",
        "upper",
        "| upper",
        "In capitals.",
        &[("after.plan | upper", r#""PRO""#), ("after.note | upper", "null")],
    ),
    filter(
        "text",
        "string",
        "| string",
        "A number, true or false as a text, for vendors that take texts only.",
        &[("after.cents | string", r#""1999""#), ("true | string", r#""true""#), ("after.note | string", "null")],
    ),
    filter(
        "text",
        "title",
        "| title",
        "Each word with a capital first, the rest small.",
        &[("'mary ann o\\'neil-SMITH' | title", r#""Mary Ann O'neil-Smith""#)],
    ),
    filter(
        "text",
        "trim",
        "| trim",
        "Without white space around it.",
        &[("after.email | trim", r#""Ada@Example.COM""#)],
    ),
    filter(
        "text",
        "replace",
        "| replace('from', 'to')",
        "Every occurrence of a text replaced.",
        &[("after.phone | replace(' ', '')", r#""0446681800""#)],
    ),
    filter(
        "text",
        "split",
        "| split(',')",
        "The parts between a separator; between white space without one.",
        &[("'a,b,c' | split(',')", r#"["a","b","c"]"#), ("after.phone | split | first", r#""044""#)],
    ),
    filter(
        "text",
        "slug",
        "| slug",
        "Small letters and digits, with a dash for whatever stands between: for addresses of pages.",
        &[("'Crème brûlée, 2 pieces!' | slug", r#""crème-brûlée-2-pieces""#)],
    ),
    filter(
        "text",
        "truncate",
        "| truncate(20, '…')",
        "At most so many characters; what is cut off is told by the sign at the end, which counts.",
        &[("'A long subject' | truncate(7)", r#""A long…""#), ("'short' | truncate(7)", r#""short""#)],
    ),
    filter(
        "text",
        "redact",
        "| redact",
        "Of an address its first character and its host, of another text its last four characters where it has eight or more: to be recognised, and not used.",
        &[
            ("'ada@example.com' | redact", r#""a***@example.com""#),
            ("'4242424242424242' | redact", r#""***4242""#),
            ("'secret' | redact", r#""***""#),
        ],
    ),
    filter(
        "people",
        "email",
        "| email",
        "An e-mail address in small letters without white space around it; what is none fails.",
        &[("after.email | email", r#""ada@example.com""#)],
    ),
    filter(
        "people",
        "phone",
        "| phone('CH')",
        "A telephone number in E.164; one without +… or 00… is of the country. What is none fails.",
        &[("after.phone | phone('CH')", r#""+41446681800""#), ("'0041 44 668 18 00' | phone", r#""+41446681800""#)],
    ),
    filter(
        "people",
        "sha256",
        "| sha256",
        "SHA-256 of the UTF-8 text, in small hexadecimal letters. Vendors match people by that of the normalised value, so normalise it first. A null stays null and is never hashed.",
        &[
            ("after.email | email | sha256", r#""b5fc85e55755f9e0d030a10ab4429b6b2944855f9a0d60077fe832becbc41d72""#),
            ("after.note | sha256", "null"),
        ],
    ),
    filter(
        "money",
        "cents_to_units",
        "| cents_to_units",
        "Cents as an amount, exactly; cents_to_units(0) for a currency without cents, such as the yen.",
        &[
            ("after.cents | cents_to_units", "19.99"),
            ("-5 | cents_to_units", "-0.05"),
            ("'123456789012345678901234567890' | cents_to_units", "1234567890123456789012345678.9"),
            ("after.cents | cents_to_units(0)", "1999"),
        ],
    ),
    filter(
        "money",
        "units_to_cents",
        "| units_to_cents",
        "An amount as cents, exactly; one with more digits behind the point fails.",
        &[("after.price | units_to_cents", "1990"), ("'-0.05' | units_to_cents", "-5")],
    ),
    filter(
        "numbers",
        "round",
        "| round(2)",
        "Rounded to so many digits behind the point, or with -2 to hundreds; a half goes to the even digit. round(2, 'ceil') goes up, and round(2, 'floor') down.",
        &[("2.345 | round(1)", "2.3"), ("2.675 | round(2)", "2.68"), ("2.671 | round(2, 'ceil')", "2.68")],
    ),
    filter("numbers", "abs", "| abs", "Without its sign.", &[("-3 | abs", "3")]),
    filter(
        "numbers",
        "int",
        "| int",
        "A whole number, also out of a text: its digits before the point. int(0) says what else, where the text is no number.",
        &[("'42' | int", "42"), ("'-1.9' | int", "-1"), ("'many' | int(0)", "0")],
    ),
    filter(
        "numbers",
        "float",
        "| float",
        "A number to calculate with, also out of a text: the nearest of about 15 digits. float(0) says what else, where the text is no number.",
        &[("after.price | float", "19.9"), ("'1.25' | float * 2", "2.5")],
    ),
    filter(
        "dates",
        "parse_date",
        "| parse_date('%d.%m.%Y', 'Europe/Zurich')",
        "A moment in RFC 3339 and UTC, out of a text in a form of its own, or of any that is known: RFC 3339, a date, seconds or milliseconds since 1970. Without an offset it is of the time zone, or of UTC.",
        &[
            ("after.born | parse_date('%d.%m.%Y')", r#""1999-07-31T00:00:00Z""#),
            ("after.born | parse_date('%d.%m.%Y', 'Europe/Zurich')", r#""1999-07-30T22:00:00Z""#),
            ("1782945000000 | parse_date", r#""2026-07-01T22:30:00Z""#),
        ],
    ),
    filter(
        "dates",
        "format_date",
        "| format_date('%d.%m.%Y', 'Europe/Zurich')",
        "A moment as a text, in a time zone, or in UTC.",
        &[
            ("after.created | format_date('%d.%m.%Y %H:%M', 'Europe/Zurich')", r#""02.07.2026 00:30""#),
            ("after.created | format_date('%Y-%m-%d')", r#""2026-07-01""#),
        ],
    ),
    filter(
        "dates",
        "epoch_seconds",
        "| epoch_seconds",
        "A moment as seconds since 1970.",
        &[("after.created | epoch_seconds", "1782945000"), ("'2026-07-01' | epoch_seconds", "1782864000")],
    ),
    filter(
        "dates",
        "epoch_millis",
        "| epoch_millis",
        "A moment as milliseconds since 1970.",
        &[("after.created | epoch_millis", "1782945000000")],
    ),
    filter(
        "lists",
        "join",
        "| join(', ')",
        "The items as one text; nulls are left out.",
        &[("after.tags | join(', ')", r#""b, a, b""#)],
    ),
    filter("lists", "first", "| first", "The first item.", &[("after.tags | first", r#""b""#)]),
    filter("lists", "last", "| last", "The last item.", &[("after.items | last", r#"{"sku":"y","count":1}"#)]),
    filter("lists", "unique", "| unique", "Each item once.", &[("['b', 'a', 'b'] | unique", r#"["b","a"]"#)]),
    filter(
        "lists",
        "sort",
        "| sort",
        "The items in order, nulls first, texts without regard to capitals; sort(attribute='count') by a field of each.",
        &[("after.items | sort(attribute='count') | map(attribute='sku')", r#"["y","x"]"#)],
    ),
    filter("lists", "length", "| length", "How many items, fields or characters.", &[("after.items | length", "2")]),
    filter(
        "lists",
        "map",
        "| map(attribute='sku')",
        "A field of each item; map('upper') a filter over each.",
        &[
            ("after.items | map(attribute='sku') | join('+')", r#""x+y""#),
            ("['a', 'b'] | map('upper')", r#"["A","B"]"#),
        ],
    ),
    filter(
        "lists",
        "select",
        "| select('string')",
        "The items that pass a test.",
        &[("after.tags | select('string')", r#"["b","a","b"]"#)],
    ),
    filter(
        "lists",
        "reject",
        "| reject('none')",
        "The items that do not pass a test.",
        &[("after.tags | reject('none')", r#"["b","a","b"]"#)],
    ),
    filter(
        "lists",
        "selectattr",
        "| selectattr('sku', 'eq', 'x')",
        "The items whose field passes a test.",
        &[("after.items | selectattr('sku', 'eq', 'x') | length", "1")],
    ),
    filter(
        "lists",
        "rejectattr",
        "| rejectattr('sku', 'eq', 'x')",
        "The items whose field does not pass a test.",
        &[("after.items | rejectattr('sku', 'eq', 'x') | length", "1")],
    ),
    filter(
        "lists",
        "sum",
        "| sum",
        "The sum of numbers; nulls are left out.",
        &[("[1, none, 2] | sum", "3"), ("after.items | map(attribute='count') | sum", "3")],
    ),
    filter("lists", "min", "| min", "The least item; nulls are left out.", &[("[3, none, 1] | min", "1")]),
    filter("lists", "max", "| max", "The greatest item; nulls are left out.", &[("[3, 1, 2] | max", "3")]),
    filter(
        "others",
        "default",
        "| default('none')",
        "What else, where the field is not there; default('none', true) also where it is null, empty or zero.",
        &[
            ("after.nickname | default('none')", r#""none""#),
            ("after.note | default('-', true)", r#""-""#),
            ("after.note | default('-')", "null"),
        ],
    ),
    filter(
        "others",
        "tojson",
        "| tojson",
        "As a text of JSON; a null stays null.",
        &[("after.tags | tojson", r#""[\"b\",\"a\",null,\"b\"]""#)],
    ),
    filter("others", "fromjson", "| fromjson", "What a text of JSON says.", &[("(after.json | fromjson).a", "1")]),
    test(
        "defined",
        "is defined",
        "The field is there, be it null.",
        &[("after.note is defined", "true"), ("after.nickname is defined", "false")],
    ),
    test("undefined", "is undefined", "The field is not there.", &[("after.nickname is undefined", "true")]),
    test("none", "is none", "It is null.", &[("after.note is none", "true"), ("before is none", "false")]),
    test("string", "is string", "It is a text.", &[("after.plan is string", "true")]),
    test(
        "number",
        "is number",
        "It is a number.",
        &[("after.cents is number", "true"), ("after.plan is number", "false")],
    ),
    test("boolean", "is boolean", "It is true or false.", &[("after.cents is boolean", "false")]),
    test("sequence", "is sequence", "It is a list.", &[("after.tags is sequence", "true")]),
    test("mapping", "is mapping", "It is an object with fields.", &[("(after.items | first) is mapping", "true")]),
    test("startingwith", "is startingwith('a')", "The text begins so.", &[("after.plan is startingwith('p')", "true")]),
    test("endingwith", "is endingwith('a')", "The text ends so.", &[("after.plan is endingwith('o')", "true")]),
    test(
        "in",
        "is in(['a', 'b'])",
        "It is one of these; the same as `in`.",
        &[("after.plan is in(['pro', 'team'])", "true")],
    ),
    test(
        "eq",
        "is eq('a')",
        "It is equal; for select and reject. The same as ==.",
        &[("[1, 2, 1] | select('eq', 1) | length", "2")],
    ),
    test(
        "ne",
        "is ne('a')",
        "It is not equal; for select and reject.",
        &[("[1, 2, 1] | select('ne', 1) | length", "1")],
    ),
    test("gt", "is gt(1)", "It is greater; for select and reject.", &[("[1, 2] | select('gt', 1) | first", "2")]),
    test(
        "ge",
        "is ge(1)",
        "It is greater or equal; for select and reject.",
        &[("[1, 2] | select('ge', 1) | length", "2")],
    ),
    test("lt", "is lt(1)", "It is less; for select and reject.", &[("[1, 2] | select('lt', 2) | first", "1")]),
    test(
        "le",
        "is le(1)",
        "It is less or equal; for select and reject.",
        &[("[1, 2] | select('le', 2) | length", "2")],
    ),
];

/// The names of a kind.
pub fn names(kind: Kind) -> impl Iterator<Item = &'static str> {
    CATALOGUE.iter().filter(move |entry| entry.kind == kind).map(|entry| entry.name)
}
