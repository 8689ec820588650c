//! (being written)

use super::step::Plan;
use crate::state::Snapshot;

pub fn document(_plan: &Plan, _snapshot: &Snapshot) -> serde_json::Value {
    serde_json::Value::Null
}
