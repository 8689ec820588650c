//! Scalable targets: resources with a minimum and a maximum.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Resource, asked, invalid, paged};
use crate::api::{Actions, Call, Refusal, timestamp};
use crate::ecs;
use crate::state::{State, random_hex};

/// The calls about scalable targets, by name.
pub const ACTIONS: Actions = &[
    ("DeregisterScalableTarget", deregister),
    ("DescribeScalableTargets", describe),
    ("RegisterScalableTarget", register),
];

/// A scalable target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scalable {
    pub resource: Resource,
    pub arn: String,
    pub least: u32,
    pub most: u32,
    pub role: String,
    /// `SuspendedState`
    pub suspended: Value,
    pub created: Timestamp,
}

impl Scalable {
    pub fn suspends(&self, what: &str) -> bool {
        self.suspended.get(what).and_then(Value::as_bool) == Some(true)
    }
}

/// The scalable target of a resource. `ObjectNotFoundException`.
pub fn find<'a>(state: &'a State, resource: &Resource) -> Result<&'a Scalable, Refusal> {
    let found = state.application_autoscaling.targets.iter().find(|one| one.resource == *resource);
    found.ok_or_else(|| {
        let text = format!("No scalable target found for {}", resource.told());
        Refusal::new("ObjectNotFoundException", text)
    })
}

fn register(call: &mut Call) -> Result<Value, Refusal> {
    let (state, params) = (&mut *call.state, call.params);
    let resource = Resource::read(params);
    let Some(service) = resource.service(state) else {
        return Err(invalid(format!(
            "The sandbox scales ECS services only, by ecs:service:DesiredCount: {}",
            resource.told()
        )));
    };
    if !ecs::is_active(state, &service) {
        return Err(invalid(format!("ECS service doesn't exist: {}", resource.id)));
    }
    let old = find(state, &resource).ok().cloned();
    let bound = |name: &str, old: Option<u32>| {
        let given: Option<i64> = params.number(name);
        if given.is_some_and(|given| given < 0) {
            return Err(invalid(format!("{name} must be greater than or equal to 0")));
        }
        let missing = "You must supply minimum and maximum capacity when registering a new scalable target";
        given.and_then(|given| u32::try_from(given).ok()).or(old).ok_or_else(|| invalid(missing))
    };
    let least = bound("MinCapacity", old.as_ref().map(|old| old.least))?;
    let most = bound("MaxCapacity", old.as_ref().map(|old| old.most))?;
    if least > most {
        return Err(invalid("Maximum capacity cannot be less than minimum capacity"));
    }
    let nothing = json!({
        "DynamicScalingInSuspended": false, "DynamicScalingOutSuspended": false, "ScheduledScalingSuspended": false,
    });
    let mut suspended = old.as_ref().map_or(nothing, |old| old.suspended.clone());
    if let (Some(all), Some(given)) = (suspended.as_object_mut(), params.child("SuspendedState")) {
        all.extend(given.value().as_object().cloned().unwrap_or_default());
    }
    let role = "aws-service-role/ecs.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService";
    let target = Scalable {
        arn: old.as_ref().map_or_else(
            || state.arn("application-autoscaling", &format!("scalable-target/{}", random_hex(32))),
            |old| old.arn.clone(),
        ),
        created: old.as_ref().map_or(call.now, |old| old.created),
        role: params
            .given("RoleARN")
            .unwrap_or_else(|| format!("arn:aws:iam::{}:role/{role}", state.account)),
        least,
        most,
        suspended,
        resource,
    };
    let arn = target.arn.clone();
    put(state, target);
    Ok(json!({ "ScalableTargetARN": arn }))
}

/// Keeps a target with its bounds, and its service within them.
pub fn put(state: &mut State, target: Scalable) {
    if let Some(service) = target.resource.service(state) {
        ecs::bound(state, &service, target.least as usize, target.most as usize);
    }
    let all = &mut state.application_autoscaling.targets;
    match all.iter_mut().find(|one| one.resource == target.resource) {
        Some(slot) => *slot = target,
        None => all.push(target),
    }
}

/// Deregisters a target; its scheduled actions are removed too.
fn deregister(call: &mut Call) -> Result<Value, Refusal> {
    let resource = Resource::read(call.params);
    find(call.state, &resource)?;
    call.state.application_autoscaling.targets.retain(|one| one.resource != resource);
    call.state.application_autoscaling.scheduled.retain(|one| one.resource != resource);
    Ok(json!({}))
}

fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let ids = call.params.texts("ResourceIds");
    let all = call.state.application_autoscaling.targets.iter();
    let found = all.filter(|one| {
        asked(call.params, &one.resource) && (ids.is_empty() || ids.contains(&one.resource.id))
    });
    let shown = |one: &Scalable| {
        json!({
            "ServiceNamespace": one.resource.namespace,
            "ResourceId": one.resource.id,
            "ScalableDimension": one.resource.dimension,
            "MinCapacity": one.least,
            "MaxCapacity": one.most,
            "RoleARN": one.role,
            "CreationTime": timestamp(one.created),
            "SuspendedState": one.suspended,
            "ScalableTargetARN": one.arn,
        })
    };
    paged(call.params, "ScalableTargets", found.map(shown).collect())
}
