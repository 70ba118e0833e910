//! What every function of Freshet shares.
//!
//! Pure modules ([`value`], [`event`], [`frame`], [`batch`], [`expression`], [`lookup`], [`pipeline`], [`replay`],
//! [`destination`], [`ledger`], [`gate`]) know neither AWS nor HTTP. What touches the world is reached through the narrow traits in [`ports`];
//! [`aws`] and [`http`] implement them, [`testing`] has in-memory ones that keep the same contracts.

pub mod alert;
pub mod audit;
pub mod aws;
pub mod batch;
pub mod capture;
pub mod config;
pub mod connection;
pub mod decimal;
pub mod delivery;
pub mod destination;
pub mod digest;
pub mod draft;
pub mod event;
pub mod expression;
pub mod failure;
pub mod frame;
pub mod gate;
pub mod http;
pub mod key;
pub mod lambda;
pub mod lane;
pub mod ledger;
pub mod lookup;
pub mod nearest;
pub mod pipeline;
pub mod ports;
pub mod position;
pub mod preview;
pub mod redrive;
pub mod replay;
pub mod schema;
pub mod state;
pub mod tally;
pub mod telemetry;
pub mod testing;
pub mod time;
pub mod value;
