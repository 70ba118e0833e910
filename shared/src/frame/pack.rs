//! Items into frames.

use std::collections::{BTreeMap, VecDeque};

use super::{Content, Frame, Item, MAX_FRAME_BYTES};
use crate::lane::{Lane, Lanes};

/// Packs items, in their order, into frames of their lanes. Each lane's frames are in order, and full but for the
/// last; an item stands in the frame alone where it fills one (see [`super::check_in`] for larger ones).
pub fn pack(content: Content, lanes: Lanes, items: &[Item]) -> BTreeMap<Lane, VecDeque<Frame>> {
    let mut open: BTreeMap<Lane, Vec<Open<'_>>> = BTreeMap::new();
    for item in items {
        let frames = open.entry(item.lane).or_default();
        match frames.last_mut() {
            Some(frame) if frame.bytes + item.json.len() < MAX_FRAME_BYTES => frame.push(item),
            _ => frames.push(Open::new(content, lanes, item)),
        }
    }
    open.into_iter()
        .map(|(lane, frames)| (lane, frames.into_iter().map(|frame| frame.close(content, lanes)).collect()))
        .collect()
}

struct Open<'a> {
    items: Vec<&'a Item>,
    bytes: usize,
}

impl<'a> Open<'a> {
    fn new(content: Content, lanes: Lanes, item: &'a Item) -> Self {
        let envelope = head(content, lanes, item.lane).len() + TAIL.len();
        Self { items: vec![item], bytes: envelope + item.json.len() }
    }

    fn push(&mut self, item: &'a Item) {
        self.items.push(item);
        self.bytes += item.json.len() + 1;
    }

    fn close(self, content: Content, lanes: Lanes) -> Frame {
        let first = self.items[0];
        let mut body = String::with_capacity(self.bytes);
        body.push_str(&head(content, lanes, first.lane));
        let mut ids = ring::digest::Context::new(&ring::digest::SHA256);
        for (index, item) in self.items.iter().enumerate() {
            if index > 0 {
                body.push(',');
            }
            body.push_str(&item.json);
            ids.update(item.id.as_bytes());
            ids.update(b"\n");
        }
        body.push_str(TAIL);
        let deduplication_id = crate::digest::digits(&ids.finish());
        Frame { lane: first.lane, body, deduplication_id, first_record: first.record }
    }
}

const TAIL: &str = "]}";

fn head(content: Content, lanes: Lanes, lane: Lane) -> String {
    format!(r#"{{"lane":{},"lanes":{},"{}":["#, lane.number(), lanes.count(), content.field())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        frame::{FrameError, Payload, open},
        key::Key,
    };

    fn item(lanes: Lanes, record: usize, key: u8, bytes: usize) -> Item {
        let json = format!(r#"{{"record":{record},"key":{key},"fill":"{}"}}"#, "x".repeat(bytes));
        Item {
            lane: lanes.lane_of("source", &Key::single("id", i64::from(key))),
            id: format!("id-{record}"),
            json,
            record,
        }
    }

    #[test]
    fn the_wire_form_is_this() {
        let lanes = Lanes::new(1).unwrap();
        let items = [item(lanes, 0, 1, 1), item(lanes, 1, 2, 0)];
        let frames = pack(Content::Events, lanes, &items);
        let frame = &frames.values().next().unwrap()[0];
        assert_eq!(
            frame.body,
            r#"{"lane":0,"lanes":1,"events":[{"record":0,"key":1,"fill":"x"},{"record":1,"key":2,"fill":""}]}"#
        );
        // printf 'id-0\nid-1\n' | sha256sum
        assert_eq!(frame.deduplication_id, "b74a072aecb3706161c2a87743a4306b33a3cbfadf675faf23ed67efdbceaed8");
    }

    #[test]
    fn another_lane_count_or_content_is_refused() {
        let (two, four) = (Lanes::new(2).unwrap(), Lanes::new(4).unwrap());
        let frames = pack(Content::Events, two, &[item(two, 0, 1, 1)]);
        let body = frames.values().next().unwrap()[0].body.as_bytes();
        assert!(matches!(open(Content::Events, four, body), Err(FrameError::Lanes { found: 2, expected: 4 })));
        assert!(matches!(open(Content::Deliveries, two, body), Err(FrameError::Content { .. })));
        assert!(matches!(open(Content::Events, two, b"hello"), Err(FrameError::Malformed(_))));
    }

    proptest! {
        #[test]
        fn packing_keeps_every_item_and_each_lanes_order(
            count in 1_u32..9,
            sizes in proptest::collection::vec((any::<u8>(), prop_oneof![4 => 0_usize..400, 1 => 50_000_usize..200_000]), 0..60),
        ) {
            let lanes = Lanes::new(count).unwrap();
            let items: Vec<Item> = sizes.iter().enumerate().map(|(record, (key, bytes))| item(lanes, record, *key, *bytes)).collect();
            let frames = pack(Content::Deliveries, lanes, &items);
            let mut total = 0;
            for (lane, frames) in &frames {
                let sent: Vec<&str> = items.iter().filter(|item| item.lane == *lane).map(|item| item.json.as_str()).collect();
                let mut received = Vec::new();
                for frame in frames {
                    prop_assert!(frame.body.len() <= MAX_FRAME_BYTES);
                    let opened = open(Content::Deliveries, lanes, frame.body.as_bytes()).unwrap();
                    prop_assert_eq!(opened.lane, *lane);
                    for payload in opened.items {
                        let Payload::Inline(json) = payload else { panic!("a reference was never packed") };
                        received.push(json);
                    }
                }
                prop_assert_eq!(&received, &sent);
                total += received.len();
            }
            prop_assert_eq!(total, items.len());
        }
    }
}
