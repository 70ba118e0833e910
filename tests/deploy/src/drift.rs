//! What a second plan shows though nothing has changed: the emulator's own drift, and nothing else.

use crate::terraform::Change;

/// Attributes that ministack does not give back as they were set, by the resource's type: now and then it answers
/// `DescribeAlarms` without most of an alarm, or forgets a stream's tags.
const OF_THE_EMULATOR: &[(&str, &[&str])] = &[
    (
        "aws_cloudwatch_metric_alarm",
        &["actions_enabled", "alarm_description", "dimensions", "period", "statistic", "treat_missing_data"],
    ),
    ("aws_kinesis_stream", &["tags", "tags_all"]),
];

/// The changes that are not the emulator's own.
pub fn unexpected(changes: &[Change]) -> Vec<&Change> {
    changes.iter().filter(|change| !is_of_the_emulator(change)).collect()
}

fn is_of_the_emulator(change: &Change) -> bool {
    let allowed = OF_THE_EMULATOR.iter().find(|(kind, _)| *kind == change.kind).map_or(&[][..], |(_, names)| names);
    change.actions == ["update"] && change.attributes.iter().all(|name| allowed.contains(&name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_listed_is_let_through() {
        let change = |kind: &str, action: &str, attributes: &[&str]| Change {
            kind: kind.to_owned(),
            address: "a".to_owned(),
            actions: vec![action.to_owned()],
            attributes: attributes.iter().map(|name| (*name).to_owned()).collect(),
        };
        let changes = [
            change("aws_cloudwatch_metric_alarm", "update", &["dimensions", "period"]),
            change("aws_cloudwatch_metric_alarm", "update", &["period", "threshold"]),
            change("aws_kinesis_stream", "update", &["shard_count", "tags"]),
            change("aws_cloudwatch_metric_alarm", "delete", &["period"]),
            change("aws_sqs_queue", "update", &["period"]),
        ];
        assert_eq!(unexpected(&changes), [&changes[1], &changes[2], &changes[3], &changes[4]]);
    }
}
