//! The story: which change comes next.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Change, Customer, Order, PageView, Row, Ticket, Write};

/// 2026-01-05T08:00:00Z, a Monday: when the store opens.
const OPENING: i64 = 1_767_600_000_000;

/// An endless, seeded sequence of changes.
pub struct Story {
    random: ChaCha8Rng,
    now: i64,
    number: u64,
    customers: Vec<Customer>,
    departed: Vec<Customer>,
    orders: Vec<Order>,
    tickets: Vec<Ticket>,
    closed: Vec<Row>,
    counts: Counts,
    hot: Option<Hot>,
}

#[derive(Default)]
struct Counts {
    customers: u64,
    orders: u64,
    tickets: u64,
    views: u64,
}

/// A customer who is changed several times in a row, and how often still.
struct Hot {
    customer_id: String,
    left: u32,
    /// The row as it was before the row of changes; its end sets the plan back to it, so that a value recurs.
    back_to: Option<Customer>,
}

impl Story {
    /// The story of a seed, from its beginning.
    pub fn new(seed: u64) -> Self {
        Self {
            random: ChaCha8Rng::seed_from_u64(seed),
            now: OPENING,
            number: 0,
            customers: Vec::new(),
            departed: Vec::new(),
            orders: Vec::new(),
            tickets: Vec::new(),
            closed: Vec::new(),
            counts: Counts::default(),
            hot: None,
        }
    }

    fn change(&mut self, write: Write, before: Option<Row>, after: Option<Row>) -> Option<Change> {
        let row = after.as_ref().or(before.as_ref())?;
        let (source, key) = (row.source(), row.key().to_owned());
        let number = self.number;
        self.number += 1;
        Some(Change { number, source, key, write, before, after })
    }

    /// An update is now a put of the whole row, now an update of what differs.
    fn updated(&mut self, before: Row, after: Row) -> Option<Change> {
        let write = if self.random.random_bool(0.3) { Write::Put } else { Write::Update };
        self.change(write, Some(before), Some(after))
    }

    fn sign_up(&mut self) -> Option<Change> {
        self.counts.customers += 1;
        let customer = Customer::sign_up(&mut self.random, self.counts.customers, self.now);
        self.customers.push(customer.clone());
        self.change(Write::Put, None, Some(Row::Customer(customer)))
    }

    fn come_back(&mut self) -> Option<Change> {
        if self.departed.is_empty() {
            return self.sign_up();
        }
        let at = self.random.random_range(0..self.departed.len());
        let customer = self.departed.swap_remove(at).come_back(&mut self.random, self.now);
        self.customers.push(customer.clone());
        self.change(Write::Put, None, Some(Row::Customer(customer)))
    }

    fn edit_customer(&mut self) -> Option<Change> {
        let at = match self.hot.take() {
            Some(mut hot) if hot.left > 0 => {
                let at = self.customers.iter().position(|customer| customer.customer_id == hot.customer_id);
                hot.left -= 1;
                if let (0, Some(at), Some(back_to)) = (hot.left, at, hot.back_to.take()) {
                    return self.set_back(at, &back_to);
                }
                self.hot = Some(hot);
                at?
            }
            _ => {
                let at = self.random.random_range(0..self.customers.len());
                if self.random.random_bool(0.1) {
                    let customer = &self.customers[at];
                    self.hot = Some(Hot {
                        customer_id: customer.customer_id.clone(),
                        left: self.random.random_range(2..=5),
                        back_to: self.random.random_bool(0.5).then(|| customer.clone()),
                    });
                }
                at
            }
        };
        let before = self.customers[at].clone();
        self.customers[at].edit(&mut self.random, self.now);
        let after = self.customers[at].clone();
        self.updated(Row::Customer(before), Row::Customer(after))
    }

    /// Someone undoes what was just done to the customer.
    fn set_back(&mut self, at: usize, back_to: &Customer) -> Option<Change> {
        let before = self.customers[at].clone();
        let after = Customer { updated_at: self.now, logins: before.logins, ..back_to.clone() };
        self.customers[at] = after.clone();
        self.updated(Row::Customer(before), Row::Customer(after))
    }

    fn delete_customer(&mut self) -> Option<Change> {
        let at = self.random.random_range(0..self.customers.len());
        let customer = self.customers.swap_remove(at);
        self.departed.push(customer.clone());
        self.change(Write::Delete, Some(Row::Customer(customer)), None)
    }

    fn any_customer(&mut self) -> Customer {
        let at = self.random.random_range(0..self.customers.len());
        self.customers[at].clone()
    }

    fn place_order(&mut self) -> Option<Change> {
        self.counts.orders += 1;
        let customer = self.any_customer();
        let order = Order::place(&mut self.random, self.counts.orders, &customer.customer_id, self.now);
        self.orders.push(order.clone());
        self.change(Write::Put, None, Some(Row::Order(order)))
    }

    fn edit_order(&mut self) -> Option<Change> {
        if self.orders.is_empty() {
            return self.place_order();
        }
        let at = self.random.random_range(0..self.orders.len());
        let before = self.orders[at].clone();
        self.orders[at].edit(&mut self.random, self.now);
        let after = self.orders[at].clone();
        if after.is_closed() {
            self.closed.push(Row::Order(self.orders.swap_remove(at)));
        }
        self.updated(Row::Order(before), Row::Order(after))
    }

    fn open_ticket(&mut self) -> Option<Change> {
        self.counts.tickets += 1;
        let customer = self.any_customer();
        let ticket = Ticket::open(&mut self.random, self.counts.tickets, &customer, self.now);
        self.tickets.push(ticket.clone());
        self.change(Write::Put, None, Some(Row::Ticket(ticket)))
    }

    fn edit_ticket(&mut self) -> Option<Change> {
        if self.tickets.is_empty() {
            return self.open_ticket();
        }
        let at = self.random.random_range(0..self.tickets.len());
        let before = self.tickets[at].clone();
        self.tickets[at].edit(&mut self.random, self.now);
        let after = self.tickets[at].clone();
        if after.is_closed() {
            self.closed.push(Row::Ticket(self.tickets.swap_remove(at)));
        }
        self.updated(Row::Ticket(before), Row::Ticket(after))
    }

    /// Old orders and tickets are cleaned away.
    fn clean_up(&mut self) -> Option<Change> {
        if self.closed.is_empty() {
            return self.edit_ticket();
        }
        let at = self.random.random_range(0..self.closed.len());
        let row = self.closed.swap_remove(at);
        self.change(Write::Delete, Some(row), None)
    }

    fn view_page(&mut self) -> Option<Change> {
        self.counts.views += 1;
        let view = PageView::any(&mut self.random, self.counts.views, self.now);
        self.change(Write::Record, None, Some(Row::PageView(view)))
    }
}

impl Iterator for Story {
    type Item = Change;

    /// Never ends.
    fn next(&mut self) -> Option<Change> {
        // Strictly later than every change before, so that every write really changes its row.
        self.now += self.random.random_range(1..20_000);
        if self.customers.len() < 8 {
            return self.sign_up();
        }
        if self.hot.as_ref().is_some_and(|hot| hot.left > 0) {
            return self.edit_customer();
        }
        match self.random.random_range(0..100) {
            0..9 => self.sign_up(),
            9..33 => self.edit_customer(),
            33..36 => self.delete_customer(),
            36..38 => self.come_back(),
            38..47 => self.place_order(),
            47..64 => self.edit_order(),
            64..70 => self.open_ticket(),
            70..79 => self.edit_ticket(),
            79..82 => self.clean_up(),
            _ => self.view_page(),
        }
    }
}

impl std::iter::FusedIterator for Story {}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;
    use crate::demo::store::Source;

    #[test]
    fn the_same_seed_tells_the_same_story() {
        let tell = |seed| Story::new(seed).take(500).collect::<Vec<_>>();
        assert_eq!(tell(7), tell(7));
        assert_ne!(tell(7), tell(8));
    }

    #[test]
    fn every_change_follows_from_the_row_before_it_and_alters_it() {
        for seed in 0..20 {
            let mut rows: HashMap<(Source, String), Row> = HashMap::new();
            for (number, change) in Story::new(seed).take(3_000).enumerate() {
                assert_eq!(change.number, u64::try_from(number).unwrap());
                let place = (change.source, change.key.clone());
                for row in change.before.iter().chain(&change.after) {
                    assert_eq!((row.source(), row.key()), (change.source, change.key.as_str()));
                }
                assert_ne!(change.before, change.after);
                if change.source == Source::PageViews {
                    assert_eq!(change.write, Write::Record);
                    continue;
                }
                assert_eq!(rows.remove(&place), change.before, "{change:?}");
                assert_eq!(change.write == Write::Delete, change.after.is_none());
                assert!(change.write != Write::Update || change.before.is_some());
                rows.extend(change.after.map(|row| (place, row)));
            }
        }
    }

    #[test]
    fn addresses_are_unique_and_stay() {
        let mut owners: HashMap<String, String> = HashMap::new();
        for change in Story::new(3).take(10_000) {
            if let Some(Row::Customer(customer)) = change.after {
                let owner = owners.entry(customer.email.to_lowercase()).or_insert(customer.customer_id.clone());
                assert_eq!(*owner, customer.customer_id);
            }
        }
        let distinct: HashSet<_> = owners.values().collect();
        assert_eq!(distinct.len(), owners.len());
        assert!(owners.len() > 500);
    }

    #[test]
    fn what_the_check_is_to_judge_does_happen() {
        let changes: Vec<_> = Story::new(1).take(2_000).collect();
        let of = |source| changes.iter().filter(|change| change.source == source).count();
        for source in Source::ALL {
            assert!(of(source) > 150, "{source:?}: {}", of(source));
        }
        let customers: Vec<_> = changes.iter().filter(|change| change.source == Source::Customers).collect();
        let mut deleted = HashSet::new();
        let mut came_back = 0;
        for change in &customers {
            if change.after.is_none() {
                deleted.insert(&change.key);
            } else if change.before.is_none() && deleted.contains(&change.key) {
                came_back += 1;
            }
        }
        assert!(came_back > 5, "{came_back}");
        let in_a_row = customers
            .windows(3)
            .filter(|three| three[0].key == three[1].key && three[1].key == three[2].key)
            .filter(|three| three[2].number - three[0].number == 2)
            .count();
        assert!(in_a_row > 20, "{in_a_row}");
    }
}
