//! What tasks and services do over time, driven by hand: processes and health checks are told.

mod kit;
mod rolling;
mod tasks;
