//! The life of an online store: customers, orders, support tickets and page views, as a sequence of changes.
//!
//! Pure and without a clock: the same seed tells the same story on every machine. The story is as untidy as a real
//! one: names with stray spaces, rows touched without a change that matters, customers who leave and come back, and
//! rows changed several times within a second.

mod accounts;
mod customers;
mod orders;
mod page_views;
mod story;
mod tickets;

pub use accounts::{ACCOUNTS, Account};
pub use customers::{Customer, Plan};
pub use orders::{Item, Order, OrderStatus};
pub use page_views::PageView;
pub use story::Story;
pub use tickets::{Priority, Ticket, TicketStatus};

/// Where the store keeps its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// A DynamoDB table of customers.
    Customers,
    /// A DynamoDB table of orders.
    Orders,
    /// A DynamoDB table of support tickets.
    Tickets,
    /// A Kinesis stream of page views.
    PageViews,
}

impl Source {
    /// Every source.
    pub const ALL: [Self; 4] = [Self::Customers, Self::Orders, Self::Tickets, Self::PageViews];

    /// The source's name in `terraform.tfvars` and in the pipelines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Customers => "customers",
            Self::Orders => "orders",
            Self::Tickets => "tickets",
            Self::PageViews => "page_views",
        }
    }

    /// The name of its table or stream on AWS.
    pub const fn resource(self) -> &'static str {
        match self {
            Self::Customers => "store-customers",
            Self::Orders => "store-orders",
            Self::Tickets => "store-tickets",
            Self::PageViews => "store-page-views",
        }
    }

    /// The attribute that names a row; for page views the one whose order counts.
    pub const fn key_attribute(self) -> &'static str {
        match self {
            Self::Customers => "customer_id",
            Self::Orders => "order_id",
            Self::Tickets => "ticket_id",
            Self::PageViews => "visitor_id",
        }
    }
}

/// A row of a table, or an event on the stream.
#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    /// A customer.
    Customer(Customer),
    /// An order.
    Order(Order),
    /// A support ticket.
    Ticket(Ticket),
    /// A page view.
    PageView(PageView),
}

impl Row {
    /// Where it is kept.
    pub const fn source(&self) -> Source {
        match self {
            Self::Customer(_) => Source::Customers,
            Self::Order(_) => Source::Orders,
            Self::Ticket(_) => Source::Tickets,
            Self::PageView(_) => Source::PageViews,
        }
    }

    /// The value of [`Source::key_attribute`].
    pub fn key(&self) -> &str {
        match self {
            Self::Customer(customer) => &customer.customer_id,
            Self::Order(order) => &order.order_id,
            Self::Ticket(ticket) => &ticket.ticket_id,
            Self::PageView(view) => &view.visitor_id,
        }
    }
}

/// How a change is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// `PutItem`: the whole row, new or over an old one.
    Put,
    /// `UpdateItem`: the attributes that differ.
    Update,
    /// `DeleteItem`.
    Delete,
    /// Kinesis `PutRecord`.
    Record,
}

/// One change of the store's data. The images always differ: DynamoDB writes no stream record for a write that
/// changes nothing (Developer Guide, "Change data capture for DynamoDB Streams").
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Counts the changes of a story from 0.
    pub number: u64,
    /// Where.
    pub source: Source,
    /// Which row: the value of [`Source::key_attribute`].
    pub key: String,
    /// How it is written.
    pub write: Write,
    /// The row before; none where it is new.
    pub before: Option<Row>,
    /// The row after; none where it is deleted.
    pub after: Option<Row>,
}

/// An amount as DynamoDB gives it back: without trailing zeros ("Supported data types": "leading and trailing zeroes
/// are trimmed").
pub fn decimal(cents: u64) -> String {
    let (whole, rest) = (cents / 100, cents % 100);
    match (rest, rest % 10) {
        (0, _) => whole.to_string(),
        (_, 0) => format!("{whole}.{}", rest / 10),
        _ => format!("{whole}.{rest:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_no_trailing_zeros() {
        let amounts = [(0, "0"), (5, "0.05"), (50, "0.5"), (100, "1"), (1_290, "12.9"), (1_299, "12.99")];
        for (cents, text) in amounts {
            assert_eq!(decimal(cents), text);
        }
    }
}
