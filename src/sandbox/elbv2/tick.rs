//! Elastic Load Balancing's changes as time passes, and on the balancer's reports.

use jiff::{SignedDuration, Timestamp};

use super::super::balancer::Report;
use super::super::balancer::config::TargetKey;
use super::super::ec2::InstanceState;
use super::super::state::State;
use super::targets::{self, Target};

/// Carries out everything due by `now`; returns when to call it again.
pub fn tick(state: &mut State, now: Timestamp) -> Option<Timestamp> {
    let provisioned = provision(state, now);
    let drained = drain(state, now);
    forget_health(state);
    [provisioned, drained].into_iter().flatten().min()
}

/// `provisioning` → `active`
fn provision(state: &mut State, now: Timestamp) -> Option<Timestamp> {
    let takes = SignedDuration::try_from(state.pace.load_balancer).unwrap_or_default();
    let mut next = None;
    for one in state.elbv2.load_balancers.values_mut().filter(|one| !one.active) {
        let due = one.created_at.saturating_add(takes).unwrap_or(Timestamp::MAX);
        one.active = due <= now;
        if !one.active {
            next = [next, Some(due)].into_iter().flatten().min();
        }
    }
    next
}

/// Targets leave when their delay is over, when no listener can send to them any more, and with their
/// instances.
fn drain(state: &mut State, now: Timestamp) -> Option<Timestamp> {
    let mut next: Option<Timestamp> = None;
    let mut gone: Vec<(String, Target)> = Vec::new();
    for (arn, group) in &state.elbv2.target_groups {
        let used = state.elbv2.user_of(arn).is_some_and(|user| user.active);
        for target in &group.targets {
            let instance = state.ec2.instances.get(&target.id).map(|instance| instance.state);
            let dead =
                matches!(instance, None | Some(InstanceState::Terminated)) && group.target_type != "ip";
            let due = target.draining.map(|since| targets::drained_by(group, since));
            let over = due.is_some_and(|due| due <= now || !used);
            if dead || over || (due.is_some() && !targets::reachable(state, group, &target.id)) {
                gone.push((arn.clone(), target.clone()));
            } else {
                next = [next, due].into_iter().flatten().min();
            }
        }
    }
    for (arn, target) in gone {
        if let Some(group) = state.elbv2.target_groups.get_mut(&arn) {
            group.targets.retain(|one| *one != target);
        }
    }
    next
}

/// An unchecked target has no health: when it is checked again, it begins as `initial`.
fn forget_health(state: &mut State) {
    let stale = |(arn, group): (&String, &super::TargetGroup)| {
        let used = state.elbv2.user_of(arn).is_some();
        let stale = |target: &&Target| {
            target.seen.is_some() && !(used && targets::reachable(state, group, &target.id))
        };
        let keys: Vec<_> = group.targets.iter().filter(stale).map(|one| (one.id.clone(), one.port)).collect();
        (!keys.is_empty()).then(|| (arn.clone(), keys))
    };
    let stale: Vec<_> = state.elbv2.target_groups.iter().filter_map(stale).collect();
    for (arn, keys) in stale {
        for (id, port) in keys {
            if let Some(target) = target(state, &arn, &TargetKey { id, port }) {
                target.seen = None;
            }
        }
    }
}

fn target<'a>(state: &'a mut State, group: &str, key: &TargetKey) -> Option<&'a mut Target> {
    let group = state.elbv2.target_groups.get_mut(group)?;
    group.targets.iter_mut().find(|one| one.id == key.id && one.port == key.port)
}

/// Handles a report of the balancer.
pub fn reported(state: &mut State, report: &Report, _now: Timestamp) {
    match report {
        Report::Health { group, target: key, health } => {
            if let Some(target) = target(state, group, key) {
                target.seen = Some(health.clone());
            }
        }
        Report::Drained { group, target: key } => {
            if let Some(group) = state.elbv2.target_groups.get_mut(group) {
                let is = |one: &Target| one.id == key.id && one.port == key.port && one.draining.is_some();
                group.targets.retain(|one| !is(one));
            }
        }
        Report::Refused { listener, why } => {
            if let Some(listener) = state.elbv2.listeners.get_mut(listener) {
                listener.refused = Some(why.clone());
            }
        }
    }
}
