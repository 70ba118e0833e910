//! What each kind of failure means, and what is done then.

use std::collections::BTreeSet;

use shared::destination::Connector;
use toml::Spanned;

use super::writer::Writer;

/// The part of the page.
pub fn failures(page: &mut Writer, connector: &Connector) {
    let statuses = &connector.statuses;
    page.heading("## When something fails");
    page.item(&format!(
        "{}: the secret, or what it may do, is not accepted. It is read once more; if that does not help, the queue \
         holds, is tried again every five minutes and loses nothing, and the alarm `unauthorised` rings.",
        listed("401", &statuses.unauthorised)
    ));
    page.item(&format!("429: too much in too little time. {}", wait(connector)));
    page.item(&format!(
        "{}, 5xx, no answer: it passes. The lane waits, from a second to an hour, and tries again; every lane waits \
         where the answer has Retry-After. A redirect is not followed, and waits too: set the address.",
        listed("408, 425", &statuses.retry)
    ));
    page.item(
        "Five times in a row 5xx or no answer: nothing is sent but one probe, after seconds, then up to five minutes, until \
         the vendor answers.",
    );
    page.item(
        "Any other 4xx for several: those that the answer names become failures, and the others go again; where it names \
         none, halves go again until what is wrong stands alone.",
    );
    page.item(
        "Any other 4xx for one: it becomes a failure with the vendor's words, and the lane moves on. `freshet failures \
         list` shows it; mend the row or the pipeline, then `freshet failures redrive`.",
    );
}

/// The usual ones and the vendor's own.
fn listed(usual: &str, own: &[Spanned<u16>]) -> String {
    own.iter().fold(usual.to_owned(), |list, status| format!("{list}, {}", status.get_ref()))
}

/// How long after a 429.
fn wait(connector: &Connector) -> String {
    let resets = connector.limits.iter().filter_map(|limit| limit.reset.as_ref());
    let headers: BTreeSet<&str> = resets.map(|reset| reset.header.as_str()).collect();
    let reset = headers.into_iter().fold(String::new(), |list, header| format!("{list} or `{header}`"));
    format!(
        "Every lane waits until the time in `retry-after`{reset}, at most twelve hours; without one the lane waits, from \
         a second to an hour."
    )
}
