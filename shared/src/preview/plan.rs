//! What switching a pipeline on would mean: deliveries, requests, the vendor's quota, a backfill, dollars; each with its
//! arithmetic.

use std::{collections::BTreeMap, fmt};

use super::{Change, Fate, Preview, Skip, prices};
use crate::{
    delivery::Delivery,
    destination::{Limit, Parcel},
    event::ChangeEvent,
};

/// What is known of a source's traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Traffic {
    /// Change events an hour, of all kinds.
    pub events_an_hour: f64,
    /// How many rows there are to backfill, where it is a table.
    pub rows: Option<u64>,
}

/// What a sample of events came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events in all.
    pub events: u64,
    /// Left out by the filter.
    pub filtered: u64,
    /// Rows that the pipeline has not delivered before.
    pub created: u64,
    /// Rows that it has.
    pub updated: u64,
    /// Rows taken away.
    pub removed: u64,
    /// Events or messages added.
    pub appended: u64,
    /// Not sent, since the destination holds these values already.
    pub unchanged: u64,
    /// Not sent, since nothing has to be: kept, superseded, nothing to remove.
    pub needless: u64,
    /// What would become a failure.
    pub failed: u64,
}

/// How requests of one kind (an action's step) are made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Kind {
    deliveries: u64,
    bytes: u64,
    most: usize,
    most_bytes: usize,
}

/// How much of a vendor's limit would be used.
#[derive(Clone, Debug, PartialEq)]
pub struct Use {
    /// The limit, in words.
    pub limit: String,
    /// The share of it, 1.0 being all.
    pub share: f64,
}

/// The plan.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the sample came to.
    pub counts: Counts,
    traffic: Traffic,
    kinds: BTreeMap<String, Kind>,
    limits: BTreeMap<String, Vec<&'static Limit>>,
    event_bytes: u64,
    delivery_bytes: u64,
    /// New rows that are sent with an e-mail address.
    addressed: u64,
}

impl Plan {
    /// From a sample of the source's events, in their order; `preview` stands before them.
    pub fn of(mut preview: Preview<'_>, events: &[ChangeEvent], traffic: Traffic) -> Self {
        let mut plan = Self {
            counts: Counts::default(),
            traffic,
            kinds: BTreeMap::new(),
            limits: BTreeMap::new(),
            event_bytes: 0,
            delivery_bytes: 0,
            addressed: 0,
        };
        for event in events {
            plan.counts.events += 1;
            plan.event_bytes += json_bytes(event);
            let fate = preview.next(event);
            plan.counts.add(&fate);
            if let Fate::Sent(delivery, ..) | Fate::Skipped(delivery, _) = &fate {
                plan.delivery_bytes += json_bytes(delivery);
            }
            if let Fate::Sent(delivery, ..) = &fate {
                plan.request(&preview, delivery);
            }
            if let Fate::Sent(delivery, Change::Create, _) = &fate
                && preview.destination.email(delivery).is_some()
            {
                plan.addressed += 1;
            }
        }
        plan
    }

    fn request(&mut self, preview: &Preview<'_>, delivery: &Delivery) {
        // What was sent has an operation.
        let Ok(operation) = preview.operation(delivery) else { return };
        let counted = Limit::counted(&delivery.action, delivery.step);
        let limits = || preview.destination.limits(&counted).collect();
        self.limits.entry(counted.clone()).or_insert_with(limits);
        let cap = operation.cap();
        let kind = self.kinds.entry(counted).or_default();
        kind.deliveries += 1;
        // An id of the vendor's is about as long as this.
        let parcel = Parcel { delivery, destination_key: Some("0123456789") };
        kind.bytes += u64::try_from(operation.size_of(&parcel)).unwrap_or(0);
        (kind.most, kind.most_bytes) = (cap.count, cap.bytes);
    }

    /// Deliveries that are sent, of one event on average.
    pub fn sent_share(&self) -> f64 {
        ratio(self.counts.sent(), self.counts.events)
    }

    /// Deliveries that reach the queue, of one event on average: sent, or judged needless by the ledger.
    fn queued_share(&self) -> f64 {
        ratio(self.counts.sent() + self.counts.unchanged + self.counts.needless, self.counts.events)
    }

    /// Requests for so many deliveries an hour of a kind, gathered by a window of a second.
    fn requests_an_hour(&self, kind: &Kind) -> f64 {
        let an_hour = self.traffic.events_an_hour * ratio(kind.deliveries, self.counts.events);
        let batch = (an_hour / 3_600.0).clamp(1.0, kind.batch());
        an_hour / batch
    }

    /// All requests an hour.
    pub fn calls_an_hour(&self) -> f64 {
        self.kinds.values().map(|kind| self.requests_an_hour(kind)).sum()
    }

    /// How much of each of the vendor's limits would be used by the traffic.
    pub fn uses(&self) -> Vec<Use> {
        let mut uses: Vec<Use> = Vec::new();
        for (counted, kind) in &self.kinds {
            let a_second = self.requests_an_hour(kind) / 3_600.0;
            for limit in self.limits.get(counted).into_iter().flatten() {
                let share = a_second * f64::from(limit.seconds) / f64::from(limit.requests);
                let name = format!("{} requests in {} s, {}", limit.requests, limit.seconds, limit.scope);
                match uses.iter_mut().find(|known| known.limit == name) {
                    Some(known) => known.share += share,
                    None => uses.push(Use { limit: name, share }),
                }
            }
        }
        uses
    }

    /// A backfill of all rows: deliveries, requests, and the least seconds that the vendor's limits let it take. `None`
    /// where the rows are not known or none of the sample was sent.
    pub fn backfill(&self) -> Option<(f64, f64, Option<f64>)> {
        let rows = self.traffic.rows?;
        let (counted, kind) = self.kinds.iter().max_by_key(|(_, kind)| kind.deliveries)?;
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let deliveries = rows as f64 * ratio(self.counts.events - self.counts.filtered, self.counts.events);
        let requests = (deliveries / kind.batch()).ceil();
        let slowest = self.limits.get(counted).into_iter().flatten().map(|limit| {
            let allowed = f64::from(limit.requests) * SHARE;
            requests * f64::from(limit.seconds) / allowed
        });
        Some((deliveries, requests, slowest.reduce(f64::max)))
    }

    /// Dollars for a million change events of the source, by their parts.
    pub fn dollars(&self) -> Vec<prices::Part> {
        let calls = if self.traffic.events_an_hour > 0.0 {
            self.calls_an_hour() / self.traffic.events_an_hour
        } else {
            // Nothing is known: the worst, each delivery alone.
            self.sent_share()
        };
        prices::of_a_million(&prices::Shape {
            event_bytes: ratio(self.event_bytes, self.counts.events),
            delivery_bytes: ratio(
                self.delivery_bytes,
                self.counts.sent() + self.counts.unchanged + self.counts.needless,
            ),
            queued: self.queued_share(),
            addressed: ratio(self.addressed, self.counts.events),
            sent: self.sent_share(),
            calls,
            events_a_second: self.traffic.events_an_hour / 3_600.0,
        })
    }
}

/// The share of a vendor's limit that deliver uses unless a destination's `quota_share` says otherwise.
const SHARE: f64 = 0.9;

impl Counts {
    /// Deliveries that are sent.
    pub const fn sent(&self) -> u64 {
        self.created + self.updated + self.removed + self.appended
    }

    fn add(&mut self, fate: &Fate) {
        let count = match fate {
            Fate::Filtered => &mut self.filtered,
            Fate::Failed(..) => &mut self.failed,
            Fate::Skipped(_, Skip::Unchanged) => &mut self.unchanged,
            Fate::Skipped(..) => &mut self.needless,
            Fate::Sent(_, Change::Create, _) => &mut self.created,
            Fate::Sent(_, Change::Update, _) => &mut self.updated,
            Fate::Sent(_, Change::Remove, _) => &mut self.removed,
            Fate::Sent(_, Change::Append, _) => &mut self.appended,
        };
        *count += 1;
    }
}

impl Kind {
    /// How many deliveries a full request holds, by count and by bytes.
    fn batch(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let (most, bytes) = (self.most as f64, self.most_bytes as f64);
        let each = ratio(self.bytes, self.deliveries).max(1.0);
        most.min(bytes / each).floor().max(1.0)
    }
}

fn json_bytes(value: &impl serde::Serialize) -> u64 {
    serde_json::to_vec(value).map_or(0, |json| u64::try_from(json.len()).unwrap_or(0))
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn ratio(part: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { part as f64 / of as f64 }
}

impl fmt::Display for Plan {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { events, filtered, created, updated, removed, appended, unchanged, needless, failed } = self.counts;
        writeln!(out, "Of {events} events of the source:")?;
        for (count, what) in [
            (filtered, "filtered"),
            (created, "create a row"),
            (updated, "update a row"),
            (removed, "take a row away"),
            (appended, "add an event or a message"),
            (unchanged, "unchanged, not sent"),
            (needless, "not sent, since nothing has to be"),
            (failed, "would fail"),
        ] {
            if count > 0 {
                writeln!(out, "  {count:>7}  {what}")?;
            }
        }
        let an_hour = self.traffic.events_an_hour;
        writeln!(out, "\nDeliveries and requests, at {} events an hour:", short(an_hour))?;
        writeln!(
            out,
            "  {} × {} of {events} = {} deliveries an hour",
            short(an_hour),
            self.counts.sent(),
            short(an_hour * self.sent_share())
        )?;
        for (counted, kind) in &self.kinds {
            writeln!(
                out,
                "  {counted}: {} requests an hour; a request holds up to {} deliveries of {} bytes, gathered for a second",
                short(self.requests_an_hour(kind)),
                short(kind.batch()),
                short(ratio(kind.bytes, kind.deliveries))
            )?;
        }
        writeln!(out, "\nThe vendor's quota:")?;
        let uses = self.uses();
        if uses.is_empty() {
            writeln!(out, "  the connector's file has no limit")?;
        }
        for Use { limit, share } in uses {
            writeln!(out, "  {:>6.2} % of {limit}", share * 100.0)?;
        }
        if let (Some((deliveries, requests, seconds)), Some(rows)) = (self.backfill(), self.traffic.rows) {
            writeln!(out, "\nA backfill of {rows} rows:")?;
            let lasts = seconds.map_or_else(
                || "no limit is known, so the vendor's speed decides".to_owned(),
                |seconds| format!("at least {} at nine tenths of the vendor's limit", span(seconds)),
            );
            writeln!(out, "  {} deliveries in {} requests: {lasts}", short(deliveries), short(requests))?;
        }
        let parts = self.dollars();
        writeln!(out, "\nDollars for a million change events (list prices of us-east-1, without the free tier):")?;
        for part in &parts {
            writeln!(out, "  {:>8.3}  {}: {}", part.dollars, part.what, part.arithmetic)?;
        }
        let total: f64 = parts.iter().map(|part| part.dollars).sum();
        writeln!(out, "  {total:>8.3}  in all; {}", prices::FIXED)
    }
}

/// A number for reading: no digit that an estimate does not have.
fn short(number: f64) -> String {
    if number >= 100.0 || number.fract() == 0.0 { format!("{number:.0}") } else { format!("{number:.1}") }
}

fn span(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 120.0 => format!("{} seconds", short(seconds.ceil())),
        seconds if seconds < 7_200.0 => format!("{} minutes", short((seconds / 60.0).ceil())),
        seconds => format!("{} hours", short((seconds / 3_600.0).ceil())),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::{
        super::tests::{IN, OUT, PAYS_MORE, crm, event, pipeline},
        *,
    };

    const PIPELINE: &str = r#"
name = "contacts"
source = "customers"
destination = "crm"
action = "upsert_contact"
when = "after.consent"
[fields]
email = "after.email"
"#;

    fn plan(traffic: Traffic) -> Plan {
        let (pipeline, crm) = (pipeline(PIPELINE), crm());
        let events = [
            event(1, "a", None, Some(IN)),
            event(2, "b", None, Some(OUT)),
            event(3, "a", Some(IN), Some(IN)),
            event(4, "a", Some(IN), Some(PAYS_MORE)),
        ];
        Plan::of(Preview::new(&pipeline, &crm, HashMap::new()), &events, traffic)
    }

    #[test]
    fn a_sample_is_counted() {
        let counts = plan(Traffic::default()).counts;
        let expected = Counts { events: 4, filtered: 1, created: 1, updated: 1, unchanged: 1, ..Counts::default() };
        assert_eq!(counts, expected);
    }

    #[test]
    fn requests_hold_what_a_second_brings() {
        // One event a second: nothing shares a request, and half of the events are sent.
        let slow = plan(Traffic { events_an_hour: 3_600.0, rows: None });
        assert!((slow.calls_an_hour() - 1_800.0).abs() < 1e-6, "{}", slow.calls_an_hour());
        // A thousand a second: a request holds a hundred, HubSpot's cap.
        let fast = plan(Traffic { events_an_hour: 3_600_000.0, rows: None });
        assert!((fast.calls_an_hour() - 18_000.0).abs() < 1e-6, "{}", fast.calls_an_hour());
        // Five requests a second, where HubSpot's smallest plan has a hundred in ten seconds and 250,000 a day.
        let uses = fast.uses();
        let shares: Vec<_> = uses.iter().map(|used| (used.share * 1_000.0).round()).collect();
        assert_eq!(shares, [500.0, 1_728.0], "{uses:?}");
    }

    #[test]
    fn a_backfill_takes_as_long_as_the_vendor_lets_it() {
        let plan = plan(Traffic { events_an_hour: 0.0, rows: Some(1_000_000) });
        let (deliveries, requests, seconds) = plan.backfill().unwrap();
        // Three of four are not filtered; a hundred share a request.
        assert!((deliveries - 750_000.0).abs() < 1e-6 && (requests - 7_500.0).abs() < 1e-6, "{deliveries} {requests}");
        // Nine tenths of 250,000 a day are slower than nine tenths of a hundred in ten seconds.
        assert_eq!(seconds.map(f64::round), Some(2_880.0));
        assert_eq!(self::plan(Traffic::default()).backfill(), None);
    }

    #[test]
    fn the_parts_of_the_price_are_what_they_say() {
        let dollars = plan(Traffic { events_an_hour: 3_600.0, rows: None }).dollars();
        let ledger = dollars.iter().find(|part| part.what == "ledger").unwrap();
        // Three of four events reach the queue; each is a read and a write.
        assert!((ledger.dollars - 0.75 * 0.75).abs() < 1e-9, "{ledger:?}");
        // One of four is a new row, sent with an address.
        let index = dollars.iter().find(|part| part.what == "ledger's index").unwrap();
        assert!((index.dollars - 0.25 * 0.625).abs() < 1e-9, "{index:?}");
        assert!(dollars.iter().all(|part| part.dollars > 0.0), "{dollars:?}");
    }
}
