//! Expressions that are meant to hang, to eat memory or to end the process: each ends in an error, on the stack of a
//! usual thread and in little memory. A binary of its own, so that the memory is theirs.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use shared::{
    event::{ChangeEvent, Op, Origin},
    expression::{Expression, Scope},
    key::Key,
    position::Position,
    time::Timestamp,
    value::Value,
};

/// The longest expression.
const LONGEST: usize = 8_192;

/// What a thread of the standard library and of tokio has, in bytes.
const STACK: usize = 2 << 20;

/// What the process may take at most beyond what it had with the row in memory, in KiB.
const MOST: usize = 64 << 10;

/// As often as it fits into an expression, with what begins and ends it.
fn filled(begin: &str, again: &str, end: &str) -> String {
    let times = (LONGEST - begin.len() - end.len()) / again.len();
    format!("{begin}{}{end}", again.repeat(times))
}

fn bombs() -> Vec<String> {
    let long = "after.text".to_owned();
    vec![
        // Chains that make the engine call itself.
        filled("", "1+", "1"),
        filled("", "op+", "op"),
        filled("", "[op]+", "[op]"),
        filled("", "-", "1"),
        filled("", "1**", "1"),
        filled("", "not ", "1"),
        filled("", "1<", "1"),
        filled("", "1 and ", "1"),
        filled("", "1 if op else ", "1"),
        filled("1", " if op", ""),
        filled("after", ".a", ""),
        filled("after", "[0]", ""),
        filled("after", "()", ""),
        filled("after.text", "|abs", ""),
        filled("op", " is none", ""),
        format!("{}1{}", "[".repeat(4_000), "]".repeat(4_000)),
        format!("{}1{}", "(".repeat(4_000), ")".repeat(4_000)),
        format!("{}1{}", "{'a':".repeat(1_000), "}".repeat(1_000)),
        format!("{}1{}", "(".repeat(450), "<1)".repeat(450)),
        format!("{}op{}", "(".repeat(450), "~op)".repeat(450)) + " < 1",
        // Lists that cost nothing until somebody goes through them.
        "([none]*100000000)|join".to_owned(),
        "([[]]*100000000)|join".to_owned(),
        "([1]*100000000)|last == 2".to_owned(),
        "([1]*100000000)|unique".to_owned(),
        "([1]*100000000)|sort|first".to_owned(),
        "([1]*100000000)|sum".to_owned(),
        "([1]*100000000)|max".to_owned(),
        "([1]*100000000)|map('string')|first".to_owned(),
        "([1]*100000000)|select('none')|first".to_owned(),
        "([1]*100000000)|tojson".to_owned(),
        "[1]*100000000".to_owned(),
        "([1]*100000000)[99999999] == 2".to_owned(),
        "([1]*100000000)[::-1]|first".to_owned(),
        // The same where the engine calculates ahead.
        "2 in [1]*100000000".to_owned(),
        "[1]*100000000 == [1]*100000000".to_owned(),
        "[1]*99*99*99*99 < [1]*99*99*99*99".to_owned(),
        "2 in (1 and [1])*100000000".to_owned(),
        "2 in (1,)*100000000".to_owned(),
        "2 in ([1]+[1])*50000000".to_owned(),
        "2 in 100000000*[1]".to_owned(),
        "'x'*100000000".to_owned(),
        "['x'*100000000, 'x'*100000000] == op".to_owned(),
        "2**99999999".to_owned(),
        // Texts that grow.
        filled("op", "~after.text", ""),
        filled("op", "+after.text", ""),
        filled("[", "after.text~'x',", "1]"),
        filled("[", "after.text[:399999],", "1]"),
        filled("after.text", "|replace('x','xxxxxxxxxxxxxxxx')", ""),
        format!("{long}|replace(',',{long})"),
        format!("{long}|split(',')|join({long})"),
        format!("{long}|split(',')|map('replace','',{long})|join({long})"),
        format!("{long}|split(',')|map('default',{long})|join"),
        format!("{long}|split(',')|map('split','x')|join"),
        format!("([{long}]*1000)|map('upper')|join"),
        format!("([{long}]*1000)|map('tojson')|map('fromjson')|join"),
        format!("{long}|truncate(4000000,'x'*3000000)|truncate(1,'x'*3000000)|length == {long}"),
        format!("({long}|tojson|tojson|tojson|tojson|tojson|tojson|tojson|tojson)"),
        filled("[", "(('['~'[],'*30000~'1]')|fromjson),", "1]"),
        "(['['~'[],'*30000~'1]']*1000)|map('fromjson')|last".to_owned(),
        "('['*10000~']'*10000)|fromjson".to_owned(),
        // Values that a filter works hard on.
        "0|format_date('%255Y'*20000)".to_owned(),
        "'x'|parse_date('%255Y'*20000)".to_owned(),
        format!("0|format_date('%Y',{long})"),
        format!("{long}|phone('CH')"),
        format!("'1'|phone({long})"),
        "('+'~'4'*400000)|phone".to_owned(),
        "('a@'~'b.'*200000~'c')|email".to_owned(),
        "('9'*400001)|cents_to_units".to_owned(),
        format!("{long}|int"),
        "(after.list+after.list+after.list)|sort|unique|length".to_owned(),
        filled("after.", "abcdefgh", ""),
        filled("op|", "abcdefgh", ""),
        filled("", "abcdefgh", ""),
    ]
}

/// The most memory that the process has had, in KiB; `None` where the system does not say.
fn peak() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The largest row that a DynamoDB table holds is 400 KB.
fn event() -> ChangeEvent {
    let list: Vec<String> = (0..10_000).map(|number: u64| (number * 7_919 % 10_000).to_string()).collect();
    let row = format!(r#"{{"text":"{}","list":[{}]}}"#, "x,".repeat(170_000), list.join(","));
    ChangeEvent {
        id: "customers/1/5".into(),
        source: "customers".into(),
        op: Op::Create,
        key: Key::single("id", "c-1"),
        before: None,
        after: Some(Value::from_json(row.as_bytes()).unwrap()),
        occurred_at: Timestamp::from_millis(1_700_000_000_000),
        epoch: 1,
        position: Position::parse("5").unwrap(),
        origin: Origin::User,
    }
}

#[test]
fn every_bomb_ends_in_an_error() {
    let scope = Scope::of(&event());
    let before = peak();
    for bomb in bombs() {
        let (text, scope) = (bomb.clone(), scope.clone());
        let work = move || Expression::compile(&text, &[]).and_then(|expression| expression.evaluate(&scope));
        let ended = std::thread::Builder::new().stack_size(STACK).spawn(work).unwrap().join();
        let start = &bomb[..60.min(bomb.len())];
        assert!(ended.is_ok(), "{start} panics");
        let error = ended.unwrap().expect_err(start);
        assert!(error.message.len() < 4 * LONGEST, "{start}: {} bytes", error.message.len());
        if let (Some(before), Some(now)) = (before, peak()) {
            assert!(now - before < MOST, "after {start} the process has had {} KiB more", now - before);
        }
    }
    println!("{} bombs; peak: {:?} KiB, {before:?} of them before", bombs().len(), peak());
}
