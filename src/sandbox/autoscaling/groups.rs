//! Groups: made, changed, deleted, sized.

use serde_json::{Value, json};

use super::group::Group;
use super::load_balancers::{self, Attachment};
use super::{changed_group, hooks, later, limits, not_found, settings, tags, uuid, with_group};
use crate::api::{Actions, Call, Refusal};
use crate::autoscaling::engine;

/// The calls about groups, by name.
pub const ACTIONS: Actions = &[
    ("CreateAutoScalingGroup", create),
    ("DeleteAutoScalingGroup", delete),
    ("SetDesiredCapacity", set_desired),
    ("UpdateAutoScalingGroup", update),
];

fn create(call: &mut Call) -> Result<Value, Refusal> {
    let (params, now) = (call.params, call.now);
    let name = settings::group_name(params)?;
    let groups = &call.state.autoscaling.groups;
    if groups.contains_key(&name) {
        return Err(Refusal::new(
            "AlreadyExists",
            format!(
                "AutoScalingGroup by this name already exists - A group with the name {name} already exists"
            ),
        ));
    }
    if groups.len() >= limits::GROUPS {
        return Err(Refusal::new("LimitExceeded", "You have reached your limit of Auto Scaling groups."));
    }
    let launched_from = ["LaunchTemplate", "MixedInstancesPolicy", "LaunchConfigurationName", "InstanceId"];
    if !launched_from.iter().any(|one| params.has(one)) {
        return Err(Refusal::validation(
            "Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or \
             MixedInstancesPolicy parameter.",
        ));
    }
    let arn =
        call.state.arn("autoscaling", &format!("autoScalingGroup:{}:autoScalingGroupName/{name}", uuid()));
    let role = format!(
        "arn:aws:iam::{}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling",
        call.state.account
    );
    let mut group = Group {
        name: name.clone(),
        arn,
        created_at: now,
        cooldown: 300,
        health_type: "EC2".to_owned(),
        termination_policies: vec!["Default".to_owned()],
        deletion_protection: "none".to_owned(),
        ..Group::default()
    };
    group.kept.insert("ServiceLinkedRoleARN".to_owned(), json!(role));
    group.kept.insert(
        "AvailabilityZoneDistribution".to_owned(),
        json!({ "CapacityDistributionStrategy": "balanced-best-effort" }),
    );
    let (min, max, desired) = settings::sizes(&group, params)?;
    settings::apply(call.state, &mut group, params)?;
    if group.zones.is_empty() {
        return Err(Refusal::validation("At least one Availability Zone or VPC Subnet is required."));
    }
    if params.has("LoadBalancerNames") && !params.texts("LoadBalancerNames").is_empty() {
        return Err(Refusal::validation(
            "Provided Load Balancers may not be valid. Please ensure they exist and try again.",
        ));
    }
    (group.min, group.max) = (min, max);
    group.set_desired(desired, now, "a user request created an AutoScalingGroup");
    // Attached at creation they are in service at once (API_LoadBalancerTargetGroupState).
    for arn in load_balancers::asked(call.state, params)? {
        group.target_groups.insert(arn, Attachment::at_creation());
    }
    tags::add(&mut group, &params.items("Tags"))?;
    for hook in params.items("LifecycleHookSpecificationList") {
        hooks::put(&mut group, &hook)?;
    }
    call.state.autoscaling.groups.insert(name, group);
    Ok(json!({}))
}

/// Updates the parameters of the call; others stay as they are.
fn update(call: &mut Call) -> Result<Value, Refusal> {
    let (params, now) = (call.params, call.now);
    let name = params.needed("AutoScalingGroupName");
    if !call.state.autoscaling.groups.contains_key(&name) {
        return Err(Refusal::validation("AutoScalingGroup name not found - null"));
    }
    with_group(call.state, &name, |state, group| {
        group.takes_changes()?;
        let launches_from = |group: &Group| (group.template.clone(), group.mixed.clone());
        let before = launches_from(group);
        let (min, max, desired) = settings::sizes(group, params)?;
        settings::apply(state, group, params)?;
        if group.refresh().is_some_and(|refresh| refresh.launches().is_some())
            && launches_from(group) != before
        {
            return Err(Refusal::new(
                "ScalingActivityInProgress",
                "An active instance refresh with a desired configuration exists. All configuration options derived \
                 from the desired configuration are not available for update while the instance refresh is active.",
            ));
        }
        (group.min, group.max) = (min, max);
        let why = format!(
            "a user request update of AutoScalingGroup constraints to min: {min}, max: {max}, desired: {desired}"
        );
        group.set_desired(desired, now, &why);
        // The cause of failed launches may be gone.
        (group.failures, group.next_launch) = (0, None);
        Ok(json!({}))
    })
}

fn delete(call: &mut Call) -> Result<Value, Refusal> {
    let (params, now) = (call.params, call.now);
    let name = params.needed("AutoScalingGroupName");
    let force = params.flag("ForceDelete").unwrap_or(false);
    let active = {
        let autoscaling = &call.state.autoscaling;
        let group = autoscaling.groups.get(&name).ok_or_else(|| not_found(&name))?;
        let protected = match group.deletion_protection.as_str() {
            "prevent-all-deletion" => true,
            "prevent-force-deletion" => force,
            _ => false,
        };
        if protected {
            return Err(Refusal::validation(format!(
                "You cannot delete AutoScalingGroup {name} because its deletion protection is {}.",
                group.deletion_protection
            )));
        }
        if group.deleting {
            return Ok(json!({}));
        }
        if !force && !group.instances.is_empty() {
            return Err(Refusal::new(
                "ResourceInUse",
                "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance \
                 request(s) still in the group.",
            ));
        }
        autoscaling.active(&group.arn)
    };
    if active && !force {
        return Err(Refusal::new(
            "ScalingActivityInProgress",
            "You cannot delete an AutoScalingGroup while there are scaling activities in progress for that group.",
        ));
    }
    with_group(call.state, &name, |_, group| {
        group.deleting = true;
        (group.min, group.max) = (0, 0);
        group.set_desired(0, now, "a user request force-deleted the AutoScalingGroup");
        group.hooks.clear();
        group.schedule.clear();
        group.policies.clear();
        Ok(())
    })?;
    engine::remove_if_empty(call.state, &name);
    Ok(json!({}))
}

fn set_desired(call: &mut Call) -> Result<Value, Refusal> {
    let (params, now) = (call.params, call.now);
    let honor = params.flag("HonorCooldown").unwrap_or(false);
    let desired = params.number("DesiredCapacity").unwrap_or_default();
    let group = changed_group(call.state, params)?;
    let beyond = |bound: &str, value: i64, size: &str| {
        Refusal::validation(format!(
            "New SetDesiredCapacity value {desired} is {bound} {size} value {value} for the AutoScalingGroup."
        ))
    };
    if desired < group.min {
        return Err(beyond("below", group.min, "min"));
    }
    if desired > group.max {
        return Err(beyond("above", group.max, "max"));
    }
    if honor {
        cooled_down(group, group.cooldown, now)?;
    }
    group.set_desired(desired, now, "a user request explicitly set group desired capacity");
    Ok(json!({}))
}

/// Refuses with `ScalingActivityInProgress` during a cooldown.
pub fn cooled_down(group: &Group, cooldown: i64, now: jiff::Timestamp) -> Result<(), Refusal> {
    match group.scaled_at {
        Some(at) if later(at, cooldown) > now => Err(Refusal::new(
            "ScalingActivityInProgress",
            format!("Scaling activity for group {} is in its cooldown and blocks this action", group.name),
        )),
        _ => Ok(()),
    }
}
