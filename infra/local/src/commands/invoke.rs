//! `freshet invoke`.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use clap::Args;
use serde_json::Value;

use super::{stack_folder, variables};
use crate::{
    faults::Faults,
    services::Ports,
    stack::{
        Emitted, Ground, StackConfig,
        variables::{SourceVariables, Variables},
    },
};

/// The arguments of `freshet invoke`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The function: capture-dynamodb, capture-kinesis, transform, collect-failures, alert, or deliver-<destination>
    function: String,
    /// The event's file, as Lambda would hand it over (see events/), or an on-failure object as Lambda wrote it to S3
    event: PathBuf,
    /// The folder with the stack's terraform.tfvars and pipelines/
    #[arg(long, value_name = "FOLDER")]
    stack: Option<PathBuf>,
}

/// Invokes a function on a local stack of its own, with nothing else in it.
pub async fn command(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let folder = stack_folder(arguments.stack.as_deref())?;
    let event = std::fs::read(&arguments.event)
        .with_context(|| format!("the event {} cannot be read", arguments.event.display()))?;
    let event = unwrapped(event, &arguments.event)?;
    let mut variables = variables(&folder)?;
    for name in add_sources_of(&event, &mut variables) {
        eprintln!("The event's stream is no source of {}; it is taken as the source `{name}`.", folder.display());
    }
    let ground = Ground::lay(StackConfig {
        variables,
        data_dir: None,
        ports: Ports::default(),
        faults: Faults::none(),
        own_endpoints: BTreeMap::new(),
    })
    .await?;
    ground.publish(&folder.join("pipelines")).await?;
    let functions = ground.functions();
    let Some(function) = functions.get(&arguments.function) else {
        let names: Vec<&str> = functions.names().collect();
        bail!("there is no function `{}` in this stack; there is {}", arguments.function, names.join(", "));
    };
    let returned = function.invoke(Bytes::from(event)).await;
    match &returned {
        Ok(response) => println!("returned:\n  {}", String::from_utf8_lossy(response)),
        Err(error) => println!("failed: {}: {}", error.error_type, error.message),
    }
    for Emitted { what, lines } in ground.emitted().await? {
        println!("{what}:");
        for line in lines {
            println!("  {line}");
        }
    }
    Ok(if returned.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The event itself: of an on-failure object the payload, byte for byte.
fn unwrapped(event: Vec<u8>, file: &Path) -> anyhow::Result<Vec<u8>> {
    match collect_failures::invocation::payload(&event) {
        None => Ok(event),
        Some(Ok(payload)) => {
            eprintln!(
                "{} is an on-failure object; its payload of {} bytes is handed over.",
                file.display(),
                payload.len()
            );
            Ok(payload)
        }
        Some(Err(why)) => bail!("{} is an on-failure object, but {why}", file.display()),
    }
}

/// Adds a source for each stream of the event that the stack does not know, so that any event can be tried.
fn add_sources_of(event: &[u8], variables: &mut Variables) -> BTreeSet<String> {
    let event: Value = serde_json::from_slice(event).unwrap_or_default();
    let mut added = BTreeSet::new();
    for record in event["Records"].as_array().into_iter().flatten() {
        let Some(arn) = record["eventSourceARN"].as_str().or_else(|| record["eventSourceArn"].as_str()) else {
            continue;
        };
        let (dynamodb, kinesis) = match record["eventSource"].as_str() {
            Some("aws:dynamodb") => (Some(arn.to_owned()), None),
            Some("aws:kinesis") => (None, Some(arn.to_owned())),
            _ => continue,
        };
        let source = SourceVariables {
            dynamodb_stream_arn: dynamodb,
            kinesis_stream_arn: kinesis,
            ..SourceVariables::default()
        };
        let Ok(origin) = source.origin() else { continue };
        if variables.sources.values().any(|known| known.origin().as_ref() == Ok(&origin)) {
            continue;
        }
        let name = origin.name().to_lowercase();
        variables.sources.insert(name.clone(), source);
        added.insert(name);
    }
    added
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_on_failure_object_is_its_payload_byte_for_byte() {
        let events = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/s3/objects");
        let read = |file: &str| std::fs::read(events.join(file)).unwrap();
        // Lambda's own notation: escaped JSON in a string.
        let payload = br#"{"Records":[{"kinesis":{"data":"\u00fc","n": 1.0}}]}"#;
        let object = serde_json::json!({"requestContext": {}, "KinesisBatchInfo": {},
            "payload": String::from_utf8(payload.to_vec()).unwrap()});
        let file = Path::new("object.json");
        assert_eq!(unwrapped(object.to_string().into_bytes(), file).unwrap(), payload);
        // The payload as JSON itself keeps its spaces and digits.
        let object = br#"{"requestContext":{},"DDBStreamBatchInfo":{},"payload": {"Records" : [ 1.0 ]} }"#;
        assert_eq!(unwrapped(object.to_vec(), file).unwrap(), br#"{"Records" : [ 1.0 ]}"#);
        for file in ["on-failure-dynamodb.json", "on-failure-kinesis.json", "encoded-key.json"] {
            let payload = unwrapped(read(file), Path::new(file)).unwrap();
            assert!(!shared::capture::split(&payload).unwrap().is_empty(), "{file}");
        }
        let error = unwrapped(read("without-payload.json"), file).unwrap_err().to_string();
        assert!(error.starts_with("object.json is an on-failure object, but it has no payload"), "{error}");
        // Anything else is the event itself.
        for event in [&br#"{"Records":[]}"#[..], b"not JSON", b"\xff"] {
            assert_eq!(unwrapped(event.to_vec(), file).unwrap(), event);
        }
    }

    #[test]
    fn an_unknown_stream_becomes_a_source() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/store/terraform.tfvars");
        let mut variables = Variables::read(&file).unwrap();
        let event = br#"{"Records":[
            {"eventSource":"aws:dynamodb","eventSourceARN":"arn:aws:dynamodb:us-east-1:1:table/ExampleTable/stream/2015-06-27T00:48:05.899"},
            {"eventSource":"aws:kinesis","eventSourceARN":"arn:aws:kinesis:us-east-1:1:stream/store-page-views"},
            {"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:us-east-1:1:queue.fifo"}]}"#;
        assert_eq!(add_sources_of(event, &mut variables), BTreeSet::from(["exampletable".to_owned()]));
        assert_eq!(add_sources_of(event, &mut variables), BTreeSet::new());
        assert_eq!(add_sources_of(b"{", &mut variables), BTreeSet::new());
    }
}
