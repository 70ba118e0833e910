//! One action's step at a destination: what fits into a request, the request, and what the answer means.

use super::{
    answer::{self, Answered},
    codec::Message,
    configure::{Destination, Prepared},
    descriptor::{Mode, Shape, Values},
    template::{Placeholder, text_of},
};
use crate::{
    delivery::{Delivery, Outcome, Step, Told},
    digest,
    failure::Sent,
    ports::{HttpRequest, HttpResponse},
    time::Timestamp,
    value::{Object, Value},
};

/// A delivery, with what the ledger knows of its row.
#[derive(Clone, Copy, Debug)]
pub struct Parcel<'a> {
    /// The delivery.
    pub delivery: &'a Delivery,
    /// The vendor's own id of the row, from the ledger.
    pub destination_key: Option<&'a str>,
}

/// What one request can hold. A parcel that alone is more than `bytes` travels alone: only the vendor can say that it is
/// too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cap {
    /// The most parcels.
    pub count: usize,
    /// The most bytes of [`Operation::size_of`], summed.
    pub bytes: usize,
    /// Several deliveries of one key may share a request, since the vendor reads it in order.
    pub same_key: bool,
}

/// Whether a delivery can be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// It can.
    Send,
    /// There is nothing to do at the vendor: a row to remove of which the vendor never told an id, or that is removed
    /// already.
    Nothing,
    /// It never can, whatever the vendor says. Why, and what to do.
    Reject(String),
}

/// A request cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The secret is missing, or no such secret can be sent: the destination has to pause, nothing is wrong with the
    /// deliveries.
    #[error("{0}")]
    Secret(String),
    /// A parcel that [`Operation::check`] would have refused.
    #[error("delivery {index} of the batch cannot be sent: {reason}")]
    Parcel {
        /// Its place among the parcels.
        index: usize,
        /// Why.
        reason: String,
    },
}

/// One action's step at a destination, from [`Destination::operation`].
#[derive(Clone, Copy, Debug)]
pub struct Operation<'a> {
    pub(super) destination: &'a Destination,
    pub(super) prepared: &'a Prepared,
}

impl Operation<'_> {
    /// Whether repeats replace or add.
    pub const fn mode(&self) -> Mode {
        self.prepared.action.mode
    }

    /// What one request can hold.
    pub const fn cap(&self) -> Cap {
        let (before, behind) = &self.prepared.around;
        Cap {
            count: self.prepared.count,
            bytes: self.prepared.request.bytes.saturating_sub(before.len() + behind.len()),
            // Of an upsert the vendor takes one a row: which of two counts would be its choice.
            same_key: matches!(self.prepared.action.mode, Mode::Append)
                && matches!(self.prepared.shape, Shape::Array | Shape::Ndjson),
        }
    }

    /// By what the vendor tells the row: parcels of equal identity must not share a request, even where their keys at
    /// the source differ (two customers with one e-mail address). `None` where the vendor tells none apart.
    pub fn identity(&self, parcel: &Parcel<'_>) -> Option<String> {
        let by_key = self.prepared.request.item.get_ref().placeholders().contains(&&Placeholder::DestinationKey);
        let text = if by_key { parcel.destination_key.map(str::to_owned) } else { self.matched(parcel) }?;
        // Vendors compare without case, mostly; where one does not, a request more is no harm.
        Some(answer::fold(&text))
    }

    /// Whether the parcel can be sent.
    pub fn check(&self, parcel: &Parcel<'_>) -> Check {
        let action = self.prepared.action;
        let placeholders = self.prepared.request.item.get_ref().placeholders();
        if placeholders.contains(&&Placeholder::DestinationKey) && parcel.destination_key.is_none() {
            return Check::Nothing;
        }
        let fields = &parcel.delivery.fields;
        let is_row = |placeholder: &&Placeholder| {
            matches!(placeholder, Placeholder::Fields | Placeholder::OtherFields | Placeholder::Field(_))
        };
        let has_row = placeholders.iter().any(is_row);
        let is_matched = has_row || placeholders.contains(&&Placeholder::Match);
        if let Some(name) = self.prepared.match_field.as_deref().filter(|_| is_matched)
            && self.matched(parcel).is_none_or(|text| text.trim().is_empty())
        {
            let vendor = &self.destination.connector.name;
            return Check::Reject(match fields.get(name) {
                None => format!(
                    "{vendor} tells rows by {name:?}, which the pipeline does not send: it does not map it, or the value \
                     is null and left out by on_null; add {name} to its [fields], or filter such rows out with `when`"
                ),
                Some(value) => format!(
                    "{vendor} tells rows by {name:?}, and here it is {}; give the row a value at the source, or filter \
                     such rows out with `when`",
                    if matches!(value, Value::String(_)) { "empty" } else { value.kind() }
                ),
            });
        }
        if !has_row {
            return Check::Send;
        }
        for field in action.fields.iter().filter(|field| field.required) {
            if fields.get(&*field.name).is_none_or(|value| *value == Value::Null) {
                return Check::Reject(format!(
                    "the field {:?} is required and has no value; map it in the pipeline's [fields], give the row a value \
                     at the source, or filter such rows out with `when`",
                    field.name
                ));
            }
        }
        match self.fields(parcel, |_| true) {
            Ok(_) => Check::Send,
            Err(reason) => Check::Reject(reason),
        }
    }

    /// The parcel's share of a body, in bytes, with what parts it from the next.
    pub fn size_of(&self, parcel: &Parcel<'_>) -> usize {
        self.item(parcel).map_or(0, |item| item.len() + 1)
    }

    /// The request for these parcels, made at `now`; at most [`Operation::cap`] of them. It holds the secret.
    pub fn render(
        &self,
        parcels: &[Parcel<'_>],
        secret: Option<&str>,
        now: Timestamp,
    ) -> Result<HttpRequest, RenderError> {
        let mut body = self.prepared.around.0.clone();
        for (index, parcel) in parcels.iter().enumerate() {
            if index > 0 && self.prepared.shape == Shape::Array {
                body.push(',');
            }
            body.push_str(&self.item(parcel).map_err(|reason| RenderError::Parcel { index, reason })?);
            if self.prepared.shape == Shape::Ndjson {
                body.push('\n');
            }
        }
        body.push_str(&self.prepared.around.1);
        let content_type = match self.prepared.shape {
            Shape::Single | Shape::Array => "application/json",
            Shape::Ndjson => "application/x-ndjson",
        };
        let mut headers = self.destination.headers.clone();
        if !headers.iter().any(|(name, _)| name == "content-type") {
            headers.push(("content-type".to_owned(), content_type.to_owned()));
        }
        let ids: Vec<_> = parcels.iter().map(|parcel| parcel.delivery.id.as_str()).collect();
        let credentials = self.destination.credentials(secret, &Message { ids: &ids, body: &body, at: now })?;
        if let Some(name) = &self.prepared.request.idempotency_header {
            let mut key = digest::hex(ids.join("\n").as_bytes());
            key.truncate(32);
            headers.push((name.clone(), key));
        }
        headers.extend(credentials.headers);
        Ok(HttpRequest {
            method: self.prepared.request.method.as_str().to_owned(),
            url: with_query(&self.prepared.url, credentials.query.as_deref()),
            headers,
            body: body.into_bytes(),
        })
    }

    /// The request of this parcel alone, without what proves who sends it: for a person who looks at a failure. `None`
    /// where it cannot be made.
    pub fn alone(&self, parcel: &Parcel<'_>) -> Option<Sent> {
        let (before, behind) = &self.prepared.around;
        let body = format!("{before}{}{behind}", self.item(parcel).ok()?);
        // A person's own address may have a token in its query.
        let url = self.prepared.url.split('?').next().unwrap_or_default();
        Some(Sent::new(self.prepared.request.method.as_str(), url, &body))
    }

    /// The answer without the secret, which some vendors repeat in their errors: an answer is kept with the failure and
    /// its words are logged. To be called before [`Operation::read`].
    pub fn redact(&self, response: HttpResponse, secret: Option<&str>) -> HttpResponse {
        self.destination.redact(response, secret)
    }

    /// What became of each parcel, in their order.
    pub fn read(&self, parcels: &[Parcel<'_>], response: &HttpResponse, now: Timestamp) -> Vec<Answered> {
        let answered = answer::read(self, parcels, response, now);
        parcels.iter().zip(answered).map(|(parcel, answered)| self.keyed(parcel, answered)).collect()
    }

    /// With the match field's value as the row's id, where the vendor has none of its own.
    pub(super) fn keyed(&self, parcel: &Parcel<'_>, answered: Answered) -> Answered {
        match answered {
            Answered::Ended(Outcome::Delivered(Told { destination_key: None, created }))
                if self.prepared.action.match_is_key && self.prepared.step == Step::Apply =>
            {
                Answered::Ended(Outcome::Delivered(Told { destination_key: self.matched(parcel), created }))
            }
            answered => answered,
        }
    }

    /// What happens to each of the `parcels` of a request that could not be rendered: one that cannot be sent must not
    /// take the others with it, so each is sent alone then.
    pub fn unsent(error: &RenderError, parcels: usize) -> Answered {
        match error {
            RenderError::Secret(reason) => Answered::Ended(Outcome::Unauthorised { reason: reason.clone() }),
            RenderError::Parcel { .. } if parcels > 1 => Answered::SendAlone,
            RenderError::Parcel { reason, .. } => {
                Answered::Ended(Outcome::Rejected { reason: reason.clone(), answer: None })
            }
        }
    }

    /// The parcel's JSON.
    fn item(&self, parcel: &Parcel<'_>) -> Result<String, String> {
        let delivery = parcel.delivery;
        let template = self.prepared.request.item.get_ref();
        let item = template.render(&mut |placeholder| {
            Ok(Some(match placeholder {
                Placeholder::Setting(name) => {
                    Value::from(self.destination.settings.get(name).map(String::as_str).unwrap_or_default())
                }
                Placeholder::Match => {
                    Value::String(self.matched(parcel).ok_or_else(|| "the match field has no value".to_owned())?)
                }
                Placeholder::DestinationKey => Value::from(
                    parcel.destination_key.ok_or_else(|| "the vendor's id of the row is not known".to_owned())?,
                ),
                Placeholder::Trace => Value::String(trace_of(delivery)),
                Placeholder::Fields => Value::Object(self.fields(parcel, |_| true)?),
                Placeholder::Field(name) => match delivery.fields.get(&**name) {
                    Some(value) => self.written(name, self.kept(name, value))?,
                    None => return Ok(None),
                },
                Placeholder::OtherFields => {
                    let placed = template.placeholders();
                    let is_placed = |name: &str| {
                        placed.iter().any(|other| matches!(other, Placeholder::Field(field) if field == name))
                    };
                    Value::Object(self.fields(parcel, |name| !is_placed(name))?)
                }
                Placeholder::Id => Value::from(delivery.id.as_str()),
                Placeholder::Type => Value::String(type_of(delivery)),
                Placeholder::OccurredAt => Value::String(delivery.occurred_at.to_rfc3339()),
                Placeholder::OccurredAtSeconds => Value::from(delivery.occurred_at.seconds()),
                Placeholder::Items | Placeholder::Job => return Err("an item is one delivery".to_owned()),
            }))
        })?;
        let nothing = || "the pipeline maps no field of this action, so there is nothing to send".to_owned();
        item.map(|item| item.to_json()).ok_or_else(nothing)
    }

    /// Those of the mapped fields that are wanted, as the vendor takes them.
    fn fields(&self, parcel: &Parcel<'_>, wanted: impl Fn(&str) -> bool) -> Result<Object, String> {
        let fields = parcel.delivery.fields.iter().filter(|(name, _)| wanted(name));
        fields.map(|(name, value)| Ok((name.clone(), self.written(name, self.kept(name, value))?))).collect()
    }

    /// The value itself; for a row that is cleared, null, except where the vendor needs it to find the row.
    fn kept<'v>(&self, name: &str, value: &'v Value) -> &'v Value {
        const NULL: &Value = &Value::Null;
        let finds = || {
            self.prepared.match_field.as_deref() == Some(name)
                || self.prepared.action.field(name).is_some_and(|field| field.required)
        };
        if self.prepared.step == Step::Clear && !finds() { NULL } else { value }
    }

    /// A mapped field's value as the vendor takes it.
    fn written(&self, name: &str, value: &Value) -> Result<Value, String> {
        let format = self.prepared.action.field(name).and_then(|field| field.format);
        if let Some(format) = format {
            let wrong = |reason| format!("the field {name:?} {reason}");
            return format.write(value).map_err(wrong);
        }
        match self.prepared.action.values {
            Values::Json => {
                let is_text = self.prepared.action.field(name).is_some_and(|field| field.r#type.is_text());
                let text = text_of(value).filter(|_| is_text && matches!(value, Value::Number(_) | Value::Bool(_)));
                Ok(text.map_or_else(|| value.clone(), Value::String))
            }
            Values::Text => text_of(value).map(Value::String).ok_or_else(|| {
                format!(
                    "the field {name:?} is {}, and {} takes text; map one value of it, or join it to a text, as in \
                     `after.tags | join(';')`",
                    value.kind(),
                    self.destination.connector.name
                )
            }),
        }
    }

    /// The text by which the vendor tells the row.
    pub(super) fn matched(&self, parcel: &Parcel<'_>) -> Option<String> {
        let value = parcel.delivery.fields.get(self.prepared.match_field.as_deref()?)?;
        text_of(value)
    }
}

/// An address with one more parameter.
pub(super) fn with_query(url: &str, query: Option<&str>) -> String {
    match query {
        Some(query) if url.contains('?') => format!("{url}&{query}"),
        Some(query) => format!("{url}?{query}"),
        None => url.to_owned(),
    }
}

/// The same for every attempt of a delivery, different for any other, and short: half of a SHA-256, in hexadecimal.
pub(super) fn trace_of(delivery: &Delivery) -> String {
    let mut digest = digest::hex(delivery.id.as_bytes());
    digest.truncate(32);
    digest
}

/// `<source>.<op>`, as in `orders.create`.
fn type_of(delivery: &Delivery) -> String {
    format!("{}.{}", delivery.source, delivery.op.as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        delivery::Removes,
        destination::{Connector, Destination, connector, connectors},
        event::Op,
        key::Key,
        position::Position,
    };

    fn destination(slug: &str, settings: &str) -> Destination {
        let Value::Object(settings) = Value::from_json(settings.as_bytes()).unwrap() else { panic!("{settings}") };
        connector(slug).unwrap().configure("there", &settings).unwrap()
    }

    fn delivery(number: u32, fields: &str) -> Delivery {
        Delivery {
            id: format!("p/s/1/{number}"),
            pipeline: "p".into(),
            version: 1,
            source: "s".into(),
            op: Op::Create,
            key: Key::single("id", i64::from(number)),
            epoch: 1,
            position: Position::parse(&number.to_string()).unwrap(),
            occurred_at: Timestamp::from_millis(0),
            arrived_at: Timestamp::default(),
            action: String::new(),
            step: Step::Apply,
            removes: Removes::Created,
            redriven: false,
            fields: Value::from_json(fields.as_bytes()).unwrap().as_object().unwrap().clone(),
        }
    }

    const WEBHOOK: &str = r#"{"url":"https://a.example"}"#;

    /// The settings that a connector cannot do without.
    fn settings_of(slug: &str) -> &'static str {
        match slug {
            "webhook" => WEBHOOK,
            "braze" => r#"{"rest_endpoint":"https://a.example"}"#,
            "hubspot" => r#"{"object_type":"2-1"}"#,
            _ => "{}",
        }
    }

    /// Answers that are JSON, and not what a vendor should answer.
    const ODD: &[&str] = &[
        "null",
        "[]",
        r#"{"ok":1}"#,
        r#"{"ok":false}"#,
        r#"{"ok":false,"error":["a"]}"#,
        r#"{"errors":5,"results":{"0":1}}"#,
        r#"{"errors":[7,null,{"index":-1},{"index":2},{"index":99999999999999999999},{"index":"1"},{"index":{}}]}"#,
        r#"{"errors":[{"index":0},{"index":0},{"index":1}]}"#,
        r#"{"errors":[{"source":{"pointer":"/data/attributes/events-bulk-create/data/"}}]}"#,
        r#"{"errors":[{"source":{"pointer":"/data/attributes/events-bulk-create/data/1/é"}}]}"#,
        r#"{"data":{"id":[1]}}"#,
        r#"{"results":[{"id":null}],"errors":[{"context":{"objectWriteTraceId":"x"}}]}"#,
    ];

    #[test]
    fn only_ordered_bodies_of_appends_take_a_key_twice() {
        for (body, count, same_key) in [("single", 1, false), ("array", 100, true), ("ndjson", 100, true)] {
            let webhook = destination("webhook", &format!(r#"{{"url":"https://a.example","body":"{body}"}}"#));
            let cap = webhook.operation("send", Step::Apply).unwrap().cap();
            assert_eq!((cap.count, cap.same_key), (count, same_key), "{body}");
        }
        let hubspot = destination("hubspot", "{}");
        let cap = hubspot.operation("upsert_contact", Step::Apply).unwrap().cap();
        assert_eq!((cap.count, cap.same_key), (100, false));
    }

    #[test]
    fn a_repeat_carries_the_same_idempotency_key() {
        let file = r#"
slug = "example"
name = "Example"
summary = "An example."
auth = "none"

[[actions]]
name = "send"
label = "Send"
help = "Sends."
mode = "append"

[actions.request]
method = "POST"
url = "https://api.example.com/in"
shape = "single"
count = 1
bytes = 1_000
item = '{ "at": "{delivery.occurred_at.seconds}" }'
idempotency_header = "idempotency-key"
"#;
        let connector: &'static Connector = Box::leak(Box::new(Connector::parse("example.toml", file).unwrap()));
        let destination = connector.configure("there", &Object::new()).unwrap();
        let send = destination.operation("send", Step::Apply).unwrap();
        let key = |number: u32, now: i64| {
            let delivery = Delivery { occurred_at: Timestamp::from_millis(1_999), ..delivery(number, "{}") };
            let parcel = Parcel { delivery: &delivery, destination_key: None };
            let request = send.render(&[parcel], None, Timestamp::from_millis(now)).unwrap();
            assert_eq!(request.body, br#"{"at":1}"#);
            request.headers.into_iter().find(|(name, _)| name == "idempotency-key").unwrap().1
        };
        // By `printf p/s/1/7 | sha256sum`.
        assert_eq!(key(7, 0), "7adc8a6268c87f35b54cc4d7ee669e1a");
        assert_eq!(key(7, 0), key(7, 9_999));
        assert_ne!(key(7, 0), key(8, 0));
    }

    #[test]
    fn one_contact_under_two_keys_has_one_identity() {
        let hubspot = destination("hubspot", "{}");
        let upsert = hubspot.operation("upsert_contact", Step::Apply).unwrap();
        let one = delivery(1, r#"{"email":"Ada@Example.com"}"#);
        let other = delivery(2, r#"{"email":" ada@example.com "}"#);
        let identity = |delivery| upsert.identity(&Parcel { delivery, destination_key: None });
        assert_eq!(identity(&one), identity(&other));
        assert_eq!(identity(&one).as_deref(), Some("ada@example.com"));

        let archive = hubspot.operation("upsert_contact", Step::Archive).unwrap();
        assert_eq!(archive.identity(&Parcel { delivery: &one, destination_key: Some("5") }).as_deref(), Some("5"));
        let webhook = destination("webhook", WEBHOOK);
        let send = webhook.operation("send", Step::Apply).unwrap();
        assert_eq!(send.identity(&Parcel { delivery: &one, destination_key: None }), None);
    }

    #[test]
    fn a_secret_that_cannot_be_used_pauses_the_destination_and_is_not_repeated() {
        let hubspot = destination("hubspot", "{}");
        let contact = delivery(1, r#"{"email":"a@b.example"}"#);
        let parcels = [Parcel { delivery: &contact, destination_key: None }];
        let now = Timestamp::from_millis(0);
        let upsert = hubspot.operation("upsert_contact", Step::Apply).unwrap();
        for secret in [None, Some(""), Some(" \n"), Some("hid\nden"), Some("hidd\u{e9}n")] {
            let error = upsert.render(&parcels, secret, now).unwrap_err();
            let unauthorised = Operation::unsent(&error, parcels.len());
            assert!(matches!(unauthorised, Answered::Ended(Outcome::Unauthorised { .. })), "{secret:?}");
            let text = error.to_string();
            assert!(text.contains("there") && text.contains("crm.objects.contacts.write"), "{text}");
            assert!(!text.contains("hid\nden") && !text.contains("hidd"), "{text}");
        }
        let request = upsert.render(&parcels, Some("token\n"), now).unwrap();
        assert!(request.headers.contains(&("authorization".into(), "Bearer token".into())));

        let webhook = destination("webhook", WEBHOOK);
        let send = webhook.operation("send", Step::Apply).unwrap();
        assert!(matches!(send.render(&parcels, Some("whsec_nonsense"), now), Err(RenderError::Secret(_))));
        assert_eq!(send.render(&parcels, None, now).unwrap().headers.len(), 1);
    }

    proptest! {
        /// What counts against the cap is what is sent: a body is never larger than its parcels' sizes and its envelope.
        #[test]
        fn sizes_add_up(texts in proptest::collection::vec(any::<String>(), 1..20)) {
            for (slug, settings, action) in [
                ("hubspot", "{}", "upsert_contact"),
                ("webhook", r#"{"url":"https://a.example","body":"array"}"#, "send"),
                ("webhook", r#"{"url":"https://a.example","body":"ndjson"}"#, "send"),
                ("braze", settings_of("braze"), "track_event"),
                ("klaviyo", "{}", "create_event"),
            ] {
                let destination = destination(slug, settings);
                let operation = destination.operation(action, Step::Apply).unwrap();
                let deliveries: Vec<_> = (0_u32..)
                    .zip(&texts)
                    .map(|(number, text)| {
                        let mut delivery = delivery(number, r#"{"email":"a@b.example"}"#);
                        delivery.fields.insert("text", Value::from(text.as_str()));
                        delivery
                    })
                    .collect();
                let parcels: Vec<_> =
                    deliveries.iter().map(|delivery| Parcel { delivery, destination_key: None }).collect();
                let request = operation
                    .render(&parcels, Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), Timestamp::from_millis(0))
                    .unwrap();
                let sizes: usize = parcels.iter().map(|parcel| operation.size_of(parcel)).sum();
                let declared = destination.connector().action(action).unwrap().request.bytes;
                prop_assert!(request.body.len() <= sizes + declared - operation.cap().bytes);
                for line in request.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                    prop_assert!(Value::from_json(line).is_ok());
                }
            }
        }

        /// Whatever a vendor answers, every parcel gets an outcome, and nothing panics.
        #[test]
        fn every_answer_has_an_outcome_for_every_parcel(
            status in 100_u16..600,
            body in prop_oneof![any::<Vec<u8>>(), proptest::sample::select(ODD).prop_map(|text| text.as_bytes().to_vec())],
            wait in any::<String>(),
        ) {
            let deliveries = [delivery(1, r#"{"email":"a@b.example"}"#), delivery(2, "{}")];
            let parcels = deliveries.each_ref().map(|delivery| Parcel { delivery, destination_key: None });
            let headers = ["retry-after", "x-ratelimit-reset"].map(|name| (name.to_owned(), wait.clone())).to_vec();
            let response = HttpResponse { status, headers, body };
            for connector in connectors().unwrap() {
                let destination = destination(connector.slug(), settings_of(connector.slug()));
                for action in &connector.actions {
                    for step in Step::sent() {
                        let Ok(operation) = destination.operation(action.name(), step) else { continue };
                        let answered = operation.read(&parcels, &response, Timestamp::from_millis(0));
                        prop_assert_eq!(answered.len(), 2);
                        // What is sent again is less than what was sent: one of them has ended.
                        let again = answered.iter().filter(|one| **one == Answered::SendAgain).count();
                        prop_assert!(again < 2, "{}: {:?}", connector.slug(), answered);
                    }
                }
            }
        }
    }
}
