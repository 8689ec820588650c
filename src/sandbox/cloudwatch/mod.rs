//! CloudWatch: the balancer's counters and what clients put, read as metrics and by alarms.

pub mod metrics;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::api::Actions;
use super::state::State;
pub use metrics::Metrics;

/// What CloudWatch remembers: its alarms. The data points are in [`Metrics`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CloudWatch {}

/// The calls of CloudWatch, by name.
pub const ACTIONS: &[Actions] = &[];

/// Evaluates alarms; when to look again.
pub fn tick(_state: &mut State, _metrics: &Metrics, _now: Timestamp) -> Option<Timestamp> {
    None
}
