//! Turns the records of DynamoDB streams into change events.
fn main() {}
