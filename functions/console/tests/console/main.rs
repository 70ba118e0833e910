//! The console from outside: requests, and what comes back.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod access;
mod activity;
mod alerts;
mod connections;
mod customer;
mod drafts;
mod issuer;
mod lambda;
mod memory;
mod openid;
mod pages;
mod pipelines;
mod problems;
