//! The settings of a group: read from a call, checked, put into the group.

use serde_json::{Map, Value, json};

use super::group::{Group, Template};
use super::lookups;
use crate::api::{Params, Refusal};
use crate::ec2::launch;
use crate::state::State;

/// API_DescribeTerminationPolicyTypes
pub const TERMINATION_POLICIES: &[&str] = &[
    "AllocationStrategy",
    "ClosestToNextInstanceHour",
    "Default",
    "NewestInstance",
    "OldestInstance",
    "OldestLaunchConfiguration",
    "OldestLaunchTemplate",
];

const HEALTH_TYPES: &[&str] = &["EC2", "ELB", "VPC_LATTICE", "EBS"];

/// Settings that are answered as given.
const KEPT: &[&str] = &[
    "AvailabilityZoneDistribution",
    "AvailabilityZoneImpairmentPolicy",
    "CapacityRebalance",
    "CapacityReservationSpecification",
    "Context",
    "DesiredCapacityType",
    "InstanceLifecyclePolicy",
    "InstanceMaintenancePolicy",
    "PlacementGroup",
    "ServiceLinkedRoleARN",
];

/// Puts everything but the sizes that a creating or updating call gives into the group.
pub fn apply(state: &State, group: &mut Group, params: &Params) -> Result<(), Refusal> {
    launching(state, group, params)?;
    places(state, group, params)?;
    health(group, params)?;
    if let Some(seconds) = params.number::<i64>("DefaultCooldown") {
        group.cooldown = seconds;
    }
    // -1 takes it away (API_UpdateAutoScalingGroup).
    if let Some(seconds) = params.number::<i64>("DefaultInstanceWarmup") {
        group.warmup = (seconds >= 0).then_some(seconds);
    }
    if let Some(seconds) = params.number::<i64>("MaxInstanceLifetime") {
        if seconds != 0 && !(86_400..=31_536_000).contains(&seconds) {
            return Err(Refusal::validation(
                "Maximum instance lifetime must be equal to 0, or a value between 86400 and 31536000 seconds.",
            ));
        }
        group.max_lifetime = (seconds != 0).then_some(seconds);
    }
    if let Some(protects) = params.flag("NewInstancesProtectedFromScaleIn") {
        group.protects_new = protects;
    }
    let policies = params.texts("TerminationPolicies");
    if let Some(unknown) = policies
        .iter()
        .find(|name| !TERMINATION_POLICIES.contains(&name.as_str()) && !name.starts_with("arn:"))
    {
        return Err(Refusal::validation(format!("Invalid termination policy: {unknown}")));
    }
    if !policies.is_empty() {
        group.termination_policies = policies;
    }
    if let Some(level) = params.text("DeletionProtection") {
        group.deletion_protection = level;
    }
    for name in KEPT {
        if let Some(value) = params.value().get(*name) {
            group.kept.insert((*name).to_owned(), value.clone());
        }
    }
    maintenance(group)?;
    if group.kept.get("PlacementGroup").is_some_and(|name| name == "") {
        group.kept.remove("PlacementGroup");
    }
    Ok(())
}

/// Both percentages, at most 100 apart; -1 for both takes the policy away
/// (API_InstanceMaintenancePolicy).
fn maintenance(group: &mut Group) -> Result<(), Refusal> {
    let Some(value) = group.kept.get("InstanceMaintenancePolicy") else { return Ok(()) };
    let policy = Params::from_json(value.clone());
    let bounds = (policy.number::<i64>("MinHealthyPercentage"), policy.number::<i64>("MaxHealthyPercentage"));
    match bounds {
        (Some(-1), Some(-1)) => {
            group.kept.remove("InstanceMaintenancePolicy");
            Ok(())
        }
        (Some(min), Some(max))
            if (0..=100).contains(&min) && (100..=200).contains(&max) && max - min <= 100 =>
        {
            Ok(())
        }
        (Some(_), Some(_)) => Err(Refusal::validation(
            "MinHealthyPercentage must be between 0 and 100, MaxHealthyPercentage between 100 and 200, and the \
             difference between them cannot be greater than 100.",
        )),
        _ => {
            Err(Refusal::validation("Both MinHealthyPercentage and MaxHealthyPercentage must be specified."))
        }
    }
}

fn health(group: &mut Group, params: &Params) -> Result<(), Refusal> {
    if let Some(kinds) = params.text("HealthCheckType") {
        if let Some(unknown) = kinds.split(',').find(|kind| !HEALTH_TYPES.contains(&kind.trim())) {
            return Err(Refusal::validation(format!("Invalid HealthCheckType: {unknown}")));
        }
        group.health_type = kinds;
    }
    if let Some(seconds) = params.number::<i64>("HealthCheckGracePeriod") {
        group.grace = seconds;
    }
    Ok(())
}

/// The sizes of a call. The desired capacity follows a minimum that rises above it and a maximum
/// that falls below it, unless it is given too (API_UpdateAutoScalingGroup).
pub fn sizes(group: &Group, params: &Params) -> Result<(i64, i64, i64), Refusal> {
    let min = params.number::<i64>("MinSize").unwrap_or(group.min);
    let max = params.number::<i64>("MaxSize").unwrap_or(group.max);
    if min > max {
        return Err(Refusal::validation(format!(
            "Max bound, {max}, must be greater than or equal to min bound, {min}"
        )));
    }
    let desired = match params.number::<i64>("DesiredCapacity") {
        Some(desired) if (min..=max).contains(&desired) => desired,
        Some(desired) => {
            return Err(Refusal::validation(format!(
                "Desired capacity:{desired} must be between the specified min size:{min} and max size:{max}"
            )));
        }
        None => group.desired.clamp(min, max),
    };
    Ok((min, max, desired))
}

/// The template of a call: `LaunchTemplate`, or that of `MixedInstancesPolicy`.
fn launching(state: &State, group: &mut Group, params: &Params) -> Result<(), Refusal> {
    let (template, mixed) = (params.child("LaunchTemplate"), params.child("MixedInstancesPolicy"));
    if template.is_some() && mixed.is_some() {
        return Err(Refusal::validation(
            "Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or \
             MixedInstancesPolicy parameter.",
        ));
    }
    if params.has("LaunchConfigurationName") || params.has("InstanceId") {
        return Err(Refusal::validation(
            "This account can launch instances from launch templates only: launch configurations are not \
             available to it.",
        ));
    }
    if let Some(given) = template {
        group.template = specified(state, &given)?;
        group.mixed = None;
    }
    if let Some(given) = mixed {
        let (template, mixed) = mixed_policy(state, &given)?;
        group.template = template;
        group.mixed = Some(mixed);
    }
    Ok(())
}

/// An existing template and version (API_LaunchTemplateSpecification: id or name, and `$Default` if no
/// version is given).
pub fn specified(state: &State, given: &Params) -> Result<Template, Refusal> {
    let (id, name) = (given.text("LaunchTemplateId"), given.text("LaunchTemplateName"));
    let which = match (id, name) {
        (Some(id), None) => id,
        (None, Some(name)) => name,
        _ => {
            return Err(Refusal::validation(
                "Valid requests must contain either launchTemplateId or LaunchTemplateName",
            ));
        }
    };
    let version = given.given("Version").unwrap_or("$Default".to_owned());
    let unfit = |refusal: Refusal| {
        Refusal::validation(format!("You must use a valid fully-formed launch template. {}", refusal.message))
    };
    let (launch, _) = launch::from_template(state, &which, &version).map_err(unfit)?;
    if launch.image.is_empty() {
        return Err(Refusal::validation(
            "You must use a valid fully-formed launch template. The request must contain the parameter ImageId",
        ));
    }
    lookups::template(state, &which, &version)
        .ok_or_else(|| Refusal::validation(format!("The launch template '{which}' does not exist")))
}

/// A policy with its template resolved and the defaults of its distribution (API_InstancesDistribution).
pub fn mixed_policy(state: &State, given: &Params) -> Result<(Template, Value), Refusal> {
    let outer = given.child("LaunchTemplate").ok_or_else(|| {
        Refusal::validation(
            "MixedInstancesPolicy must contain a LaunchTemplate with a LaunchTemplateSpecification.",
        )
    })?;
    let inner = outer.child("LaunchTemplateSpecification").ok_or_else(|| {
        Refusal::validation(
            "MixedInstancesPolicy must contain a LaunchTemplate with a LaunchTemplateSpecification.",
        )
    })?;
    let template = specified(state, &inner)?;
    let mut overrides = Vec::new();
    for one in outer.items("Overrides") {
        if let Some(weight) = one.number::<i64>("WeightedCapacity")
            && !(1..=999).contains(&weight)
        {
            return Err(Refusal::validation("WeightedCapacity must be between 1 and 999."));
        }
        let mut shown = one.value().clone();
        if let Some(own) = one.child("LaunchTemplateSpecification") {
            shown["LaunchTemplateSpecification"] = specified(state, &own)?.shown();
        }
        overrides.push(shown);
    }
    let mut distribution = Map::new();
    for (name, value) in [
        ("OnDemandAllocationStrategy", json!("prioritized")),
        ("OnDemandBaseCapacity", json!(0)),
        ("OnDemandPercentageAboveBaseCapacity", json!(100)),
        ("SpotAllocationStrategy", json!("lowest-price")),
    ] {
        distribution.insert(name.to_owned(), value);
    }
    if let Some(Value::Object(own)) = given.child("InstancesDistribution").map(|own| own.value().clone()) {
        distribution.extend(own);
    }
    if distribution.get("SpotAllocationStrategy").is_some_and(|strategy| strategy == "lowest-price") {
        distribution.entry("SpotInstancePools").or_insert(json!(2));
    }
    let launch_template = match overrides.is_empty() {
        true => json!({ "LaunchTemplateSpecification": template.shown() }),
        false => json!({ "LaunchTemplateSpecification": template.shown(), "Overrides": overrides }),
    };
    Ok((template, json!({ "LaunchTemplate": launch_template, "InstancesDistribution": distribution })))
}

/// Subnets and zones: each subnet must be there, of zones its default subnet is meant.
fn places(state: &State, group: &mut Group, params: &Params) -> Result<(), Refusal> {
    let subnets: Vec<String> = params
        .text("VPCZoneIdentifier")
        .unwrap_or_default()
        .split(',')
        .map(|id| id.trim().to_owned())
        .filter(|id| !id.is_empty())
        .collect();
    let named = params.texts("AvailabilityZones");
    let all: Vec<String> = state.zones().into_iter().map(|(zone, _)| zone).collect();
    if let Some(unknown) = named.iter().find(|zone| !all.contains(zone)) {
        return Err(Refusal::validation(format!("Invalid availability zones: [{unknown}]")));
    }
    if subnets.is_empty() {
        if !named.is_empty() {
            group.subnets.clear();
            group.zones = named;
        }
        return Ok(());
    }
    let mut zones: Vec<String> = Vec::new();
    for subnet in &subnets {
        let zone = lookups::subnet_zone(state, subnet)
            .ok_or_else(|| Refusal::validation(format!("The subnet ID '{subnet}' does not exist")))?;
        if !zones.contains(&zone) {
            zones.push(zone);
        }
    }
    if !named.is_empty() && named.iter().any(|zone| !zones.contains(zone)) {
        return Err(Refusal::validation(
            "The availability zones of the specified subnets and the Auto Scaling group do not match",
        ));
    }
    zones.sort();
    group.subnets = subnets;
    group.zones = zones;
    Ok(())
}

/// The name of a new group: no colon (API_CreateAutoScalingGroup).
pub fn group_name(params: &Params) -> Result<String, Refusal> {
    let name = params.needed("AutoScalingGroupName");
    match name.contains(':') || name.chars().any(char::is_control) {
        true => Err(Refusal::validation(format!("Invalid AutoScalingGroup name: {name}"))),
        false => Ok(name),
    }
}
