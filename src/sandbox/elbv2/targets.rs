//! Targets of target groups: registered, checked, drained.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::api::Refusal;
use super::super::state::State;

/// Target health as DescribeTargetHealth tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    pub state: HealthState,
    /// Such as `Target.FailedHealthChecks`; none where healthy.
    pub reason: Option<String>,
    pub description: Option<String>,
}

/// The states of a target (API_TargetHealth).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HealthState {
    /// No rule names the group, or the instance does not run.
    Unused,
    Initial,
    Healthy,
    Unhealthy,
    Draining,
}

/// Registers an instance, at the group's port where none is given. Registering again what drains
/// ends the draining; what is registered stays as it is. `TargetGroupNotFound`, `InvalidTarget`.
pub fn register(
    _state: &mut State,
    _group_arn: &str,
    _instance: &str,
    _port: Option<u16>,
    _now: Timestamp,
) -> Result<(), Refusal> {
    Ok(())
}

/// Begins to drain an instance (all its ports where none is given); gone at once where nothing was
/// sent to it.
pub fn deregister(
    _state: &mut State,
    _group_arn: &str,
    _instance: &str,
    _port: Option<u16>,
    _now: Timestamp,
) -> Result<(), Refusal> {
    Ok(())
}

/// The health of an instance in a group; None where it is not registered there (any more).
pub fn health(_state: &State, _group_arn: &str, _instance: &str) -> Option<Health> {
    None
}

/// The port of a group, None where there is no such group.
pub fn group_port(_state: &State, _group_arn: &str) -> Option<u16> {
    None
}
