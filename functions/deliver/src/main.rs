//! Sends one destination's deliveries to its vendor.
fn main() {}
