//! The descriptor engine: what a vendor's file says, made into requests, and the vendor's answers made into outcomes.
//!
//! A connector is one TOML file in `shared/destinations`. With a person's settings it becomes a [`Destination`], whose
//! [`Operation`]s say what fits into a request, render it, and read the answer. Nothing here waits, sends or logs.
//!
//! ```
//! use shared::{delivery::Step, destination, value::{Object, Value}};
//!
//! let hubspot = destination::connector("hubspot")?;
//! let destination = hubspot.configure("crm", &Object::new()).map_err(|problems| format!("{problems:?}"))?;
//! let upsert = destination.operation("upsert_contact", Step::Apply)?;
//! assert_eq!(upsert.cap().count, 100);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
mod case;
mod check;
mod codec;
mod configure;
mod credentials;
mod descriptor;
mod embedded;
mod fit;
mod format;
mod job;
mod load;
mod matching;
mod oauth;
mod operation;
mod removal;
mod scalar;
mod secret;
mod status;
mod template;

pub use self::{
    answer::{Answered, unanswered},
    case::{Case, CaseDelivery, CaseJob, CaseOutcome, CasePoll, CaseRequest, CaseResponse, Kind},
    check::{CheckMethod, CheckRequest},
    codec::Codec,
    configure::{Destination, Problem},
    descriptor::{
        Action, Auth, Connector, Fact, Field, FieldType, FlagReading, IndexReading, JobErrors, JobReading, JobStatus,
        KeyReading, Limit, Method, Mode, Reading, Removals, Request, Reset, ResetAs, Setting, SettingType, Shape,
        Statuses, TraceReading, Values,
    },
    embedded::{ConnectorError, connector, connectors},
    format::Format,
    job::{Inquiry, Placed},
    load::DescriptorError,
    oauth::{ClientProof, Grant, Oauth, OauthAuth},
    operation::{Cap, Check, Operation, Parcel, RenderError},
    removal::Cause,
    scalar::Scalar,
    secret::SecretField,
    status::LONGEST_WAIT,
    template::{Json, Part, Placeholder, Text},
};
