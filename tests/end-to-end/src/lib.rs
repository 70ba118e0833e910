//! End-to-end tests on the local stack; they stand in `tests/`.
