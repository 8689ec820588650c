//! Real sockets, real requests.

mod connections;
mod draining;
mod failures;
mod forms;
mod health;
mod kit;
mod routing;
mod shifting;
mod stickiness;
