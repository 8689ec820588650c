//! Health checks (user guide, ec2-auto-scaling-health-checks).

use jiff::Timestamp;

use crate::autoscaling::group::{Group, Lifecycle};
use crate::autoscaling::{later, load_balancers, sooner};
use crate::elbv2::targets::HealthState;
use crate::state::State;

/// Judges the instances in service; returns when the next grace period of an unhealthy one ends.
///
/// An instance that does not run is unhealthy at once. The judgment of target groups counts after the grace
/// period, which begins when the instance comes into service.
pub fn check(state: &State, group: &mut Group, now: Timestamp) -> Option<Timestamp> {
    if !group.runs("HealthCheck") {
        return None;
    }
    let mut due = None;
    for id in group.instances.keys().cloned().collect::<Vec<_>>() {
        let by_targets =
            group.judged_by_targets() && load_balancers::any_is(state, group, &id, HealthState::Unhealthy);
        let grace = group.grace;
        let Some(member) = group.instances.get_mut(&id) else { continue };
        if member.state != Lifecycle::InService || member.unhealthy.is_some() {
            continue;
        }
        if !state.ec2.instances.get(&id).is_some_and(|instance| instance.state.runs()) {
            let why = "an EC2 health check indicating it has been terminated or stopped";
            member.unhealthy = Some(why.to_owned());
        } else if by_targets {
            let from = member.in_service_at.map_or(now, |at| later(at, grace));
            match from <= now {
                true => member.unhealthy = Some("an ELB system health check failure".to_owned()),
                false => due = sooner(due, Some(from)),
            }
        }
    }
    due
}
