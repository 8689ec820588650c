//! The work of groups as time passes: schedules, health, lifecycles, refreshes, sizes.

mod choose;
mod health;
mod lifecycle;
mod scale;

use std::convert::identity;

use jiff::Timestamp;

use super::activities::{Activity, Status};
use super::group::{Group, Lifecycle};
use super::{load_balancers, refresh, schedule, sooner, with_group};
use crate::state::State;

/// Carries out everything due by `now`; returns when to call it again.
pub fn tick(state: &mut State, now: Timestamp) -> Option<Timestamp> {
    let names: Vec<String> = state.autoscaling.groups.keys().cloned().collect();
    let mut due = None;
    for name in names {
        let next = with_group(state, &name, |state, group| Ok(turn(state, group, now)));
        due = sooner(due, next.ok().and_then(identity));
        remove_if_empty(state, &name);
    }
    due
}

fn turn(state: &mut State, group: &mut Group, now: Timestamp) -> Option<Timestamp> {
    let mut due = schedule::tick(group, now);
    due = sooner(due, lifecycle::advance(state, group, now));
    due = sooner(due, health::check(state, group, now));
    load_balancers::tick(state, group, now);
    due = sooner(due, refresh::tick(state, group, now));
    sooner(due, scale::keep(state, group, now))
}

/// A group under deletion is gone when its last instance is.
pub fn remove_if_empty(state: &mut State, name: &str) {
    let autoscaling = &mut state.autoscaling;
    let empty = |group: &Group| group.deleting && group.instances.is_empty();
    if autoscaling.groups.get(name).is_some_and(empty)
        && let Some(group) = autoscaling.groups.shift_remove(name)
    {
        for activity in autoscaling.activities.iter_mut().filter(|one| one.group_arn == group.arn) {
            activity.deleted = true;
        }
    }
}

/// An instance is on its way out from now on; the id of the activity.
pub fn begin_termination(
    state: &mut State,
    group: &mut Group,
    id: &str,
    cause: String,
    now: Timestamp,
) -> Option<String> {
    let member = group.instances.get_mut(id)?;
    if member.state.leaving() {
        return member.activity.clone();
    }
    state.autoscaling.proceed(member.activity.as_deref(), Status::Cancelled, 100, now);
    member.state = Lifecycle::Terminating;
    member.wait = None;
    let subnet = state.ec2.instances.get(id).map(|instance| instance.subnet.clone()).unwrap_or_default();
    let activity = state.autoscaling.record(Activity {
        group: group.name.clone(),
        group_arn: group.arn.clone(),
        description: format!("Terminating EC2 instance: {id}"),
        cause,
        started_at: now,
        status: Status::InProgress,
        details: Some((subnet, member.zone.clone())),
        ..Activity::default()
    });
    member.activity = Some(activity.clone());
    group.scaled_at = Some(now);
    Some(activity)
}
