//! Tasks and services over time, with a manual clock and simulated processes and health checks.

mod kit;
mod rolling;
mod tasks;
