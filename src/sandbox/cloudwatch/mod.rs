//! CloudWatch: the balancer's counters and what clients put, read as metrics and by alarms.

mod alarm;
mod alarms;
mod data;
mod evaluation;
mod expression;
mod history;
pub mod metrics;
mod query;
mod statistic;
mod tags;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::api::Actions;
use super::state::State;
pub use alarm::Alarm;
pub use history::Item;
pub use metrics::Metrics;

/// What CloudWatch remembers: its alarms. The data points are in [`Metrics`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CloudWatch {
    /// By name.
    pub alarms: BTreeMap<String, Alarm>,
    /// What happened to alarms, oldest first; also to ones that are deleted.
    pub history: Vec<Item>,
}

/// The calls of CloudWatch, by name.
pub const ACTIONS: &[Actions] = &[data::ACTIONS, alarms::ACTIONS, history::ACTIONS, tags::ACTIONS];

/// Evaluates alarms; when to look again.
pub fn tick(state: &mut State, metrics: &Metrics, now: Timestamp) -> Option<Timestamp> {
    evaluation::tick(&mut state.cloudwatch, metrics, now)
}
