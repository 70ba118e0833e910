//! Orders: from the basket to the door.

use rand::{Rng, RngExt, seq::IndexedRandom};

/// An order.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// `o-50001`, …
    pub order_id: String,
    /// Who ordered.
    pub customer_id: String,
    /// How far it has come.
    pub status: OrderStatus,
    /// What was ordered; at least one item.
    pub items: Vec<Item>,
    /// What the pickers in the hall noted.
    pub note: Option<String>,
    /// Milliseconds since 1970; grows with every change.
    pub updated_at: i64,
}

/// One line of an order.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The article's number.
    pub sku: String,
    /// What it is.
    pub name: String,
    /// How many.
    pub quantity: u64,
    /// The price of one, in cents.
    pub price_cents: u64,
}

/// How far an order has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderStatus {
    /// Ordered, not paid.
    Placed,
    /// Paid.
    Paid,
    /// On its way.
    Shipped,
    /// At the door.
    Delivered,
    /// Called off.
    Cancelled,
}

impl OrderStatus {
    /// The word in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Placed => "placed",
            Self::Paid => "paid",
            Self::Shipped => "shipped",
            Self::Delivered => "delivered",
            Self::Cancelled => "cancelled",
        }
    }
}

const ARTICLES: [(&str, &str, u64); 8] = [
    ("TEA-01", "Assam tea, 250 g", 890),
    ("TEA-07", "Sencha, 100 g", 1_250),
    ("CUP-03", "Stoneware cup", 1_495),
    ("POT-02", "Cast-iron pot", 7_900),
    ("FIL-10", "Paper filters, 100", 450),
    ("HON-05", "Lime-tree honey", 699),
    ("BOX-12", "Gift box “Morning”", 3_999),
    ("SPO-01", "Measuring spoon", 501),
];

impl Order {
    /// A customer orders; it is the store's `count`-th order.
    pub(super) fn place(random: &mut impl Rng, count: u64, customer_id: &str, now: i64) -> Self {
        let lines = random.random_range(1..=3);
        Self {
            order_id: format!("o-{}", 50_000 + count),
            customer_id: customer_id.to_owned(),
            status: OrderStatus::Placed,
            items: (0..lines).map(|_| Item::any(random)).collect(),
            note: None,
            updated_at: now,
        }
    }

    /// The order takes its next step; or something small about it changes.
    pub(super) fn edit(&mut self, random: &mut impl Rng, now: i64) {
        self.updated_at = now;
        let roll = random.random_range(0..100);
        match (self.status, roll) {
            (_, 0..12) => self.note = Some(format!("shelf {}", random.random_range(1..40))),
            (OrderStatus::Placed, 12..25) => self.items.push(Item::any(random)),
            (OrderStatus::Placed | OrderStatus::Paid, 25..33) => self.status = OrderStatus::Cancelled,
            (OrderStatus::Placed, _) => self.status = OrderStatus::Paid,
            (OrderStatus::Paid, _) => self.status = OrderStatus::Shipped,
            (OrderStatus::Shipped, _) => self.status = OrderStatus::Delivered,
            (OrderStatus::Delivered | OrderStatus::Cancelled, _) => self.note = None,
        }
    }

    /// Whether nothing more is going to happen to it.
    pub(super) const fn is_closed(&self) -> bool {
        matches!(self.status, OrderStatus::Delivered | OrderStatus::Cancelled)
    }

    /// What the order costs, in cents.
    pub fn total_cents(&self) -> u64 {
        self.items.iter().map(|item| item.quantity * item.price_cents).sum()
    }
}

impl Item {
    fn any(random: &mut impl Rng) -> Self {
        let (sku, name, price_cents) = *ARTICLES.choose(random).unwrap_or(&ARTICLES[0]);
        Self { sku: sku.to_owned(), name: name.to_owned(), quantity: random.random_range(1..=4), price_cents }
    }
}
