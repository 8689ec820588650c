//! Target groups of a group: attached and detached, by their own calls and as traffic sources.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::group::{Group, Lifecycle};
use super::{changed_group, named_group, paged};
use crate::api::{Actions, Call, Params, Refusal};
use crate::elbv2::targets::{self, HealthState};
use crate::state::State;

/// The calls about load balancers, by name.
pub const ACTIONS: Actions = &[
    ("AttachLoadBalancerTargetGroups", attach),
    ("AttachTrafficSources", attach),
    ("DescribeLoadBalancerTargetGroups", describe),
    ("DescribeLoadBalancers", describe_classic),
    ("DescribeTrafficSources", describe_sources),
    ("DetachLoadBalancerTargetGroups", detach),
    ("DetachTrafficSources", detach),
];

/// The state of an attachment (API_LoadBalancerTargetGroupState).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Attachment {
    #[default]
    Adding,
    Added,
    InService,
    Removing,
}

impl Attachment {
    /// Attached with the group itself: in service immediately (API_LoadBalancerTargetGroupState).
    pub fn at_creation() -> Self {
        Attachment::InService
    }

    pub fn removing(self) -> bool {
        self == Attachment::Removing
    }
}

/// The target groups that a call names in either form; each must exist.
pub fn asked(state: &State, params: &Params) -> Result<Vec<String>, Refusal> {
    let mut arns = params.texts("TargetGroupARNs");
    for source in params.items("TrafficSources") {
        let identifier = source.needed("Identifier");
        match source.text("Type").as_deref() {
            None | Some("elbv2") => arns.push(identifier),
            Some(other) => {
                return Err(Refusal::validation(format!(
                    "The traffic source '{identifier}' of type {other} does not exist."
                )));
            }
        }
    }
    if arns.iter().any(|arn| targets::group_port(state, arn).is_none()) {
        return Err(Refusal::validation(
            "Provided Target Groups may not be valid. Please ensure they exist and try again.",
        ));
    }
    Ok(arns)
}

/// Attaches target groups; attached ones stay as they are.
fn attach(call: &mut Call) -> Result<Value, Refusal> {
    let arns = asked(call.state, call.params)?;
    let group = changed_group(call.state, call.params)?;
    for arn in arns {
        let slot = group.target_groups.entry(arn).or_default();
        if slot.removing() {
            *slot = Attachment::Adding;
        }
    }
    Ok(json!({}))
}

fn detach(call: &mut Call) -> Result<Value, Refusal> {
    let params = call.params;
    let sources = params.items("TrafficSources");
    let sources = sources.iter().filter_map(|source| source.text("Identifier"));
    let arns: Vec<String> = params.texts("TargetGroupARNs").into_iter().chain(sources).collect();
    let group = changed_group(call.state, params)?;
    if let Some(unknown) = arns.iter().find(|arn| !group.target_groups.contains_key(*arn)) {
        return Err(Refusal::validation(format!(
            "Trying to remove Target Groups that are not part of the group: [{unknown}]"
        )));
    }
    for arn in arns {
        group.target_groups.insert(arn, Attachment::Removing);
    }
    Ok(json!({}))
}

fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let group = named_group(call.state, call.params)?;
    let one =
        |(arn, state): (&String, &Attachment)| json!({ "LoadBalancerTargetGroupARN": arn, "State": state });
    let items = group.target_groups.iter().map(one).collect();
    paged(call.params, "LoadBalancerTargetGroups", items, (100, 100))
}

/// The region has no classic load balancers.
fn describe_classic(call: &mut Call) -> Result<Value, Refusal> {
    named_group(call.state, call.params)?;
    Ok(json!({ "LoadBalancers": [] }))
}

fn describe_sources(call: &mut Call) -> Result<Value, Refusal> {
    let kind = call.params.text("TrafficSourceType");
    let group = named_group(call.state, call.params)?;
    let one = |(arn, state): (&String, &Attachment)| json!({ "TrafficSource": arn, "State": state, "Identifier": arn, "Type": "elbv2" });
    let asked = kind.is_none_or(|kind| kind == "elbv2");
    let items = group.target_groups.iter().filter(|_| asked).map(one).collect();
    paged(call.params, "TrafficSources", items, (50, 50))
}

/// Registers an instance with all target groups of its group.
pub fn register(state: &mut State, group: &Group, instance: &str, now: Timestamp) {
    for (arn, _) in group.target_groups.iter().filter(|(_, one)| !one.removing()) {
        // A target group that is gone has no targets.
        let _ = targets::register(state, arn, instance, None, now);
    }
}

/// Begins to drain an instance everywhere.
pub fn deregister(state: &mut State, group: &Group, instance: &str, now: Timestamp) {
    for arn in group.target_groups.keys() {
        let draining = |state: &State| {
            targets::health(state, arn, instance).is_none_or(|health| health.state == HealthState::Draining)
        };
        if !draining(state) {
            let _ = targets::deregister(state, arn, instance, None, now);
        }
    }
}

/// Tells whether an instance is a target in one of its group's target groups, draining or not.
pub fn registered(state: &State, group: &Group, instance: &str) -> bool {
    group.target_groups.keys().any(|arn| targets::health(state, arn, instance).is_some())
}

/// Tells whether an instance has a health state in one of its group's target groups.
pub fn any_is(state: &State, group: &Group, instance: &str, wanted: HealthState) -> bool {
    let attached = group.target_groups.iter().filter(|(_, one)| !one.removing());
    attached.filter_map(|(arn, _)| targets::health(state, arn, instance)).any(|health| health.state == wanted)
}

/// Tells whether every target group either finds an instance healthy or does not check it.
pub fn fit(state: &State, group: &Group, instance: &str) -> bool {
    let attached = group.target_groups.iter().filter(|(_, one)| !one.removing());
    attached
        .map(|(arn, _)| targets::health(state, arn, instance).map(|health| health.state))
        .all(|health| matches!(health, Some(HealthState::Healthy | HealthState::Unused)))
}

/// Advances attachments and detachments.
pub fn tick(state: &mut State, group: &mut Group, now: Timestamp) {
    let serving: Vec<String> = group
        .instances
        .values()
        .filter(|member| member.state == Lifecycle::InService)
        .map(|member| member.id.clone())
        .collect();
    let arns: Vec<(String, Attachment)> =
        group.target_groups.iter().map(|(arn, one)| (arn.clone(), *one)).collect();
    for (arn, attachment) in arns {
        let health = |state: &State, id: &String| targets::health(state, &arn, id).map(|health| health.state);
        let next = match attachment {
            Attachment::Adding => {
                for id in &serving {
                    let _ = targets::register(state, &arn, id, None, now);
                }
                Some(Attachment::Added)
            }
            Attachment::Added if serving.iter().any(|id| health(state, id) == Some(HealthState::Healthy)) => {
                Some(Attachment::InService)
            }
            Attachment::Added | Attachment::InService => continue,
            Attachment::Removing => {
                let members: Vec<String> = group.instances.keys().cloned().collect();
                for id in &members {
                    if health(state, id).is_some_and(|health| health != HealthState::Draining) {
                        let _ = targets::deregister(state, &arn, id, None, now);
                    }
                }
                if members.iter().any(|id| health(state, id).is_some()) {
                    continue;
                }
                None
            }
        };
        match next {
            Some(next) => {
                group.target_groups.insert(arn, next);
            }
            None => {
                group.target_groups.shift_remove(&arn);
            }
        }
    }
}
