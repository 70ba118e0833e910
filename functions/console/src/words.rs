//! What pipelines are and how they stand, as people say it.

use std::time::Duration;

use shared::{
    destination,
    pipeline::{Known, ManagedBy, Outline, state::PipelineState, timeline::Applies},
    ports::StoredPipeline,
    time::Timestamp,
};

use crate::frame::time;

/// What a pipeline does: `customers → HubSpot: Create or update a contact`. The destination's own name stands beside its
/// vendor's where it says more.
pub fn sentence(document: &str, known: &Known) -> String {
    let Outline { source, destination, action, .. } = Outline::of(document);
    let source = source.unwrap_or_else(|| "an unknown source".to_owned());
    let named = destination.unwrap_or_else(|| "an unknown destination".to_owned());
    let connector = known.destination(&named).and_then(|known| destination::connector(&known.connector).ok());
    let Some(connector) = connector else { return format!("{source} → {named}") };
    let label = action.and_then(|action| connector.action(&action)).map(|action| action.label.clone());
    let letters =
        |text: &str| text.chars().filter(|letter| letter.is_alphanumeric()).collect::<String>().to_lowercase();
    let is_told = letters(&connector.name).starts_with(&letters(&named));
    let to = match connector.slug() {
        // No vendor: its own name says whose it is.
        "webhook" => named,
        _ if is_told => connector.name.clone(),
        _ => format!("{named} ({})", connector.name),
    };
    match label {
        Some(label) => format!("{source} → {to}: {label}"),
        None => format!("{source} → {to}"),
    }
}

/// Whether a pipeline's text lives in a repository, so that it is read-only here.
pub fn is_of_git(document: &str) -> bool {
    Outline::of(document).managed_by == Some(ManagedBy::Git)
}

/// A text with a capital at its beginning.
pub fn beginning(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// How many, of what: `1 failure`, `2,304 changes`.
pub fn count(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(count), if count == 1 { one } else { many })
}

/// A number with commas between thousands.
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let mut text = digits[..first].to_owned();
    for (index, digit) in digits[first..].chars().enumerate() {
        if index % 3 == 0 && !text.is_empty() {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A stretch of time, to one unit: `40 ms`, `12 s`, `5 min`, `3 h`, `2 days`.
pub fn stretch(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{} ms", time.as_millis()),
        1..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// How a pipeline stands, in a sentence.
pub fn standing(state: &PipelineState, now: Timestamp, retention: Duration) -> String {
    if let Some(pause) = &state.pause {
        let until = pause.safe_until(retention);
        let since = format!("Paused by {} since {} UTC.", pause.by, time(pause.since));
        let reason = pause.reason.as_ref().map(|reason| format!(" “{reason}”")).unwrap_or_default();
        let kept = if until <= now {
            format!("Changes older than {} are not kept any more: resume it, or they are lost.", stretch(retention))
        } else {
            format!("Changes made meanwhile are kept until {} UTC, and sent when it is resumed.", time(until))
        };
        return format!("{since}{reason} {kept}");
    }
    if state.replay.is_some() {
        return "Resumed. What was left out meanwhile is being sent, in order.".to_owned();
    }
    match state.timeline.newest() {
        Some(newest) if newest.applies == Applies::Retired => "Out of service.".to_owned(),
        Some(newest) if newest.from > now => match newest.applies {
            Applies::Version(version) => {
                let seconds = until(now, newest.from).as_millis().div_ceil(1_000);
                format!("Live. Version {version} is in effect in {seconds} s.")
            }
            Applies::Paused | Applies::Retired => "Live.".to_owned(),
        },
        _ => "Live.".to_owned(),
    }
}

/// From one time to a later one.
pub fn until(from: Timestamp, to: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(to.millis() - from.millis()).unwrap_or(0))
}

/// The pipelines in service, by name.
pub fn in_service(mut stored: Vec<StoredPipeline>) -> Vec<StoredPipeline> {
    stored.retain(|pipeline| !pipeline.state.is_retired());
    stored.sort_by(|one, other| one.name.cmp(&other.name));
    stored
}

#[cfg(test)]
mod tests {
    use shared::pipeline::KnownDestination;

    use super::*;

    #[test]
    fn a_pipeline_is_a_sentence() {
        let destinations = [("crm", "hubspot"), ("customer_io", "customer_io"), ("warehouse", "webhook")];
        let destinations = destinations.map(|(name, connector)| KnownDestination::new(name, connector)).to_vec();
        let known = Known { destinations, ..Known::default() };
        for (document, expected) in [
            (
                "source = \"customers\"\ndestination = \"crm\"\naction = \"upsert_contact\"",
                "customers → crm (HubSpot): Create or update a contact",
            ),
            ("source = \"customers\"\ndestination = \"crm\"\naction = \"dance\"", "customers → crm (HubSpot)"),
            ("source = \"orders\"\ndestination = \"customer_io\"", "orders → Customer.io"),
            ("source = \"orders\"\ndestination = \"warehouse\"", "orders → warehouse"),
            ("source = \"customers\"\ndestination = \"elsewhere\"", "customers → elsewhere"),
            ("", "an unknown source → an unknown destination"),
        ] {
            assert_eq!(sentence(document, &known), expected);
        }
    }

    #[test]
    fn numbers_and_times_are_read_at_a_glance() {
        for (value, expected) in [(0, "0"), (12, "12"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(number(value), expected);
        }
        assert_eq!(
            (count(1, "failure", "failures"), count(2, "failure", "failures")),
            ("1 failure".into(), "2 failures".into())
        );
        for (millis, expected) in
            [(40, "40 ms"), (12_900, "12 s"), (300_000, "5 min"), (10_800_000, "3 h"), (172_800_000, "2 days")]
        {
            assert_eq!(stretch(Duration::from_millis(millis)), expected);
        }
    }

    #[test]
    fn a_pause_says_until_when_nothing_is_lost() {
        let at = Timestamp::from_millis;
        let (noon, day) = (at(1_782_907_200_000), Duration::from_hours(24));
        let live = PipelineState::default().published(1, noon);
        let paused = live.paused(noon, noon, "Grace", Some("the CRM moves")).unwrap();
        assert_eq!(
            standing(&paused, noon, day),
            "Paused by Grace since 2026-07-01 12:00:00 UTC. “the CRM moves” Changes made meanwhile are kept until \
             2026-07-02 12:00:00 UTC, and sent when it is resumed."
        );
        assert!(standing(&paused, noon + day, day).contains("are not kept any more: resume it"));
        let later = live.published(2, noon + Duration::from_secs(10));
        assert_eq!(standing(&later, noon, day), "Live. Version 2 is in effect in 10 s.");
        let almost = noon + Duration::from_millis(9_642);
        assert_eq!(standing(&later, almost, day), "Live. Version 2 is in effect in 1 s.");
        assert_eq!(standing(&later, noon + day, day), "Live.");
    }
}
