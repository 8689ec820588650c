//! EC2 Auto Scaling: groups that keep their size, replace what is unhealthy, refresh, and scale
//! by schedule.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::api::Actions;
use super::state::State;

/// What Auto Scaling remembers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AutoScaling {}

/// The calls of Auto Scaling, by name.
pub const ACTIONS: &[Actions] = &[];

/// Makes what is due by `now` happen; when to look again.
pub fn tick(_state: &mut State, _now: Timestamp) -> Option<Timestamp> {
    None
}
