//! What a document would do with records, by the functions' own code: what a page shows of it is what will happen.

use std::sync::Arc;

use shared::{
    delivery::Step,
    destination::{self, Destination},
    event::ChangeEvent,
    pipeline::{Known, Pipeline, Review, review},
    ports::{Ledger as _, PortError, Schemas as _},
    preview::{Change, Fate, Preview, Skip, look_up},
    value::Value,
};

use crate::{Console, World, records::Records};

/// A document, tried.
#[derive(Debug)]
pub struct Trial {
    /// What it says, and what is wrong with it.
    pub review: Review,
    /// What would become of each record, in their order; nothing where the document says too little.
    pub fates: Vec<Fate>,
    /// The records.
    pub events: Arc<Vec<ChangeEvent>>,
}

/// What became of some records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// They would be sent, or need not be.
    pub fine: u64,
    /// The filter leaves them out.
    pub left_out: u64,
    /// They would fail.
    pub failing: u64,
}

impl Trial {
    /// Whether it can be published.
    pub fn is_right(&self) -> bool {
        self.review.pipeline.is_some() && self.review.problems.is_empty()
    }

    /// What became of the records in all.
    pub fn sums(&self) -> Sums {
        self.fates.iter().fold(Sums::default(), |sums, fate| match fate {
            Fate::Filtered => Sums { left_out: sums.left_out + 1, ..sums },
            Fate::Skipped(..) | Fate::Sent(..) => Sums { fine: sums.fine + 1, ..sums },
            Fate::Failed(..) => Sums { failing: sums.failing + 1, ..sums },
        })
    }

    /// The records that would fail, newest first, each with its reason.
    pub fn failing(&self) -> impl Iterator<Item = (&ChangeEvent, &str)> {
        self.events.iter().zip(&self.fates).rev().filter_map(|(event, fate)| match fate {
            Fate::Failed(_, reason) => Some((event, reason.as_str())),
            Fate::Filtered | Fate::Skipped(..) | Fate::Sent(..) => None,
        })
    }

    /// The place of a record: that of this id, else the newest that would be sent, else the newest whose values an earlier
    /// change brings, else the newest that is there.
    pub fn place(&self, id: Option<&str>) -> Option<usize> {
        let newest = |is_it: &dyn Fn(usize) -> bool| (0..self.events.len()).rev().find(|place| is_it(*place));
        let is_sent = |fate: &Fate| matches!(fate, Fate::Sent(delivery, ..) if delivery.step == Step::Apply);
        let is_unchanged =
            |fate: &Fate| matches!(fate, Fate::Skipped(delivery, Skip::Unchanged) if delivery.step == Step::Apply);
        id.and_then(|id| self.events.iter().position(|event| event.id == id))
            .or_else(|| newest(&|place| self.fates.get(place).is_some_and(is_sent)))
            .or_else(|| newest(&|place| self.fates.get(place).is_some_and(is_unchanged)))
            .or_else(|| newest(&|place| self.events.get(place).is_some_and(|event| event.after.is_some())))
            .or_else(|| self.events.len().checked_sub(1))
    }
}

impl<W: World> Console<W> {
    /// What pipelines can name, and the fields of the sources as far as they can be told now.
    pub async fn known(&self) -> Known {
        let mut known = self.settings.known.clone();
        match self.world.schemas().schemas().await {
            Ok(schemas) => known.learn(schemas.iter().map(|(source, (_, schema))| (source.as_str(), schema))),
            Err(error) => tracing::warn!("what is known of the sources' fields could not be read: {error}"),
        }
        known
    }

    /// Tries a document on records. Nothing is sent.
    pub async fn trial(&self, document: &str, known: &Known, records: &Records) -> Result<Trial, PortError> {
        let review =
            review(document, known, &|file| Err(format!("{file} is beside the pipeline's file, and not here")));
        let events = Arc::clone(&records.events);
        let Some((pipeline, destination)) =
            review.pipeline.as_ref().and_then(|pipeline| Some((pipeline, destination_of(pipeline, known)?)))
        else {
            return Ok(Trial { review, fates: Vec::new(), events });
        };
        let rows = look_up(pipeline, &events, self.world.lookups()).await?;
        let keys: Vec<_> = events.iter().filter_map(|event| Preview::key_of(pipeline, event, &rows)).collect();
        let held = self.world.ledger().read(&keys).await?;
        let mut preview = Preview::new(pipeline, &destination, held).with_rows(rows);
        let fates = events.iter().map(|event| preview.next(event)).collect();
        Ok(Trial { review, fates, events })
    }
}

/// The destination of a pipeline, with its settings.
pub fn destination_of(pipeline: &Pipeline, known: &Known) -> Option<Destination> {
    let named = known.destination(&pipeline.destination)?;
    let settings = named.settings.clone().unwrap_or_default();
    destination::connector(&named.connector).ok()?.configure(&named.name, &settings).ok()
}

/// What would become of a record, in a sentence.
pub fn told(fate: &Fate, vendor: &str) -> String {
    match fate {
        Fate::Filtered => "It is left out: it is not among the changes that this pipeline takes.".to_owned(),
        Fate::Failed(_, reason) => format!("It would fail: {reason}"),
        Fate::Skipped(_, Skip::Unchanged) => {
            format!("Nothing is sent: an earlier change brings {vendor} the same values.")
        }
        Fate::Skipped(_, Skip::Kept) => {
            format!("Nothing is sent: the record has left the filter, and what {vendor} holds is kept.")
        }
        Fate::Skipped(_, Skip::Superseded) => {
            "Nothing is sent: a newer change of the same record is among these.".to_owned()
        }
        Fate::Skipped(_, Skip::Nothing) => format!("Nothing is sent: {vendor} has nothing that could be taken away."),
        Fate::Sent(_, Change::Create, _) => format!("It would be created in {vendor}."),
        Fate::Sent(_, Change::Update, _) => format!("It would be updated in {vendor}."),
        Fate::Sent(_, Change::Append, _) => format!("It would be added in {vendor}."),
        Fate::Sent(delivery, Change::Remove, _) => {
            format!("In {vendor} this would be done with it: {}.", delivery.step.as_str())
        }
    }
}

/// The fields of a record or a delivery by their paths, each with its value as people read it. Lists stay whole.
pub fn flat(value: &Value) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    flatten(value, "", &mut fields);
    fields
}

fn flatten(value: &Value, above: &str, fields: &mut Vec<(String, String)>) {
    match value {
        Value::Object(object) if above.is_empty() || !object.is_empty() => {
            for (name, value) in object {
                let path = if above.is_empty() { name.to_string() } else { format!("{above}.{name}") };
                flatten(value, &path, fields);
            }
        }
        value => fields.push((above.to_owned(), read(value))),
    }
}

/// A value as people read it: a text without quotes.
pub fn read(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_json(), str::to_owned)
}
