//! Faults injected on purpose: what the stack must survive without loss and without disorder.
//!
//! Each kind of fault draws from a generator of its own, so that one kind's sequence depends on the seed and on how
//! often that kind was asked, never on what the others did in between.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use shared::nearest::suggestion;

/// What can be made to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The vendor answers 500.
    Vendor500,
    /// The vendor answers 429 with a Retry-After header.
    Vendor429,
    /// The vendor drops the connection.
    VendorDrop,
    /// The vendor takes a part of a batch and answers 207.
    Vendor207,
    /// Kinesis throttles some records of a `PutRecords`, or a `PutRecord`.
    PutRecords,
    /// SQS fails some entries of a `SendMessageBatch`.
    SendMessageBatch,
    /// A function crashes in mid-batch.
    Crash,
}

impl FaultKind {
    /// Every kind. The place in this list is the kind's stream of the generator: add new ones at the end.
    pub const ALL: [Self; 7] = [
        Self::Vendor500,
        Self::Vendor429,
        Self::VendorDrop,
        Self::Vendor207,
        Self::PutRecords,
        Self::SendMessageBatch,
        Self::Crash,
    ];

    /// The name that people write: `vendor-500`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vendor500 => "vendor-500",
            Self::Vendor429 => "vendor-429",
            Self::VendorDrop => "vendor-drop",
            Self::Vendor207 => "vendor-207",
            Self::PutRecords => "put-records",
            Self::SendMessageBatch => "send-message-batch",
            Self::Crash => "crash",
        }
    }

    const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How often each kind strikes, from 0 (never) to 1 (always).
///
/// Parsed from `none`, `mild`, `harsh` or `kind=rate,…`, for instance `vendor-429=0.2,crash=0.01`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FaultRates([f64; FaultKind::ALL.len()]);

impl FaultRates {
    /// Nothing goes wrong.
    pub const NONE: Self = Self([0.0; FaultKind::ALL.len()]);
    /// A bad day: one call in a hundred or two.
    pub const MILD: Self = Self([0.02, 0.02, 0.01, 0.02, 0.02, 0.02, 0.01]);
    /// An outage that never ends: one call in seven to ten, one crash in twenty invocations.
    pub const HARSH: Self = Self([0.15, 0.10, 0.10, 0.15, 0.15, 0.15, 0.05]);

    const LEVELS: [(&'static str, Self); 3] = [("none", Self::NONE), ("mild", Self::MILD), ("harsh", Self::HARSH)];

    /// The rate of `kind`.
    pub const fn of(&self, kind: FaultKind) -> f64 {
        self.0[kind.index()]
    }
}

/// Why a text is not a level of faults.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FaultsError {
    /// Neither a level nor a kind of fault.
    #[error("`{given}` is no level or kind of fault{}", choices(given))]
    Unknown {
        /// What was written.
        given: String,
    },
    /// A kind without a rate, or a level inside of a list.
    #[error("`{0}` needs a rate from 0 to 1, for instance `vendor-500=0.1`; levels ({levels}) stand alone", levels = levels())]
    NoRate(String),
    /// A rate that is not a number from 0 to 1.
    #[error("`{rate}` is no rate for {kind}: give a number from 0 to 1, for instance `{kind}=0.1`")]
    Rate {
        /// The kind of fault.
        kind: &'static str,
        /// What was written.
        rate: String,
    },
    /// The same kind twice.
    #[error("{0} is given twice: keep one of them")]
    Twice(&'static str),
}

fn levels() -> String {
    FaultRates::LEVELS.map(|(name, _)| name).join(", ")
}

fn choices(given: &str) -> String {
    let kinds = FaultKind::ALL.map(FaultKind::name);
    let nearest = suggestion(given, kinds.into_iter().chain(FaultRates::LEVELS.map(|(name, _)| name)));
    format!("{nearest} Levels: {}. Kinds, as kind=rate,…: {}", levels(), kinds.join(", "))
}

fn unknown(given: &str) -> FaultsError {
    FaultsError::Unknown { given: given.to_owned() }
}

impl FromStr for FaultRates {
    type Err = FaultsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if let Some((_, rates)) = Self::LEVELS.into_iter().find(|(name, _)| *name == text) {
            return Ok(rates);
        }
        let mut given: [Option<f64>; FaultKind::ALL.len()] = [None; FaultKind::ALL.len()];
        for part in text.split(',') {
            let (name, rate) = match part.split_once('=') {
                Some((name, rate)) => (name.trim(), Some(rate.trim())),
                None => (part.trim(), None),
            };
            let kind = FaultKind::ALL.into_iter().find(|kind| kind.name() == name);
            let is_level = Self::LEVELS.iter().any(|(level, _)| *level == name);
            let (kind, rate) = match (kind, rate) {
                (Some(kind), Some(rate)) => (kind, rate),
                (None, _) if !is_level => return Err(unknown(name)),
                _ => return Err(FaultsError::NoRate(name.to_owned())),
            };
            let wrong = || FaultsError::Rate { kind: kind.name(), rate: rate.to_owned() };
            let value: f64 = rate.parse().map_err(|_| wrong())?;
            if !(0.0..=1.0).contains(&value) {
                return Err(wrong());
            }
            if given[kind.index()].replace(value).is_some() {
                return Err(FaultsError::Twice(kind.name()));
            }
        }
        Ok(Self(given.map(Option::unwrap_or_default)))
    }
}

impl fmt::Display for FaultRates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((name, _)) = Self::LEVELS.iter().find(|(_, rates)| rates == self) {
            return f.write_str(name);
        }
        let struck = FaultKind::ALL.into_iter().filter(|kind| self.of(*kind) > 0.0);
        for (place, kind) in struck.enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(f, "{comma}{kind}={}", self.of(kind))?;
        }
        Ok(())
    }
}

/// Decides when a fault strikes. Clones share their generators.
#[derive(Debug, Clone)]
pub struct Faults {
    rates: FaultRates,
    seed: u64,
    generators: Arc<[Mutex<ChaCha8Rng>; FaultKind::ALL.len()]>,
}

impl Faults {
    /// Faults at `rates`; the same `seed` gives the same sequence for each kind.
    pub fn new(rates: FaultRates, seed: u64) -> Self {
        let generators = FaultKind::ALL.map(|kind| {
            let mut generator = ChaCha8Rng::seed_from_u64(seed);
            generator.set_stream(kind.index() as u64);
            Mutex::new(generator)
        });
        Self { rates, seed, generators: Arc::new(generators) }
    }

    /// Nothing ever goes wrong.
    pub fn none() -> Self {
        Self::new(FaultRates::NONE, 0)
    }

    /// Faults at the rates that `text` names (see [`FaultRates`]).
    pub fn parse(text: &str, seed: u64) -> Result<Self, FaultsError> {
        Ok(Self::new(text.parse()?, seed))
    }

    /// The rates.
    pub const fn rates(&self) -> &FaultRates {
        &self.rates
    }

    /// The seed, for a report that lets a person repeat the run.
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// Whether a fault of this kind strikes now.
    pub fn strikes(&self, kind: FaultKind) -> bool {
        self.draw(kind).is_some()
    }

    /// If a fault of this kind strikes now, a random number to shape it by: how long, how many, which.
    pub fn draw(&self, kind: FaultKind) -> Option<u64> {
        // A generator has no broken state that a panic elsewhere could leave behind.
        let mut generator = self.generators[kind.index()].lock().unwrap_or_else(PoisonError::into_inner);
        // Both are drawn each time: what came before never shifts what comes next.
        let coin: f64 = generator.random();
        let amount = generator.next_u64();
        (coin < self.rates.of(kind)).then_some(amount)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rates.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(faults: &Faults, kind: FaultKind, draws: usize) -> Vec<Option<u64>> {
        (0..draws).map(|_| faults.draw(kind)).collect()
    }

    #[test]
    fn levels_and_lists_are_read_and_shown_alike() {
        for text in ["none", "mild", "harsh", "crash=1", "vendor-500=0.25,put-records=0.5"] {
            assert_eq!(Faults::parse(text, 1).unwrap().to_string(), text);
        }
        let faults = Faults::parse(" vendor-429 = 0.5 , crash=0 ", 1).unwrap();
        assert_eq!(faults.to_string(), "vendor-429=0.5");
        assert_eq!(Faults::parse("crash=0", 1).unwrap().to_string(), "none");
    }

    #[test]
    fn mistakes_are_named_with_what_to_write_instead() {
        let message = |text: &str| text.parse::<FaultRates>().unwrap_err().to_string();
        let unknown = message("vendor-50=0.1");
        assert!(unknown.contains("did you mean `vendor-500`?"), "{unknown}");
        for kind in FaultKind::ALL {
            assert!(unknown.contains(kind.name()), "{unknown}");
        }
        assert!(message("hars").contains("did you mean `harsh`?"));
        assert!(!message("zzz=1").contains("did you mean"));
        assert!(message("").contains("is no level"));
        assert!(message("crash").contains("needs a rate"));
        assert!(message("mild,crash=1").contains("stand alone"));
        for rate in ["1.01", "-0.1", "NaN", "often", ""] {
            assert!(message(&format!("crash={rate}")).contains("from 0 to 1"));
        }
        assert!(message("crash=0.1,crash=0.2").contains("twice"));
    }

    #[test]
    fn a_kind_depends_on_its_seed_and_its_own_draws_only() {
        let alone = Faults::parse("crash=0.5", 7).unwrap();
        let mixed = Faults::parse("crash=0.5,vendor-500=0.9", 7).unwrap();
        let expected = sequence(&alone, FaultKind::Crash, 200);
        let among_others: Vec<_> = (0..200)
            .map(|draw| {
                sequence(&mixed, FaultKind::Vendor500, draw % 3);
                mixed.draw(FaultKind::Crash)
            })
            .collect();
        assert_eq!(among_others, expected);
        let other_seed = Faults::parse("crash=0.5", 8).unwrap();
        assert_ne!(sequence(&other_seed, FaultKind::Crash, 200), expected);
    }

    #[test]
    fn kinds_do_not_strike_together() {
        let faults = Faults::parse("crash=0.5,vendor-500=0.5", 7).unwrap();
        let crashes = sequence(&faults, FaultKind::Crash, 200);
        assert_ne!(crashes, sequence(&faults, FaultKind::Vendor500, 200));
    }

    #[test]
    fn a_higher_rate_strikes_wherever_a_lower_one_does() {
        let low = sequence(&Faults::parse("crash=0.2", 3).unwrap(), FaultKind::Crash, 500);
        let high = sequence(&Faults::parse("crash=0.6", 3).unwrap(), FaultKind::Crash, 500);
        for (low, high) in low.iter().zip(&high).filter(|(low, _)| low.is_some()) {
            assert_eq!(low, high);
        }
    }

    #[test]
    fn rates_hold_at_the_ends_and_in_between() {
        let strikes = |text: &str| {
            let faults = Faults::parse(text, 11).unwrap();
            (0..10_000).filter(|_| faults.strikes(FaultKind::PutRecords)).count()
        };
        assert_eq!(strikes("none"), 0);
        assert_eq!(strikes("put-records=1"), 10_000);
        // 10,000 draws at 0.15: five standard deviations (36) on both sides of 1,500.
        let harsh = strikes("harsh");
        assert!((1_320..=1_680).contains(&harsh), "{harsh}");
    }

    #[test]
    fn threads_share_one_sequence() {
        let faults = Faults::parse("crash=0.3", 5).unwrap();
        let in_threads: usize = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..4).map(|_| scope.spawn(|| (0..250).filter(|_| faults.strikes(FaultKind::Crash)).count())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        let alone = Faults::parse("crash=0.3", 5).unwrap();
        let in_one = sequence(&alone, FaultKind::Crash, 1_000).into_iter().flatten().count();
        assert_eq!(in_threads, in_one);
    }
}
