//! Elastic Load Balancing v2: load balancers, listeners, rules, target groups and their targets.

pub mod targets;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::api::Actions;
use super::balancer::{Config, Report};
use super::state::State;

/// What Elastic Load Balancing remembers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Elbv2 {}

/// The calls of Elastic Load Balancing v2, by name.
pub const ACTIONS: &[Actions] = &[];

/// Whether a load balancer has the security group, so that it cannot be deleted.
pub fn in_use_by_load_balancer(_state: &State, _id: &str) -> bool {
    false
}

/// Makes what is due by `now` happen; when to look again.
pub fn tick(_state: &mut State, _now: Timestamp) -> Option<Timestamp> {
    None
}

/// What the balancer reported.
pub fn reported(_state: &mut State, _report: &Report, _now: Timestamp) {}

/// What the balancer should serve.
pub fn config(_state: &State) -> Config {
    Config::default()
}
