//! All connectors as two tables.

use shared::destination::{Connector, Mode};

use super::{most, on_delete, whose};
use crate::commands::table::{Side, Table};

/// The connectors' actions, then their limits; lines are cut to a width where there is one.
pub fn list(connectors: &[&Connector], width: Option<usize>) -> String {
    let mut actions = Table::new([
        ("connector", Side::Left),
        ("action", Side::Left),
        ("mode", Side::Left),
        ("a request", Side::Right),
        ("bytes", Side::Right),
        ("on_delete", Side::Left),
    ]);
    let mut limits = Table::new([
        ("connector", Side::Left),
        ("requests", Side::Right),
        ("seconds", Side::Right),
        ("for", Side::Left),
    ]);
    for connector in connectors {
        for action in &connector.actions {
            let mode = match action.mode {
                Mode::Upsert => "upsert",
                Mode::Append => "append",
            };
            actions.row([
                connector.slug().to_owned(),
                action.name().to_owned(),
                mode.to_owned(),
                most(connector, &action.request),
                action.request.bytes.to_string(),
                on_delete(action).join(", "),
            ]);
        }
        for limit in &connector.limits {
            limits.row([
                connector.slug().to_owned(),
                limit.requests.to_string(),
                limit.seconds.to_string(),
                format!("{}{}", whose(limit), if limit.unverified { " (unverified)" } else { "" }),
            ]);
        }
    }
    let limits = if limits.is_empty() { String::new() } else { format!("{}\n", limits.render(width)) };
    format!(
        "{}\n{limits}`freshet destinations show <connector>` has the settings, the fields and the sources.\n",
        actions.render(width)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::destinations::tests::EXAMPLE;

    #[test]
    fn actions_with_their_caps_then_limits() {
        let connector = Connector::parse("example.toml", EXAMPLE).unwrap();
        let expected = "\
connector  action      mode    a request    bytes  on_delete
example    upsert_row  upsert         10     2000  ignore, archive
example    send_event  append    1 to 50  1000000  send, ignore

connector  requests  seconds  for
example         100       10  an account
example        5000    86400  an account; upsert_row, upsert_row/archive; plan free (unverified)

`freshet destinations show <connector>` has the settings, the fields and the sources.
";
        assert_eq!(list(&[&connector], None), expected);
    }
}
