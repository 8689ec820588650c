//! Single instances of groups: ended, judged, protected.

use serde_json::{Value, json};

use super::group::{Group, Lifecycle};
use super::{changed_group, engine, later, told, with_group};
use crate::api::{Actions, Call, Refusal};
use crate::state::State;

/// The calls about single instances, by name.
pub const ACTIONS: Actions = &[
    ("SetInstanceHealth", set_health),
    ("SetInstanceProtection", set_protection),
    ("TerminateInstanceInAutoScalingGroup", terminate),
];

/// The group that an instance belongs to.
fn group_of(state: &State, id: &str) -> Result<String, Refusal> {
    let groups = &state.autoscaling.groups;
    groups.values().find(|group| group.instances.contains_key(id)).map(|group| group.name.clone()).ok_or_else(
        || {
            Refusal::validation(format!(
                "Instance Id not found - No managed instance found for instance ID {id}"
            ))
        },
    )
}

/// The desired capacity without this much, which must not fall below the minimum.
pub fn decremented(group: &Group, by: i64, what: &str) -> Result<i64, Refusal> {
    let desired = group.desired - by;
    match desired < group.min {
        true => Err(Refusal::validation(format!(
            "Currently, desiredSize equals minSize ({}). {what} without replacement will violate group's min size \
             constraint. Either set shouldDecrementDesiredCapacity flag to false or lower group's min size.",
            group.min
        ))),
        false => Ok(desired),
    }
}

fn terminate(call: &mut Call) -> Result<Value, Refusal> {
    let now = call.now;
    let id = call.params.needed("InstanceId");
    let decrement = call.params.flag("ShouldDecrementDesiredCapacity").unwrap_or_default();
    let name = group_of(call.state, &id)?;
    let activity = with_group(call.state, &name, |state, group| {
        let Some(member) = group.instances.get(&id) else { return Err(super::not_found(&name)) };
        if member.state.leaving() {
            return Ok(member.activity.clone());
        }
        let counted = member.state.counts();
        let units = member.units();
        let mut cause =
            format!("At {} instance {id} was taken out of service in response to a user request", told(now));
        if decrement && counted {
            let before = group.capacity();
            group.desired = decremented(group, units, "Terminating instance")?;
            cause.push_str(&format!(", shrinking the capacity from {before} to {}", before - units));
        }
        cause.push('.');
        Ok(engine::begin_termination(state, group, &id, cause, now))
    })?;
    Ok(json!({ "Activity": activity.map(|id| call.state.autoscaling.shown(&id)) }))
}

/// During the grace period the call has no effect, unless it is told not to respect that
/// (API_SetInstanceHealth).
fn set_health(call: &mut Call) -> Result<Value, Refusal> {
    let now = call.now;
    let id = call.params.needed("InstanceId");
    let status = call.params.needed("HealthStatus");
    let respects = call.params.flag("ShouldRespectGracePeriod").unwrap_or(true);
    let name = group_of(call.state, &id)?;
    with_group(call.state, &name, |_, group| {
        let grace = group.grace;
        let Some(member) = group.instances.get_mut(&id) else { return Ok(()) };
        let spared = respects && member.in_service_at.is_none_or(|at| later(at, grace) > now);
        if status == "Healthy" {
            member.unhealthy = None;
        } else if !spared && member.unhealthy.is_none() {
            member.unhealthy = Some("a user health-check".to_owned());
        }
        Ok(())
    })?;
    Ok(json!({}))
}

fn set_protection(call: &mut Call) -> Result<Value, Refusal> {
    let ids = call.params.texts("InstanceIds");
    let protected = call.params.flag("ProtectedFromScaleIn").unwrap_or_default();
    let group = changed_group(call.state, call.params)?;
    for id in ids {
        let name = group.name.clone();
        let member = group.instances.get_mut(&id).ok_or_else(|| not_part(&id, &name))?;
        if member.state.leaving() {
            return Err(Refusal::validation(format!(
                "The instance {id} is not in InService or EnteringStandby or Standby."
            )));
        }
        member.protected = protected;
    }
    Ok(json!({}))
}

/// Refuses an instance that is in another group or does not exist.
pub fn not_part(id: &str, group: &str) -> Refusal {
    Refusal::validation(format!("The instance {id} is not part of Auto Scaling group {group}."))
}

/// The instances of a call, each in service (or in `state`) in the group.
pub fn named(group: &Group, ids: &[String], state: Lifecycle) -> Result<i64, Refusal> {
    let mut units = 0;
    for id in ids {
        let member = group.instances.get(id).ok_or_else(|| not_part(id, &group.name))?;
        if member.state != state {
            return Err(Refusal::validation(format!("The instance {id} is not in {}.", state.name())));
        }
        units += member.units();
    }
    Ok(units)
}
