//! Customers: who they are, and what happens to them.

use std::collections::BTreeSet;

use rand::{Rng, RngExt, seq::IndexedRandom};

use super::accounts::account_of;

/// A customer of the store.
#[derive(Clone, Debug, PartialEq)]
pub struct Customer {
    /// `c-1001`, …
    pub customer_id: String,
    /// Never changes, and no two customers share one, whatever the case of its letters.
    pub email: String,
    /// As the customer typed it, stray spaces included.
    pub first_name: String,
    /// As the customer typed it.
    pub last_name: String,
    /// Two small letters; not every customer tells.
    pub country: Option<String>,
    /// The account of the company that the customer buys for.
    pub account_id: Option<String>,
    /// What the customer has booked.
    pub plan: Plan,
    /// Monthly recurring revenue, in cents.
    pub mrr_cents: u64,
    /// Whether the customer wants to hear from marketing.
    pub marketing_consent: bool,
    /// Labels; a DynamoDB string set, and so never stored empty.
    pub tags: BTreeSet<String>,
    /// How often the customer has logged in.
    pub logins: u64,
    /// Milliseconds since 1970; grows with every change.
    pub updated_at: i64,
}

/// What a customer has booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Pays nothing.
    Free,
    /// Pays a little.
    Starter,
    /// Pays well.
    Pro,
    /// Pays most.
    Business,
}

impl Plan {
    const ALL: [Self; 4] = [Self::Free, Self::Starter, Self::Pro, Self::Business];

    /// The word in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Starter => "starter",
            Self::Pro => "pro",
            Self::Business => "business",
        }
    }

    const fn monthly_cents(self) -> u64 {
        match self {
            Self::Free => 0,
            Self::Starter => 1_900,
            Self::Pro => 4_950,
            Self::Business => 19_999,
        }
    }
}

const FIRST_NAMES: [&str; 20] = [
    "Ada", "Amara", "Björn", "Chloé", "Dmitri", "Elif", "Fatima", "Grace", "Hiro", "Inés", "Jonas", "Kofi", "Lena",
    "Mateo", "Noor", "Olga", "Priya", "Quentin", "Rosa", "Søren",
];
const LAST_NAMES: [&str; 20] = [
    "Abe", "Becker", "Costa", "Dubois", "Eriksen", "Fischer", "García", "Hopper", "Ivanova", "Jansen", "Kaya",
    "Lovelace", "Mensah", "Nowak", "O'Brien", "Patel", "Quispe", "Rossi", "Schäfer", "Tanaka",
];
const COUNTRIES: [&str; 8] = ["de", "fr", "es", "it", "se", "us", "jp", "br"];
const TAGS: [&str; 6] = ["newsletter", "vip", "beta", "wholesale", "referral", "birthday-june"];

impl Customer {
    /// Someone signs up as the store's `count`-th customer.
    pub(super) fn sign_up(random: &mut impl Rng, count: u64, now: i64) -> Self {
        let first = *FIRST_NAMES.choose(random).unwrap_or(&"Ada");
        let last = *LAST_NAMES.choose(random).unwrap_or(&"Abe");
        // A mail address that someone typed with a capital letter is the same address.
        let mailbox: String = format!("{first}.{last}").chars().filter(char::is_ascii_alphabetic).collect();
        let mailbox = if random.random_bool(0.8) { mailbox.to_lowercase() } else { mailbox };
        let plan = *Plan::ALL.choose(random).unwrap_or(&Plan::Free);
        Self {
            customer_id: format!("c-{}", 1_000 + count),
            email: format!("{mailbox}.{count}@mail.example"),
            first_name: if random.random_bool(0.1) { format!(" {first} ") } else { first.to_owned() },
            last_name: last.to_owned(),
            country: random.random_bool(0.85).then(|| any_country(random)),
            account_id: account_of(count),
            plan,
            mrr_cents: plan.monthly_cents(),
            marketing_consent: random.random_bool(0.75),
            tags: BTreeSet::new(),
            logins: 1,
            updated_at: now,
        }
    }

    /// Something happens to the customer; now and then nothing that another tool would care about.
    pub(super) fn edit(&mut self, random: &mut impl Rng, now: i64) {
        self.updated_at = now;
        match random.random_range(0..100) {
            0..28 => {
                let others: Vec<_> = Plan::ALL.into_iter().filter(|plan| *plan != self.plan).collect();
                self.plan = *others.choose(random).unwrap_or(&Plan::Free);
                self.mrr_cents = self.plan.monthly_cents();
            }
            28..40 => self.marketing_consent = !self.marketing_consent,
            40..50 => self.country = random.random_bool(0.9).then(|| any_country(random)),
            50..57 => (*LAST_NAMES.choose(random).unwrap_or(&"Abe")).clone_into(&mut self.last_name),
            57..62 => self.first_name = self.first_name.trim().to_owned(),
            62..77 => {
                let tag = *TAGS.choose(random).unwrap_or(&"vip");
                if !self.tags.remove(tag) {
                    self.tags.insert(tag.to_owned());
                }
            }
            _ => self.logins += 1,
        }
    }

    /// The customer comes back after having been deleted: the same person with a new record.
    pub(super) fn come_back(mut self, random: &mut impl Rng, now: i64) -> Self {
        self.marketing_consent = random.random_bool(0.8);
        self.logins = 1;
        self.tags.clear();
        self.updated_at = now;
        self
    }
}

fn any_country(random: &mut impl Rng) -> String {
    (*COUNTRIES.choose(random).unwrap_or(&"de")).to_owned()
}
