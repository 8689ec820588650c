//! Standby: in the group, out of service (user guide, as-enter-exit-standby).

use serde_json::{Value, json};

use super::activities::{Activity, Status};
use super::group::Lifecycle;
use super::instances::{decremented, named};
use super::{told, with_group};
use crate::api::{Actions, Call, Refusal};

/// The calls about standby, by name.
pub const ACTIONS: Actions = &[("EnterStandby", enter), ("ExitStandby", exit)];

fn enter(call: &mut Call) -> Result<Value, Refusal> {
    let (params, now) = (call.params, call.now);
    let name = params.needed("AutoScalingGroupName");
    let decrement = params.flag("ShouldDecrementDesiredCapacity").unwrap_or_default();
    let ids = params.texts("InstanceIds");
    let activities = with_group(call.state, &name, |state, group| {
        group.takes_changes()?;
        let units = named(group, &ids, Lifecycle::InService)?;
        let before = group.capacity();
        if decrement {
            group.desired = decremented(group, units, "Putting instance on standby")?;
        }
        let mut activities = Vec::new();
        for id in &ids {
            let shrinks = match decrement {
                true => format!(", shrinking the capacity from {before} to {}", before - units),
                false => String::new(),
            };
            let activity = state.autoscaling.record(Activity {
                group: name.clone(),
                group_arn: group.arn.clone(),
                description: format!("Moving EC2 instance to Standby: {id}"),
                cause: format!(
                    "At {} instance {id} was moved to standby in response to a user request{shrinks}.",
                    told(now)
                ),
                started_at: now,
                status: Status::InProgress,
                progress: 50,
                ..Activity::default()
            });
            if let Some(member) = group.instances.get_mut(id) {
                member.state = Lifecycle::EnteringStandby;
                member.activity = Some(activity.clone());
            }
            activities.push(state.autoscaling.shown(&activity));
        }
        Ok(activities)
    })?;
    Ok(json!({ "Activities": activities }))
}

/// Returns instances to service. The desired capacity grows by their number, and may not exceed the maximum.
fn exit(call: &mut Call) -> Result<Value, Refusal> {
    let (params, now) = (call.params, call.now);
    let name = params.needed("AutoScalingGroupName");
    let ids = params.texts("InstanceIds");
    let activities = with_group(call.state, &name, |state, group| {
        group.takes_changes()?;
        let units = named(group, &ids, Lifecycle::Standby)?;
        let (before, after) = (group.desired, group.desired + units);
        if after > group.max {
            return Err(Refusal::validation(format!(
                "Moving {units} instance(s) out of standby would exceed the max size {} of AutoScalingGroup {name}.",
                group.max
            )));
        }
        group.desired = after;
        let mut activities = Vec::new();
        for id in &ids {
            let activity = state.autoscaling.record(Activity {
                group: name.clone(),
                group_arn: group.arn.clone(),
                description: format!("Moving EC2 instance out of Standby: {id}"),
                cause: format!(
                    "At {} instance {id} was moved out of standby in response to a user request, increasing the \
                     capacity from {before} to {after}.",
                    told(now)
                ),
                started_at: now,
                status: Status::PreInService,
                progress: 30,
                ..Activity::default()
            });
            if let Some(member) = group.instances.get_mut(id) {
                member.state = Lifecycle::Pending;
                member.launched = true;
                member.activity = Some(activity.clone());
            }
            activities.push(state.autoscaling.shown(&activity));
        }
        Ok(activities)
    })?;
    Ok(json!({ "Activities": activities }))
}
