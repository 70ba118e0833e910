//! Support tickets.

use rand::{Rng, RngExt, seq::IndexedRandom};

use super::Customer;

/// A support ticket.
#[derive(Clone, Debug, PartialEq)]
pub struct Ticket {
    /// `t-7001`, …
    pub ticket_id: String,
    /// Who asks.
    pub customer_id: String,
    /// The account of the company that the customer asks for.
    pub account_id: Option<String>,
    /// What about.
    pub subject: String,
    /// How far it has come.
    pub status: TicketStatus,
    /// How much it hurts.
    pub priority: Priority,
    /// How many messages it holds.
    pub messages: u64,
    /// Milliseconds since 1970; grows with every change.
    pub updated_at: i64,
}

/// How far a ticket has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TicketStatus {
    /// The store has to answer.
    Open,
    /// The customer has to answer.
    Pending,
    /// Answered.
    Solved,
    /// Done.
    Closed,
}

impl TicketStatus {
    /// The word in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Pending => "pending",
            Self::Solved => "solved",
            Self::Closed => "closed",
        }
    }
}

/// How much a ticket hurts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// It can wait.
    Low,
    /// As most.
    Normal,
    /// Soon, please.
    High,
    /// Now.
    Urgent,
}

impl Priority {
    const ALL: [Self; 4] = [Self::Low, Self::Normal, Self::High, Self::Urgent];

    /// The word in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Urgent => "urgent",
        }
    }
}

const SUBJECTS: [&str; 8] = [
    "Where is my parcel?",
    "The cup came broken",
    "Invoice with VAT number, please",
    "Wrong tea in the box",
    "Cannot log in",
    "Change my address",
    "Refund not arrived",
    "Is the honey organic?",
];

impl Ticket {
    /// A customer asks for help; it is the store's `count`-th ticket.
    pub(super) fn open(random: &mut impl Rng, count: u64, customer: &Customer, now: i64) -> Self {
        Self {
            ticket_id: format!("t-{}", 7_000 + count),
            customer_id: customer.customer_id.clone(),
            account_id: customer.account_id.clone(),
            subject: (*SUBJECTS.choose(random).unwrap_or(&SUBJECTS[0])).to_owned(),
            status: TicketStatus::Open,
            priority: *Priority::ALL.choose(random).unwrap_or(&Priority::Normal),
            messages: 1,
            updated_at: now,
        }
    }

    /// Someone answers, asks, or weighs it anew.
    pub(super) fn edit(&mut self, random: &mut impl Rng, now: i64) {
        self.updated_at = now;
        match random.random_range(0..100) {
            0..30 => self.priority = *Priority::ALL.choose(random).unwrap_or(&Priority::Normal),
            30..65 => {
                self.messages += 1;
                self.status = match self.status {
                    TicketStatus::Open => TicketStatus::Pending,
                    _ => TicketStatus::Open,
                };
            }
            65..75 => self.messages += 1,
            75..90 => self.status = TicketStatus::Solved,
            _ => self.status = TicketStatus::Closed,
        }
    }

    /// Whether nothing more is going to happen to it.
    pub(super) fn is_closed(&self) -> bool {
        self.status == TicketStatus::Closed
    }
}
