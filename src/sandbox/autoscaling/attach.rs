//! Instances that join and leave a group alive.

use serde_json::{Value, json};

use super::activities::{Activity, Status};
use super::group::{Lifecycle, Member};
use super::instances::{decremented, not_part};
use super::{told, with_group};
use crate::api::{Actions, Call, Refusal};
use crate::ec2::InstanceState;

/// The calls that attach and detach instances, by name.
pub const ACTIONS: Actions = &[("AttachInstances", attach), ("DetachInstances", detach)];

/// The desired capacity grows with them, and may not exceed the maximum (user guide,
/// attach-detach-instances).
fn attach(call: &mut Call) -> Result<Value, Refusal> {
    let (params, now) = (call.params, call.now);
    let name = params.needed("AutoScalingGroupName");
    let ids = params.texts("InstanceIds");
    with_group(call.state, &name, |state, group| {
        group.takes_changes()?;
        let more = i64::try_from(ids.len()).unwrap_or(i64::MAX);
        if group.desired.saturating_add(more) > group.max {
            return Err(Refusal::validation(format!(
                "Attaching {more} instance(s) to AutoScalingGroup {name} would exceed its max size {}.",
                group.max
            )));
        }
        for id in &ids {
            let found = state.ec2.instances.get_mut(id);
            let instance = found.filter(|one| one.state == InstanceState::Running).ok_or_else(|| {
                Refusal::validation(format!("Invalid Instance ID(s): [{id}]. The instance must be running."))
            })?;
            if let Some(other) = &instance.group {
                return Err(Refusal::validation(format!(
                    "Instance {id} is already part of AutoScalingGroup: {other}"
                )));
            }
            if !group.zones.contains(&instance.zone) {
                return Err(Refusal::validation(format!(
                    "The availability zone of instance {id} is not part of AutoScalingGroup {name}."
                )));
            }
            instance.group = Some(name.clone());
            let (instance_type, zone) = (instance.instance_type.clone(), instance.zone.clone());
            let subnet = instance.subnet.clone();
            let tags = state.ec2.tags.entry(id.clone()).or_default();
            tags.insert("aws:autoscaling:groupName".to_owned(), name.clone());
            let activity = state.autoscaling.record(Activity {
                group: name.clone(),
                group_arn: group.arn.clone(),
                description: format!("Attaching an existing EC2 instance: {id}"),
                cause: format!(
                    "At {} an instance was attached in response to a user request, increasing the capacity from {} \
                     to {}.",
                    told(now),
                    group.desired,
                    group.desired + 1
                ),
                started_at: now,
                status: Status::PreInService,
                progress: 50,
                details: Some((subnet, zone.clone())),
                ..Activity::default()
            });
            group.desired += 1;
            let member = Member {
                id: id.clone(),
                instance_type,
                zone,
                joined_at: now,
                protected: group.protects_new,
                activity: Some(activity),
                ..Member::default()
            };
            group.instances.insert(id.clone(), member);
        }
        Ok(json!({}))
    })
}

fn detach(call: &mut Call) -> Result<Value, Refusal> {
    let (params, now) = (call.params, call.now);
    let name = params.needed("AutoScalingGroupName");
    let decrement = params.flag("ShouldDecrementDesiredCapacity").unwrap_or_default();
    let ids = params.texts("InstanceIds");
    let activities = with_group(call.state, &name, |state, group| {
        group.takes_changes()?;
        let mut activities = Vec::new();
        for id in &ids {
            let member = group.instances.get(id).ok_or_else(|| not_part(id, &name))?;
            if !matches!(member.state, Lifecycle::InService | Lifecycle::Standby) {
                return Err(Refusal::validation(format!(
                    "The instance {id} is not in InService or Standby."
                )));
            }
            let (units, counted) = (member.units(), member.state.counts());
            let before = group.capacity();
            let mut cause =
                format!("At {} instance {id} was detached in response to a user request", told(now));
            if decrement && counted {
                group.desired = decremented(group, units, "Detaching instance")?;
                cause.push_str(&format!(", shrinking the capacity from {before} to {}", before - units));
            }
            cause.push('.');
            let activity = state.autoscaling.record(Activity {
                group: name.clone(),
                group_arn: group.arn.clone(),
                description: format!("Detaching EC2 instance: {id}"),
                cause,
                started_at: now,
                status: Status::InProgress,
                progress: 50,
                ..Activity::default()
            });
            if let Some(member) = group.instances.get_mut(id) {
                member.state = Lifecycle::Detaching;
                member.activity = Some(activity.clone());
            }
            activities.push(state.autoscaling.shown(&activity));
        }
        Ok(activities)
    })?;
    Ok(json!({ "Activities": activities }))
}
