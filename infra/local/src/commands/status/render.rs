//! The status as text.

use std::fmt::Write as _;

use super::{MINUTES, Status};
use crate::commands::table::{Side, Table};

/// The status for people.
pub fn render(status: &Status) -> String {
    let mut text = format!("{}, the last {MINUTES} minutes\n\n", status.stack);
    let mut pipelines = Table::new([
        ("pipeline", Side::Left),
        ("version", Side::Right),
        ("matched", Side::Right),
        ("delivered", Side::Right),
        ("unchanged", Side::Right),
        ("superseded", Side::Right),
        ("failed", Side::Right),
        ("put off", Side::Right),
        ("freshness", Side::Right),
        ("open failures", Side::Right),
    ]);
    for (name, pipeline) in &status.pipelines {
        let counts = [
            pipeline.matched,
            pipeline.delivered,
            pipeline.unchanged,
            pipeline.superseded,
            pipeline.failed,
            pipeline.put_off,
        ];
        let version = pipeline.version.map_or_else(|| "-".to_owned(), |version| version.to_string());
        let cells = [name.clone(), version].into_iter().chain(counts.map(|count| count.to_string()));
        pipelines.row(cells.chain([duration(pipeline.mean_freshness_ms), pipeline.failures_open.to_string()]));
    }
    if pipelines.is_empty() {
        text.push_str("No pipeline is live; `freshet pipelines push <folder>` makes some so.\n");
    } else {
        text.push_str(&pipelines.render(None));
    }
    let mut destinations = Table::new([
        ("destination", Side::Left),
        ("connector", Side::Left),
        ("queued", Side::Right),
        ("in flight", Side::Right),
        ("dead letters", Side::Right),
        ("delivered", Side::Right),
        ("freshness", Side::Right),
        ("open failures", Side::Right),
    ]);
    for (name, destination) in &status.destinations {
        destinations.row([
            name.clone(),
            destination.connector.clone(),
            destination.waiting.to_string(),
            destination.in_flight.to_string(),
            destination.dead_letters.to_string(),
            destination.delivered.to_string(),
            duration(destination.mean_freshness_ms),
            destination.failures_open.to_string(),
        ]);
    }
    if !destinations.is_empty() {
        text.push('\n');
        text.push_str(&destinations.render(None));
    }
    let all =
        status.failures_of_no_pipeline + status.pipelines.values().map(|pipeline| pipeline.failures_open).sum::<u64>();
    if all > 0 {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{all} {} open", if all == 1 { "failure is" } else { "failures are" });
        if status.failures_of_no_pipeline > 0 {
            let _ = write!(text, ", {} of them of no pipeline", status.failures_of_no_pipeline);
        }
        text.push_str(": `freshet failures list` shows them.\n");
    }
    text
}

/// `850 ms`, `2.0 s`, `3 min 20 s`, `5 h 0 min`; a dash for none.
fn duration(milliseconds: Option<u64>) -> String {
    let Some(milliseconds) = milliseconds else { return "-".to_owned() };
    let seconds = milliseconds / 1_000;
    match milliseconds {
        0..1_000 => format!("{milliseconds} ms"),
        1_000..60_000 => format!("{seconds}.{} s", milliseconds % 1_000 / 100),
        60_000..3_600_000 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_readable() {
        let expected = "\
shop, the last 15 minutes

pipeline  version  matched  delivered  unchanged  superseded  failed  put off  freshness  open failures
contacts        3       45         30          4           3       3        8      2.0 s              2
old             -        0         10          0           0       0        0     200 ms              0

destination  connector  queued  in flight  dead letters  delivered  freshness  open failures
crm          hubspot         7          2             1         40      1.5 s              1
hook         webhook         0          0             0          0          -              0

3 failures are open, 1 of them of no pipeline: `freshet failures list` shows them.
";
        assert_eq!(render(&super::super::tests::example()), expected);
    }

    #[test]
    fn an_empty_stack_says_what_to_do() {
        let status = Status { stack: "shop".to_owned(), ..Status::default() };
        let expected =
            "shop, the last 15 minutes\n\nNo pipeline is live; `freshet pipelines push <folder>` makes some so.\n";
        assert_eq!(render(&status), expected);
    }

    #[test]
    fn durations_have_two_places() {
        for (milliseconds, text) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_000, "1.0 s"),
            (59_999, "59.9 s"),
            (200_000, "3 min 20 s"),
            (18_000_000, "5 h 0 min"),
        ] {
            assert_eq!(duration(Some(milliseconds)), text);
        }
        assert_eq!(duration(None), "-");
    }
}
