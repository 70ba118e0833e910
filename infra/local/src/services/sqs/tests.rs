use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName,
    QueueAttributeName, SendMessageBatchRequestEntry,
};
use rustack_sqs_model::input::{CreateQueueInput, ReceiveMessageInput, SendMessageInput};
use tokio::time::Instant;

use super::*;
use crate::services::testing::Clients;

async fn sqs(faults: &str) -> (Running, Client) {
    let running = start(None, Faults::parse(faults, 42).unwrap()).await.unwrap();
    let client = Clients::of(&running).sqs;
    (running, client)
}

async fn create(client: &Client, name: &str, attributes: &[(QueueAttributeName, &str)]) -> String {
    let mut queue = client.create_queue().queue_name(name).attributes(QueueAttributeName::FifoQueue, "true");
    for (attribute, value) in attributes {
        queue = queue.attributes(attribute.clone(), *value);
    }
    queue.send().await.unwrap().queue_url.unwrap()
}

fn entry(id: &str, group: &str, body: &str) -> SendMessageBatchRequestEntry {
    let entry = SendMessageBatchRequestEntry::builder().id(id).message_group_id(group).message_body(body);
    entry.message_deduplication_id(format!("{group}-{id}-{}", body.len())).build().unwrap()
}

async fn send(client: &Client, url: &str, group: &str, body: &str) {
    let message = client.send_message().queue_url(url).message_group_id(group).message_body(body);
    message.message_deduplication_id(body).send().await.unwrap();
}

async fn receive(client: &Client, url: &str) -> Vec<Message> {
    let received = client.receive_message().queue_url(url).max_number_of_messages(10);
    let received = received.message_system_attribute_names(MessageSystemAttributeName::All);
    received.send().await.unwrap().messages.unwrap_or_default()
}

fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.body().unwrap()).collect()
}

async fn attributes(client: &Client, url: &str) -> HashMap<QueueAttributeName, String> {
    let attributes = client.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::All);
    attributes.send().await.unwrap().attributes.unwrap()
}

/// The code of a refused call.
macro_rules! refused {
    ($call:expr) => {{
        let error = $call.send().await.unwrap_err().into_service_error();
        (error.code().unwrap().to_owned(), error)
    }};
}

#[tokio::test]
async fn queues_are_created_found_listed_and_described() {
    let (_running, client) = sqs("none").await;
    let dead_letters = create(&client, "dead.fifo", &[]).await;
    let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead.fifo","maxReceiveCount":"1000"}"#;
    let settings = [
        (QueueAttributeName::DeduplicationScope, "messageGroup"),
        (QueueAttributeName::FifoThroughputLimit, "perMessageGroupId"),
        (QueueAttributeName::VisibilityTimeout, "360"),
        (QueueAttributeName::RedrivePolicy, policy),
    ];
    let url = create(&client, "hubspot.fifo", &settings).await;
    assert_eq!(create(&client, "hubspot.fifo", &settings).await, url, "creating twice is fine");
    let found = client.get_queue_url().queue_name("hubspot.fifo").send().await.unwrap();
    assert_eq!(found.queue_url.as_ref(), Some(&url));
    let all = client.list_queues().send().await.unwrap();
    assert_eq!((all.queue_urls(), all.next_token()), ([dead_letters.clone(), url.clone()].as_slice(), None));
    let some = client.list_queues().queue_name_prefix("hub").send().await.unwrap();
    assert_eq!(some.queue_urls(), std::slice::from_ref(&url));
    let first = client.list_queues().max_results(1).send().await.unwrap();
    assert_eq!(first.queue_urls(), std::slice::from_ref(&dead_letters));
    let second = client.list_queues().max_results(1).set_next_token(first.next_token).send().await.unwrap();
    assert_eq!((second.queue_urls(), second.next_token()), (std::slice::from_ref(&url), None));

    let shown = attributes(&client, &url).await;
    let value = |name: QueueAttributeName| shown.get(&name).map_or("", String::as_str);
    assert_eq!(value(QueueAttributeName::QueueArn), "arn:aws:sqs:us-east-1:000000000000:hubspot.fifo");
    assert_eq!(value(QueueAttributeName::DeduplicationScope), "messageGroup");
    assert_eq!(value(QueueAttributeName::FifoThroughputLimit), "perMessageGroupId");
    assert_eq!(value(QueueAttributeName::VisibilityTimeout), "360");
    assert_eq!(value(QueueAttributeName::MessageRetentionPeriod), "345600", "AWS's default: four days");
    let policy: serde_json::Value = serde_json::from_str(value(QueueAttributeName::RedrivePolicy)).unwrap();
    assert_eq!(policy["maxReceiveCount"], 1000);

    let set = client.set_queue_attributes().queue_url(&url);
    set.attributes(QueueAttributeName::VisibilityTimeout, "60").send().await.unwrap();
    assert_eq!(attributes(&client, &url).await[&QueueAttributeName::VisibilityTimeout], "60");
    let one = client.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::FifoQueue);
    let one = one.send().await.unwrap().attributes.unwrap();
    assert_eq!(one, HashMap::from([(QueueAttributeName::FifoQueue, "true".to_owned())]));
}

#[tokio::test]
async fn what_is_no_fifo_queue_is_refused() {
    let (_running, client) = sqs("none").await;
    create(&client, "orders.fifo", &[]).await;
    let fifo = |name: &str| client.create_queue().queue_name(name).attributes(QueueAttributeName::FifoQueue, "true");
    assert_eq!(refused!(client.create_queue().queue_name("orders")).0, "InvalidParameterValue");
    assert_eq!(refused!(client.create_queue().queue_name("other.fifo")).0, "InvalidParameterValue");
    assert_eq!(refused!(fifo("or/ders.fifo")).0, "InvalidParameterValue");
    assert_eq!(refused!(fifo(".fifo")).0, "InvalidParameterValue");
    let (_, error) = refused!(fifo("orders.fifo").attributes(QueueAttributeName::VisibilityTimeout, "1"));
    assert!(error.is_queue_name_exists(), "{error:?}");
    let (_, error) = refused!(fifo("a.fifo").attributes(QueueAttributeName::VisibilityTimeout, "43201"));
    assert!(error.is_invalid_attribute_value(), "{error:?}");
    let (_, error) = refused!(fifo("a.fifo").attributes(QueueAttributeName::FifoThroughputLimit, "perMessageGroupId"));
    assert!(error.is_invalid_attribute_value(), "{error:?}");
    let (_, error) = refused!(fifo("a.fifo").attributes(QueueAttributeName::from("Colour"), "blue"));
    assert!(error.is_invalid_attribute_name(), "{error:?}");
    let (_, error) = refused!(fifo("a.fifo").attributes(QueueAttributeName::ContentBasedDeduplication, "true"));
    assert!(error.is_unsupported_operation(), "{error:?}");
    let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:none.fifo","maxReceiveCount":5}"#;
    let (code, error) = refused!(fifo("a.fifo").attributes(QueueAttributeName::RedrivePolicy, policy));
    assert_eq!(code, "InvalidParameterValue");
    assert!(error.message().unwrap().contains("create the queue none.fifo first"));
    assert_eq!(client.list_queues().send().await.unwrap().queue_urls().len(), 1);
    let (_, error) = refused!(client.get_queue_url().queue_name("a.fifo"));
    assert!(error.is_queue_does_not_exist(), "{error:?}");
    let (_, error) = refused!(client.delete_queue().queue_url("http://127.0.0.1/000000000000/orders.fifo"));
    assert!(error.is_unsupported_operation(), "{error:?}");
}

#[tokio::test]
async fn a_message_carries_its_attributes_and_is_deleted_by_its_receipt() {
    let (_running, client) = sqs("none").await;
    let url = create(&client, "q.fifo", &[]).await;
    let sent = client.send_message().queue_url(&url).message_body("hello").message_group_id("lane-1");
    let sent = sent.message_deduplication_id("d-1").send().await.unwrap();
    // The digest of "hello" by any md5sum.
    assert_eq!(sent.md5_of_message_body(), Some("5d41402abc4b2a76b9719d911017c592"));
    let messages = receive(&client, &url).await;
    let message = &messages[0];
    assert_eq!((message.body(), message.message_id()), (Some("hello"), sent.message_id()));
    assert_eq!(message.md5_of_body(), sent.md5_of_message_body());
    let shown = message.attributes().unwrap();
    assert_eq!(shown[&MessageSystemAttributeName::MessageGroupId], "lane-1");
    assert_eq!(shown[&MessageSystemAttributeName::MessageDeduplicationId], "d-1");
    assert_eq!(shown[&MessageSystemAttributeName::ApproximateReceiveCount], "1");
    assert_eq!(Some(&shown[&MessageSystemAttributeName::SequenceNumber]), sent.sequence_number.as_ref());
    let time = |name| shown[&name].parse::<u64>().unwrap();
    let sent_at = time(MessageSystemAttributeName::SentTimestamp);
    assert!(time(MessageSystemAttributeName::ApproximateFirstReceiveTimestamp) >= sent_at);
    // Milliseconds have 13 digits until the year 2286.
    assert_eq!(sent_at.to_string().len(), 13);
    let shown = attributes(&client, &url).await;
    assert_eq!(shown[&QueueAttributeName::ApproximateNumberOfMessagesNotVisible], "1");
    client.delete_message().queue_url(&url).receipt_handle(message.receipt_handle().unwrap()).send().await.unwrap();
    let shown = attributes(&client, &url).await;
    assert_eq!(shown[&QueueAttributeName::ApproximateNumberOfMessagesNotVisible], "0");

    let (code, _) = refused!(client.delete_message().queue_url(&url).receipt_handle("other.fifo:1.1"));
    assert_eq!(code, "ReceiptHandleIsInvalid");
}

#[tokio::test]
async fn a_message_made_visible_comes_again_and_its_old_receipt_has_expired() {
    let (_running, client) = sqs("none").await;
    let url = create(&client, "q.fifo", &[]).await;
    send(&client, &url, "a", "1").await;
    send(&client, &url, "a", "2").await;
    let first = receive(&client, &url).await;
    assert_eq!(bodies(&first), ["1", "2"]);
    assert!(receive(&client, &url).await.is_empty());
    let release = |message: &Message, seconds| {
        let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(message.body().unwrap());
        entry.receipt_handle(message.receipt_handle().unwrap()).visibility_timeout(seconds).build().unwrap()
    };
    let released = client.change_message_visibility_batch().queue_url(&url);
    let released = released.entries(release(&first[0], 0)).entries(release(&first[1], 0)).send().await.unwrap();
    assert_eq!((released.successful.len(), released.failed.len()), (2, 0));
    let second = receive(&client, &url).await;
    assert_eq!(bodies(&second), ["1", "2"]);
    assert_eq!(second[0].attributes().unwrap()[&MessageSystemAttributeName::ApproximateReceiveCount], "2");

    let old = first[0].receipt_handle().unwrap();
    let (code, error) = refused!(client.delete_message().queue_url(&url).receipt_handle(old));
    assert_eq!(code, "InvalidParameterValue");
    assert!(error.message().unwrap().ends_with("Reason: The receipt handle has expired."));
    let change = client.change_message_visibility().queue_url(&url).receipt_handle(old).visibility_timeout(5);
    let (_, error) = refused!(change);
    assert!(error.is_message_not_inflight(), "{error:?}");
    let new = second[0].receipt_handle().unwrap();
    let change = client.change_message_visibility().queue_url(&url).receipt_handle(new);
    assert_eq!(refused!(change.clone().visibility_timeout(43_201)).0, "InvalidParameterValue");
    change.visibility_timeout(43_000).send().await.unwrap();

    let delete = |message: &Message, id: &str| {
        let entry = DeleteMessageBatchRequestEntry::builder().id(id);
        entry.receipt_handle(message.receipt_handle().unwrap()).build().unwrap()
    };
    let deleted = client.delete_message_batch().queue_url(&url);
    let deleted = deleted.entries(delete(&first[0], "old")).entries(delete(&second[0], "new")).send().await.unwrap();
    assert_eq!(deleted.successful.iter().map(|entry| entry.id.as_str()).collect::<Vec<_>>(), ["new"]);
    assert_eq!((deleted.failed[0].id.as_str(), deleted.failed[0].code.as_str()), ("old", "ReceiptHandleIsInvalid"));
}

#[tokio::test]
async fn batches_are_taken_up_to_their_limits() {
    let (_running, client) = sqs("none").await;
    let url = create(&client, "q.fifo", &[]).await;
    let batch = || client.send_message_batch().queue_url(&url);
    let of = |count: usize, body: &str| {
        let entries = (0..count).map(|place| entry(&place.to_string(), "a", body));
        batch().set_entries(Some(entries.collect()))
    };
    let sent = of(10, &"x".repeat(26_214)).send().await.unwrap();
    assert_eq!((sent.successful.len(), sent.failed.len()), (10, 0), "262,140 bytes of 262,144");
    assert!(refused!(of(10, &"y".repeat(26_215))).1.is_batch_request_too_long());
    assert!(refused!(of(11, "x")).1.is_too_many_entries_in_batch_request());
    assert!(refused!(of(0, "x")).1.is_empty_batch_request());
    let twice = batch().entries(entry("1", "a", "x")).entries(entry("1", "b", "x"));
    assert!(refused!(twice).1.is_batch_entry_ids_not_distinct());
    assert!(refused!(batch().entries(entry("a b", "a", "x"))).1.is_invalid_batch_entry_id());
    let message = client.send_message().queue_url(&url).message_group_id("a").message_deduplication_id("long");
    assert_eq!(refused!(message.message_body("x".repeat(262_145))).0, "InvalidParameterValue");
    assert_eq!(attributes(&client, &url).await[&QueueAttributeName::ApproximateNumberOfMessages], "10");
}

#[tokio::test]
async fn an_entry_that_is_wrong_fails_alone() {
    let (_running, client) = sqs("none").await;
    let url = create(&client, "q.fifo", &[]).await;
    let mut no_group = entry("no-group", "a", "x");
    no_group.message_group_id = None;
    let mut no_id = entry("no-id", "a", "x");
    no_id.message_deduplication_id = None;
    let control = entry("control", "a", "\u{FFFF}");
    let spaces = entry("spaces", "a b", "x");
    let batch = client.send_message_batch().queue_url(&url).entries(no_group).entries(no_id).entries(control);
    let sent = batch.entries(spaces).entries(entry("good", "a", "fine")).send().await.unwrap();
    let failed: BTreeMap<_, _> =
        sent.failed.iter().map(|entry| (entry.id.as_str(), (entry.code.as_str(), entry.sender_fault))).collect();
    let expected = BTreeMap::from([
        ("no-group", ("MissingParameter", true)),
        ("no-id", ("InvalidParameterValue", true)),
        ("control", ("InvalidMessageContents", true)),
        ("spaces", ("InvalidParameterValue", true)),
    ]);
    assert_eq!(failed, expected);
    assert_eq!(bodies(&receive(&client, &url).await), ["fine"]);
    let message = client.send_message().queue_url(&url).message_group_id("a").message_deduplication_id("1");
    let (_, error) = refused!(message.message_body("\u{FFFE}"));
    assert!(error.is_invalid_message_contents(), "{error:?}");
}

#[tokio::test]
async fn a_purge_empties_a_queue_once_a_minute() {
    let (_running, client) = sqs("none").await;
    let url = create(&client, "q.fifo", &[]).await;
    send(&client, &url, "a", "1").await;
    client.purge_queue().queue_url(&url).send().await.unwrap();
    assert!(receive(&client, &url).await.is_empty());
    assert!(refused!(client.purge_queue().queue_url(&url)).1.is_purge_queue_in_progress());
}

#[tokio::test]
async fn a_message_moves_to_the_dead_letters_when_its_receives_are_used_up() {
    let (_running, client) = sqs("none").await;
    let dead_letters = create(&client, "dead.fifo", &[]).await;
    let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead.fifo","maxReceiveCount":2}"#;
    let visibility = (QueueAttributeName::VisibilityTimeout, "0");
    let url = create(&client, "q.fifo", &[visibility, (QueueAttributeName::RedrivePolicy, policy)]).await;
    send(&client, &url, "a", "poison").await;
    for _ in 0..2 {
        assert_eq!(bodies(&receive(&client, &url).await), ["poison"]);
        assert!(receive(&client, &dead_letters).await.is_empty());
    }
    assert!(receive(&client, &url).await.is_empty());
    let letters = receive(&client, &dead_letters).await;
    assert_eq!(bodies(&letters), ["poison"]);
    let shown = letters[0].attributes().unwrap();
    assert_eq!(shown[&MessageSystemAttributeName::MessageGroupId], "a");
    let source = &shown[&MessageSystemAttributeName::from("DeadLetterQueueSourceArn")];
    assert_eq!(source, "arn:aws:sqs:us-east-1:000000000000:q.fifo");
}

#[tokio::test]
async fn injected_failures_are_reported_and_the_rest_is_sent() {
    let (_running, client) = sqs("send-message-batch=0.3").await;
    let url = create(&client, "q.fifo", &[]).await;
    let (mut accepted, mut failures) = (Vec::new(), 0);
    for call in 0..20 {
        let entries = (0..10).map(|place| entry(&place.to_string(), "a", &format!("{call:02}/{place}")));
        let mut entries: Vec<_> = entries.collect();
        for entry in &mut entries {
            entry.message_deduplication_id = Some(entry.message_body.clone());
        }
        let sent = client.send_message_batch().queue_url(&url).set_entries(Some(entries)).send().await.unwrap();
        assert_eq!(sent.successful.len() + sent.failed.len(), 10);
        for failed in &sent.failed {
            assert_eq!((failed.code.as_str(), failed.sender_fault), ("InternalError", false));
        }
        failures += sent.failed.len();
        accepted.extend(sent.successful.into_iter().map(|entry| format!("{call:02}/{}", entry.id)));
    }
    // 200 draws at 0.3: four standard deviations (26) on both sides of 60.
    assert!((34..=86).contains(&failures), "{failures}");
    let mut stored = Vec::new();
    loop {
        let messages = receive(&client, &url).await;
        if messages.is_empty() {
            break;
        }
        for message in messages {
            let handle = message.receipt_handle().unwrap();
            client.delete_message().queue_url(&url).receipt_handle(handle).send().await.unwrap();
            stored.push(message.body.unwrap());
        }
    }
    assert_eq!(stored, accepted, "what was accepted, in order, and nothing else");
}

#[tokio::test]
async fn eight_receivers_keep_the_order_of_each_group() {
    const GROUPS: usize = 6;
    const MESSAGES: usize = 40;
    let (_running, client) = sqs("none").await;
    let url = create(&client, "q.fifo", &[(QueueAttributeName::DeduplicationScope, "messageGroup")]).await;
    let seen: Arc<Mutex<BTreeMap<String, Vec<usize>>>> = Arc::default();
    let mut receivers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (client, url, seen) = (client.clone(), url.clone(), Arc::clone(&seen));
        receivers.spawn(async move {
            while seen.lock().unwrap().values().map(Vec::len).sum::<usize>() < GROUPS * MESSAGES {
                let call = client.receive_message().queue_url(&url).max_number_of_messages(7).wait_time_seconds(1);
                let received = call.send().await.unwrap().messages.unwrap_or_default();
                for message in received {
                    let (group, number) = message.body().unwrap().split_once('/').unwrap();
                    // Before the deletion: after it another receiver may have the next one of the group.
                    seen.lock().unwrap().entry(group.to_owned()).or_default().push(number.parse().unwrap());
                    let handle = message.receipt_handle().unwrap();
                    client.delete_message().queue_url(&url).receipt_handle(handle).send().await.unwrap();
                }
            }
        });
    }
    for number in 0..MESSAGES {
        let entries =
            (0..GROUPS).map(|group| entry(&group.to_string(), &group.to_string(), &format!("{group}/{number}")));
        let mut entries: Vec<_> = entries.collect();
        for entry in &mut entries {
            entry.message_deduplication_id = Some(number.to_string());
        }
        let sent = client.send_message_batch().queue_url(&url).set_entries(Some(entries)).send().await.unwrap();
        assert!(sent.failed.is_empty());
    }
    while let Some(receiver) = receivers.join_next().await {
        receiver.unwrap();
    }
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), GROUPS);
    for (group, numbers) in seen.iter() {
        assert_eq!(*numbers, (0..MESSAGES).collect::<Vec<_>>(), "group {group}");
    }
}

/// Without HTTP between, tokio's clock can be stopped: it jumps to the next timer as soon as all tasks wait.
mod waiting {
    use std::time::Duration;

    use super::*;

    fn queues() -> Arc<Queues> {
        let queues = Queues::new("http://127.0.0.1".to_owned(), Faults::none());
        let attributes = HashMap::from([("FifoQueue".to_owned(), "true".to_owned())]);
        let input = CreateQueueInput { queue_name: "q.fifo".to_owned(), attributes, ..CreateQueueInput::default() };
        queues.create(&input).unwrap();
        Arc::new(queues)
    }

    fn send(queues: &Queues, body: &str) {
        let input = SendMessageInput {
            queue_url: "q.fifo".to_owned(),
            message_body: body.to_owned(),
            message_group_id: Some("a".to_owned()),
            message_deduplication_id: Some(body.to_owned()),
            ..SendMessageInput::default()
        };
        queues.send(input).unwrap();
    }

    async fn receive(queues: &Queues, wait: i32, visibility: i32) -> Vec<String> {
        let input = ReceiveMessageInput {
            queue_url: "q.fifo".to_owned(),
            wait_time_seconds: Some(wait),
            visibility_timeout: Some(visibility),
            ..ReceiveMessageInput::default()
        };
        let received = queues.receive(&input).await.unwrap();
        received.messages.into_iter().filter_map(|message| message.body).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_receive_waits_to_its_end_when_nothing_comes() {
        let queues = queues();
        let started = Instant::now();
        assert!(receive(&queues, 20, 30).await.is_empty());
        assert_eq!(started.elapsed(), Duration::from_secs(20));
        assert!(receive(&queues, 0, 30).await.is_empty());
        assert_eq!(started.elapsed(), Duration::from_secs(20));
    }

    #[tokio::test(start_paused = true)]
    async fn a_send_ends_the_wait_at_once() {
        let queues = queues();
        let started = Instant::now();
        let receiver = tokio::spawn({
            let queues = Arc::clone(&queues);
            async move { (receive(&queues, 20, 30).await, Instant::now()) }
        });
        tokio::time::sleep(Duration::from_secs(7)).await;
        send(&queues, "1");
        let (bodies, ended) = receiver.await.unwrap();
        assert_eq!((bodies, ended - started), (vec!["1".to_owned()], Duration::from_secs(7)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_becomes_visible_ends_the_wait() {
        let queues = queues();
        send(&queues, "1");
        let started = Instant::now();
        assert_eq!(receive(&queues, 0, 5).await, ["1"]);
        assert_eq!(receive(&queues, 20, 30).await, ["1"]);
        // Tokio's timers have whole milliseconds, the queue's clock has not.
        assert_eq!(started.elapsed().as_millis().div_ceil(10), 500);
    }
}
