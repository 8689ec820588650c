//! Scaling policies, kept as accepted. Simple and step policies can be executed; no metric triggers one here.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::group::Group;
use super::groups::cooled_down;
use super::{asked_groups, changed_group, not_found, paged, uuid};
use crate::api::{Actions, Call, Params, Refusal};
use crate::elbv2;
use crate::state::State;

/// The calls about scaling policies, by name.
pub const ACTIONS: Actions = &[
    ("DeletePolicy", delete),
    ("DescribePolicies", describe),
    ("ExecutePolicy", execute),
    ("PutScalingPolicy", put),
];

/// API_DescribeAdjustmentTypes
pub const ADJUSTMENTS: &[&str] = &["ChangeInCapacity", "ExactCapacity", "PercentChangeInCapacity"];

/// The settings that are kept, in the order of the answer.
const KEPT: &[&str] = &[
    "AdjustmentType",
    "MinAdjustmentStep",
    "MinAdjustmentMagnitude",
    "ScalingAdjustment",
    "Cooldown",
    "StepAdjustments",
    "MetricAggregationType",
    "EstimatedInstanceWarmup",
    "TargetTrackingConfiguration",
    "PredictiveScalingConfiguration",
];

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    pub arn: String,
    pub kind: String,
    pub enabled: bool,
    /// The given settings, by API names.
    pub settings: Map<String, Value>,
}

/// The settings that each type must have (API_PutScalingPolicy).
fn check(kind: &str, params: &Params) -> Result<(), Refusal> {
    let wants = |names: &[&str]| match names.iter().find(|name| !params.has(name)) {
        Some(name) => Err(Refusal::validation(format!("{name} must be specified for policy type {kind}."))),
        None => Ok(()),
    };
    match kind {
        "SimpleScaling" => wants(&["AdjustmentType", "ScalingAdjustment"])?,
        "StepScaling" => wants(&["AdjustmentType", "StepAdjustments"])?,
        "TargetTrackingScaling" => {
            wants(&["TargetTrackingConfiguration"])?;
            let tracking = params.child("TargetTrackingConfiguration").unwrap_or_default();
            let metrics = ["PredefinedMetricSpecification", "CustomizedMetricSpecification"];
            if metrics.iter().filter(|name| tracking.has(name)).count() != 1 {
                return Err(Refusal::validation(
                    "Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification must be specified.",
                ));
            }
        }
        _ => wants(&["PredictiveScalingConfiguration"])?,
    }
    Ok(())
}

/// Checks the resource label of a policy by requests: its target group is attached to the group, and the load
/// balancer routes to it (API_PredefinedMetricSpecification, ResourceLabel).
fn label(state: &State, group: &str, params: &Params) -> Result<(), Refusal> {
    let tracking = params.child("TargetTrackingConfiguration").unwrap_or_default();
    let metric = tracking.child("PredefinedMetricSpecification").unwrap_or_default();
    if metric.text("PredefinedMetricType").as_deref() != Some("ALBRequestCountPerTarget") {
        return Ok(());
    }
    let refused = |why: &str| Err(Refusal::validation(why));
    let label = metric.text("ResourceLabel").unwrap_or_default();
    let Some((balancer, target_group)) = label.split_once("/targetgroup/") else {
        return refused("The resource label must be app/NAME/ID/targetgroup/NAME/ID");
    };
    let Some(group) = state.autoscaling.groups.get(group) else { return Err(not_found(group)) };
    let of_label = |arn: &&String| arn.ends_with(&format!(":targetgroup/{target_group}"));
    match group.target_groups.keys().find(of_label) {
        None => refused("The target group of the resource label is not attached to the Auto Scaling group"),
        Some(arn) if !elbv2::routes(state, balancer, arn) => {
            refused("The load balancer does not route traffic to the target group")
        }
        Some(_) => Ok(()),
    }
}

fn put(call: &mut Call) -> Result<Value, Refusal> {
    let params = call.params;
    let name = params.needed("PolicyName");
    let kind = params.text("PolicyType").unwrap_or("SimpleScaling".to_owned());
    check(&kind, params)?;
    let group = params.needed("AutoScalingGroupName");
    label(call.state, &group, params)?;
    let arn = call.state.arn(
        "autoscaling",
        &format!("scalingPolicy:{}:autoScalingGroupName/{group}:policyName/{name}", uuid()),
    );
    let group = changed_group(call.state, params)?;
    let arn = group.policies.get(&name).map_or(arn, |old| old.arn.clone());
    let mut settings = Map::new();
    for kept in KEPT {
        if let Some(value) = params.value().get(*kept) {
            settings.insert((*kept).to_owned(), value.clone());
        }
    }
    if kind == "StepScaling" {
        settings.entry("MetricAggregationType").or_insert(json!("Average"));
    }
    if let Some(Value::Object(tracking)) = settings.get_mut("TargetTrackingConfiguration") {
        tracking.entry("DisableScaleIn").or_insert(json!(false));
    }
    let enabled = params.flag("Enabled").unwrap_or(true);
    group.policies.insert(name, Policy { arn: arn.clone(), kind, enabled, settings });
    Ok(json!({ "PolicyARN": arn, "Alarms": [] }))
}

fn shown(group: &Group, name: &str, policy: &Policy) -> Value {
    let mut answer = json!({
        "AutoScalingGroupName": group.name,
        "PolicyName": name,
        "PolicyARN": policy.arn,
        "PolicyType": policy.kind,
        "Alarms": [],
        "Enabled": policy.enabled,
    });
    if let Value::Object(answer) = &mut answer {
        answer.extend(policy.settings.clone());
    }
    answer
}

fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let params = call.params;
    let (names, kinds) = (params.texts("PolicyNames"), params.texts("PolicyTypes"));
    let groups = asked_groups(call.state, params)?;
    let policies = groups
        .iter()
        .flat_map(|group| group.policies.iter().map(move |(name, policy)| (group, name, policy)));
    let asked = policies.filter(|(_, name, policy)| {
        (names.is_empty() || names.contains(name) || names.contains(&policy.arn))
            && (kinds.is_empty() || kinds.contains(&policy.kind))
    });
    let items = asked.map(|(group, name, policy)| shown(group, name, policy)).collect();
    paged(params, "ScalingPolicies", items, (50, 100))
}

/// The place of a call's policy: group and name. The call may name it by its ARN alone.
fn find(state: &State, params: &Params) -> Result<(String, String), Refusal> {
    let policy = params.needed("PolicyName");
    let group = params.text("AutoScalingGroupName");
    let groups = state.autoscaling.groups.values();
    groups
        .filter(|one| group.as_ref().is_none_or(|name| *name == one.name))
        .find_map(|one| {
            let (name, _) = one.policies.iter().find(|(name, has)| **name == policy || has.arn == policy)?;
            Some((one.name.clone(), name.clone()))
        })
        .ok_or_else(|| Refusal::validation(format!("PolicyARN not found: {policy}")))
}

fn delete(call: &mut Call) -> Result<Value, Refusal> {
    let (group, name) = find(call.state, call.params)?;
    if let Some(group) = call.state.autoscaling.groups.get_mut(&group) {
        group.policies.shift_remove(&name);
    }
    Ok(json!({}))
}

/// The adjustment of a simple policy; of a step policy that of the step which the metric is in.
fn adjustment(policy: &Policy, params: &Params) -> Result<i64, Refusal> {
    let settings = Params::from_json(Value::Object(policy.settings.clone()));
    if policy.kind == "SimpleScaling" {
        return Ok(settings.number("ScalingAdjustment").unwrap_or(0));
    }
    let (value, breach) = match (params.number::<f64>("MetricValue"), params.number::<f64>("BreachThreshold"))
    {
        (Some(value), Some(breach)) => (value, breach),
        _ => {
            return Err(Refusal::validation(
                "MetricValue and BreachThreshold must be specified for policy type StepScaling.",
            ));
        }
    };
    for step in settings.items("StepAdjustments") {
        let low = step.number::<f64>("MetricIntervalLowerBound").unwrap_or(f64::NEG_INFINITY);
        let high = step.number::<f64>("MetricIntervalUpperBound").unwrap_or(f64::INFINITY);
        if (low..high).contains(&(value - breach)) {
            return Ok(step.number("ScalingAdjustment").unwrap_or(0));
        }
    }
    Err(Refusal::validation("No step adjustment found for metric value and breach threshold."))
}

/// The capacity after an adjustment (user guide, as-scaling-simple-step: percentages are rounded
/// towards zero, but to at least one).
fn adjusted(group: &Group, policy: &Policy, by: i64) -> Result<i64, Refusal> {
    let settings = Params::from_json(Value::Object(policy.settings.clone()));
    let wanted = match settings.text("AdjustmentType").as_deref() {
        Some("ExactCapacity") => by,
        Some("PercentChangeInCapacity") => {
            let exact = group.desired.saturating_mul(by) as f64 / 100.0;
            let whole = if exact.abs() < 1.0 { exact.signum() * exact.abs().ceil() } else { exact.trunc() };
            let least = settings.number::<i64>("MinAdjustmentMagnitude").unwrap_or(0);
            let change = whole as i64;
            group.desired + if change.abs() < least { least * by.signum() } else { change }
        }
        _ => group.desired.saturating_add(by),
    };
    Ok(wanted.clamp(group.min, group.max))
}

fn execute(call: &mut Call) -> Result<Value, Refusal> {
    let (params, now) = (call.params, call.now);
    let (group, name) = find(call.state, params)?;
    let honor = params.flag("HonorCooldown").unwrap_or(false);
    let Some(group) = call.state.autoscaling.groups.get_mut(&group) else { return Err(not_found(&group)) };
    group.takes_changes()?;
    let Some(policy) = group.policies.get(&name).cloned() else { return Err(not_found(&group.name)) };
    if !matches!(policy.kind.as_str(), "SimpleScaling" | "StepScaling") {
        return Err(Refusal::validation(format!("Policies of type {} cannot be executed.", policy.kind)));
    }
    let settings = Params::from_json(Value::Object(policy.settings.clone()));
    if honor && policy.kind == "SimpleScaling" {
        cooled_down(group, settings.number("Cooldown").unwrap_or(group.cooldown), now)?;
    }
    let desired = adjusted(group, &policy, adjustment(&policy, params)?)?;
    group.set_desired(desired, now, &format!("a user request executed policy {name}"));
    Ok(json!({}))
}
