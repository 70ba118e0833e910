//! Lanes: ordered shares of the keys.

use std::{fmt, num::NonZeroU32};

use serde::{Deserialize, Serialize};

use crate::key::Key;

/// One ordered share of the keys: the partition key on Kinesis, the message group on SQS FIFO.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lane(u32);

/// How many lanes a stream or queue has. Fixed when it is created: another count would split a key over two lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lanes(NonZeroU32);

impl Lane {
    /// The lane's number, from zero.
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "lane-{}", self.0)
    }
}

impl Lanes {
    /// One lane for all keys.
    pub const ONE: Self = Self(NonZeroU32::MIN);

    /// So many lanes; `None` for zero.
    pub fn new(count: u32) -> Option<Self> {
        NonZeroU32::new(count).map(Self)
    }

    /// How many.
    pub const fn count(self) -> u32 {
        self.0.get()
    }

    /// The lane of a source's key. The mapping is for good: SHA-256 of the source's name, a zero byte and the key's
    /// canonical text; its first eight bytes, big-endian, modulo the count.
    pub fn lane_of(self, source: &str, key: &Key) -> Lane {
        let mut digest = ring::digest::Context::new(&ring::digest::SHA256);
        digest.update(source.as_bytes());
        digest.update(&[0]);
        digest.update(key.canonical().as_bytes());
        let hash = digest.finish().as_ref().iter().take(8).fold(0_u64, |hash, byte| hash << 8 | u64::from(*byte));
        Lane(u32::try_from(hash % u64::from(self.count())).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn the_mapping_is_for_good() {
        // printf 'customers\0{"customer_id":"c-1"}' | sha256sum | cut -c1-16 gives 9acf91a7e9f768ac, and 0x9acf91a7e9f768ac % 64 = 44.
        let lanes = Lanes::new(64).unwrap();
        assert_eq!(lanes.lane_of("customers", &Key::single("customer_id", "c-1")).number(), 44);
    }

    #[test]
    fn keys_spread_over_all_lanes() {
        let lanes = Lanes::new(16).unwrap();
        let mut counts: HashMap<u32, u32> = HashMap::new();
        for number in 0..16_000_i64 {
            *counts.entry(lanes.lane_of("orders", &Key::single("id", number)).number()).or_default() += 1;
        }
        assert_eq!(counts.len(), 16);
        assert!(counts.values().all(|count| (800..1_200).contains(count)), "{counts:?}");
    }
}
