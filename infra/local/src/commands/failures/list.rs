//! Failures as a table.

use std::fmt::Write as _;

use shared::{
    failure::{Listed, Selection, Standing},
    ports::KeptFailures as _,
};

use crate::{
    commands::table::{Side, Table, one_line},
    deployed::Connection,
};

/// The failures of a selection, newest first, at most so many; lines are cut to a width where there is one.
pub async fn list(
    stack: &Connection<'_>,
    selection: &Selection,
    limit: usize,
    width: Option<usize>,
) -> anyhow::Result<String> {
    Ok(render(&stack.failures().list(selection).await?, selection.standing, limit, width))
}

fn render(failures: &[Listed], standing: Option<Standing>, limit: usize, width: Option<usize>) -> String {
    let which = standing.map_or("", Standing::as_str);
    if failures.is_empty() {
        return format!("No failure is {which}.\n");
    }
    let mut table = Table::new([
        ("id", Side::Left),
        ("when", Side::Left),
        ("stage", Side::Left),
        ("way", Side::Left),
        ("times", Side::Right),
        ("reason", Side::Left),
    ]);
    for failure in failures.iter().take(limit) {
        table.row([
            failure.id.clone(),
            failure.last_at.to_rfc3339(),
            failure.stage.as_str().to_owned(),
            way(failure.pipeline.as_deref(), failure.destination.as_deref()),
            failure.times.to_string(),
            one_line(&failure.reason),
        ]);
    }
    let mut text = table.render(width);
    if failures.len() > limit {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "\n{limit} of {} that are {which}; --limit shows more, and --pipeline, --destination and --stage show some",
            failures.len()
        );
    }
    text
}

/// `contacts → crm`, as far as it is known.
fn way(pipeline: Option<&str>, destination: Option<&str>) -> String {
    match (pipeline, destination) {
        (Some(pipeline), Some(destination)) => format!("{pipeline} → {destination}"),
        (Some(one), None) => one.to_owned(),
        (None, Some(destination)) => format!("→ {destination}"),
        (None, None) => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use shared::{failure::Stage, time::Timestamp};

    use super::*;

    #[test]
    fn the_list_is_cut_to_the_terminal_and_to_the_limit() {
        let failure = |id: &str, pipeline: Option<&str>, destination: Option<&str>| Listed {
            id: id.to_owned(),
            stage: Stage::Deliver,
            standing: Standing::Open,
            reason: "the email\nis invalid".to_owned(),
            pipeline: pipeline.map(str::to_owned),
            destination: destination.map(str::to_owned),
            times: 12,
            first_at: Timestamp::from_millis(0),
            last_at: Timestamp::from_millis(951_782_400_000),
        };
        let failures = [
            failure("contacts/1/2", Some("contacts"), Some("crm")),
            failure("b", None, Some("crm")),
            failure("c", None, None),
        ];
        let open = Some(Standing::Open);
        let expected = "\
id            when                      stage    way             times  reason
contacts/1/2  2000-02-29T00:00:00.000Z  deliver  contacts → crm     12  the email is invalid
b             2000-02-29T00:00:00.000Z  deliver  → crm              12  the email is invalid

2 of 3 that are open; --limit shows more, and --pipeline, --destination and --stage show some
";
        assert_eq!(render(&failures, open, 2, None), expected);
        let cut = render(&failures[..1], open, 2, Some(80));
        assert_eq!(
            cut.lines().nth(1).unwrap(),
            "contacts/1/2  2000-02-29T00:00:00.000Z  deliver  contacts → crm     12  the ema…"
        );
        assert_eq!(render(&[], open, 2, None), "No failure is open.\n");
        assert_eq!(way(Some("contacts"), None), "contacts");
        assert_eq!(way(None, None), "-");
    }
}
