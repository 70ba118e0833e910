//! Accounts: the companies that some customers buy for. They are there when the store opens, and stay as they are, so
//! that it is known what a lookup finds whenever it is made.

use super::Plan;

/// A company's account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// `a-1`, …
    pub account_id: &'static str,
    /// The company.
    pub name: &'static str,
    /// What the company has booked.
    pub plan: Plan,
    /// Who in the store looks after it.
    pub owner_email: &'static str,
    /// How content the company seems, from 0 to 100.
    pub health: u64,
}

const fn account(
    account_id: &'static str,
    name: &'static str,
    plan: Plan,
    owner_email: &'static str,
    health: u64,
) -> Account {
    Account { account_id, name, plan, owner_email, health }
}

/// All accounts.
pub const ACCOUNTS: [Account; 5] = [
    account("a-1", "Café Aurora", Plan::Business, "olga@store.example", 91),
    account("a-2", "Hotel Belvédère", Plan::Business, "kofi@store.example", 34),
    account("a-3", "Bäckerei Schäfer", Plan::Pro, "olga@store.example", 77),
    account("a-4", "Tea & Co.", Plan::Starter, "noor@store.example", 58),
    account("a-5", "Kantine Nord", Plan::Free, "noor@store.example", 12),
];

/// The account that the store's `count`-th customer buys for, where there is one. The last of them was closed long ago,
/// and has no row any more.
pub(super) fn account_of(count: u64) -> Option<String> {
    match count % 9 {
        number @ 1..=6 => Some(format!("a-{number}")),
        _ => None,
    }
}

impl Account {
    /// The account of this id.
    pub fn of(account_id: &str) -> Option<&'static Self> {
        ACCOUNTS.iter().find(|account| account.account_id == account_id)
    }
}
