//! What SQS refuses before it looks at a queue ("`SendMessage`", "`SendMessageBatch`" and "Message quotas" in the SQS
//! documentation).

use std::collections::HashSet;

use rustack_sqs_model::error::{SqsError, SqsErrorCode};
use rustack_sqs_model::types::SendMessageBatchRequestEntry;

use super::attributes::MAXIMUM_BYTES;
use super::refusal::Refusal;

/// The whole batch: 1 to 10 entries with distinct ids of 1 to 80 letters, digits, hyphens and underscores.
pub(super) fn check_batch<'a>(ids: impl ExactSizeIterator<Item = &'a str>) -> Result<(), SqsError> {
    if ids.len() == 0 {
        return Err(SqsError::empty_batch_request());
    }
    if ids.len() > 10 {
        return Err(SqsError::too_many_entries_in_batch());
    }
    let mut seen = HashSet::new();
    for id in ids {
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if !(1..=80).contains(&id.len()) || !id.bytes().all(valid) {
            let message = "A batch entry id can only contain alphanumeric characters, hyphens and underscores. \
                           It can be at most 80 letters long.";
            return Err(SqsError::new(SqsErrorCode::InvalidBatchEntryId, message));
        }
        if !seen.insert(id) {
            return Err(SqsError::batch_entry_ids_not_distinct());
        }
    }
    Ok(())
}

/// The bodies of a batch together.
pub(super) fn check_batch_bytes(entries: &[SendMessageBatchRequestEntry]) -> Result<(), SqsError> {
    let bytes: usize = entries.iter().map(|entry| entry.message_body.len()).sum();
    if bytes > MAXIMUM_BYTES {
        let message =
            format!("Batch requests cannot be longer than {MAXIMUM_BYTES} bytes. You have sent {bytes} bytes.");
        return Err(SqsError::new(SqsErrorCode::BatchRequestTooLong, message));
    }
    Ok(())
}

/// One message, sent alone or as an entry. Gives back its group and its deduplication id.
pub(super) fn check_message(
    entry: &SendMessageBatchRequestEntry,
    maximum_bytes: usize,
) -> Result<(&str, &str), Refusal> {
    if entry.message_body.is_empty() {
        return Err(SqsError::missing_parameter("The request must contain the parameter MessageBody.").into());
    }
    if entry.message_body.len() > maximum_bytes {
        let reason = format!("Reason: Message must be shorter than {maximum_bytes} bytes.");
        return Err(SqsError::invalid_parameter_value(format!("One or more parameters are invalid. {reason}")).into());
    }
    if !entry.message_body.chars().all(is_allowed) {
        return Err(Refusal::Contents);
    }
    if entry.delay_seconds.is_some_and(|delay| delay != 0) {
        let reason = "The request include parameter that is not valid for this queue type.";
        return Err(SqsError::invalid_parameter_value(format!("DelaySeconds is invalid. Reason: {reason}")).into());
    }
    if !entry.message_attributes.is_empty() || !entry.message_system_attributes.is_empty() {
        let message = "The local stack does not support message attributes: put them into the body.";
        return Err(SqsError::new(SqsErrorCode::UnsupportedOperation, message).into());
    }
    let Some(group) = entry.message_group_id.as_deref() else {
        return Err(SqsError::missing_parameter("The request must contain the parameter MessageGroupId.").into());
    };
    let Some(deduplication) = entry.message_deduplication_id.as_deref() else {
        let message = "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly";
        return Err(SqsError::invalid_parameter_value(message).into());
    };
    check_id("MessageGroupId", group)?;
    check_id("MessageDeduplicationId", deduplication)?;
    Ok((group, deduplication))
}

/// The characters of XML 1.0, without the control characters and U+FFFE and U+FFFF.
fn is_allowed(char: char) -> bool {
    matches!(char, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}

fn check_id(name: &str, id: &str) -> Result<(), SqsError> {
    if (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    let reason = format!("{name} can only include alphanumeric and punctuation characters. 1 to 128 in length.");
    Err(SqsError::invalid_parameter_value(format!("Value {id} for parameter {name} is invalid. Reason: {reason}")))
}
