//! Turns the records of Kinesis streams into change events.
fn main() {}
