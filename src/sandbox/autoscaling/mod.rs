//! EC2 Auto Scaling: groups that keep their size, replace unhealthy instances, refresh, and scale by
//! schedule.

mod activities;
mod attach;
pub mod cron;
mod describe;
mod engine;
mod group;
mod groups;
mod hooks;
mod instances;
mod limits;
mod load_balancers;
mod lookups;
mod metrics;
mod policies;
mod processes;
mod refresh;
mod schedule;
mod settings;
mod standby;
mod tags;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::api::{Actions, Paging, Params, Refusal, Service, Shapes, Wire};
use super::state::{State, random_hex};
pub use activities::{Activity, Status};
pub use engine::tick;
pub use group::{Group, Lifecycle, Member};

/// The state of Auto Scaling.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AutoScaling {
    /// By name, in the order of their making.
    pub groups: IndexMap<String, Group>,
    /// Of all groups, those that are gone included; the oldest first.
    pub activities: Vec<Activity>,
}

/// EC2 Auto Scaling.
pub static SERVICE: Service = Service {
    wire: Wire {
        name: "autoscaling",
        signed: "autoscaling",
        namespace: "http://autoscaling.amazonaws.com/doc/2011-01-01/",
        ..Wire::QUERY
    },
    actions: ACTIONS,
    shapes: LazyLock::new(|| Shapes::parse(include_str!("shapes.txt"))),
    tick: Some(|state, _, now| tick(state, now)),
};

/// The calls, by name.
const ACTIONS: &[Actions] = &[
    activities::ACTIONS,
    attach::ACTIONS,
    describe::ACTIONS,
    groups::ACTIONS,
    hooks::ACTIONS,
    instances::ACTIONS,
    limits::ACTIONS,
    load_balancers::ACTIONS,
    metrics::ACTIONS,
    policies::ACTIONS,
    processes::ACTIONS,
    refresh::ACTIONS,
    schedule::ACTIONS,
    standby::ACTIONS,
    tags::ACTIONS,
];

/// Changes a group together with the rest of the region. `ValidationError` if the group does not exist.
fn with_group<T>(
    state: &mut State,
    name: &str,
    work: impl FnOnce(&mut State, &mut Group) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let Some(slot) = state.autoscaling.groups.get_mut(name) else { return Err(not_found(name)) };
    let mut group = std::mem::take(slot);
    let done = work(state, &mut group);
    if let Some(slot) = state.autoscaling.groups.get_mut(name) {
        *slot = group;
    }
    done
}

/// The group that a call names and that takes changes: one under deletion does not.
fn changed_group<'a>(state: &'a mut State, params: &Params) -> Result<&'a mut Group, Refusal> {
    let name = params.needed("AutoScalingGroupName");
    let group = state.autoscaling.groups.get_mut(&name).ok_or_else(|| not_found(&name))?;
    group.takes_changes()?;
    Ok(group)
}

/// The groups of a call: the named ones, or all.
fn asked_groups<'a>(state: &'a State, params: &Params) -> Result<Vec<&'a Group>, Refusal> {
    match params.has("AutoScalingGroupName") {
        true => Ok(vec![named_group(state, params)?]),
        false => Ok(state.autoscaling.groups.values().collect()),
    }
}

/// The group that a call names.
fn named_group<'a>(state: &'a State, params: &Params) -> Result<&'a Group, Refusal> {
    let name = params.needed("AutoScalingGroupName");
    state.autoscaling.groups.get(&name).ok_or_else(|| not_found(&name))
}

fn not_found(name: &str) -> Refusal {
    Refusal::validation(format!("AutoScalingGroup name not found - AutoScalingGroup '{name}' not found"))
}

/// A page of a list: the items under `name`, at most `most` and by default `default`, and the token of the
/// next page.
fn paged(
    params: &Params,
    name: &str,
    items: Vec<serde_json::Value>,
    (default, most): (usize, usize),
) -> Result<serde_json::Value, Refusal> {
    let size = if params.has("MaxRecords") { most } else { default };
    let bad = "InvalidNextToken";
    Paging { most: "MaxRecords", size, token: "NextToken", next: "NextToken", bad }
        .answer(params, name, items)
}

/// A time as answers have it.
fn shown(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// A time as causes of activities have it.
fn told(at: Timestamp) -> String {
    format!("{at:.0}")
}

/// `at` plus a number of seconds.
fn later(at: Timestamp, seconds: i64) -> Timestamp {
    at.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

/// The earlier of two times.
fn sooner(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}

/// A random UUID.
fn uuid() -> String {
    let hex = random_hex(32);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
