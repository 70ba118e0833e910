//! The `freshet` command, and the stack that it runs on one machine: the functions' own handlers, AWS's protocols
//! between them, and simulators of the destinations.

pub mod commands;
pub mod console;
pub mod demo;
pub mod deployed;
pub mod faults;
pub mod function;
pub mod mapping;
pub mod pipelines;
pub mod services;
pub mod simulator;
pub mod stack;
