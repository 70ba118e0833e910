//! Page views: what visitors of the shop look at.

use rand::{Rng, RngExt, seq::IndexedRandom};
use serde::Serialize;

/// A visitor looks at a page. Serialized, it is the JSON on the stream.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PageView {
    /// Unique; `v-1`, …
    pub view_id: String,
    /// The cookie's name for the visitor.
    pub visitor_id: String,
    /// The page's path.
    pub page: String,
    /// Where the visitor came from; `null` where the browser does not tell.
    pub referrer: Option<String>,
    /// Milliseconds since 1970, by the shop's clock.
    pub at: i64,
}

const PAGES: [&str; 9] = [
    "/",
    "/products/tea",
    "/products/cups",
    "/products/gift-boxes",
    "/pricing",
    "/checkout",
    "/about",
    "/imprint",
    "/healthz",
];
const REFERRERS: [&str; 4] =
    ["https://search.example/", "https://social.example/tea", "https://blog.example/10-cups", "https://mail.example/"];

impl PageView {
    /// Someone looks at a page; it is the shop's `count`-th view.
    pub(super) fn any(random: &mut impl Rng, count: u64, now: i64) -> Self {
        Self {
            view_id: format!("v-{count}"),
            // Few visitors, so that the order of each one's views is put to the test.
            visitor_id: format!("visitor-{}", random.random_range(1..=40)),
            page: (*PAGES.choose(random).unwrap_or(&PAGES[0])).to_owned(),
            referrer: random.random_bool(0.6).then(|| (*REFERRERS.choose(random).unwrap_or(&REFERRERS[0])).to_owned()),
            at: now,
        }
    }
}
