//! Groups and their instances as answers have them.

use serde_json::{Map, Value, json};

use super::group::{Group, Member};
use super::{paged, shown, tags};
use crate::api::{Actions, Call, Filters, Refusal};
use crate::state::State;

/// The calls that describe groups, by name.
pub const ACTIONS: Actions =
    &[("DescribeAutoScalingGroups", groups), ("DescribeAutoScalingInstances", instances)];

/// The groups that match tag filters. Missing names are left out.
fn groups(call: &mut Call) -> Result<Value, Refusal> {
    let params = call.params;
    let names = params.texts("AutoScalingGroupNames");
    let filters = Filters::of(params);
    let with_instances = params.flag("IncludeInstances").unwrap_or(true);
    let mut found = Vec::new();
    for group in call.state.autoscaling.groups.values() {
        let named = names.is_empty() || names.contains(&group.name);
        if named && filters.pass(&tags::plain(group), |_| None).map_err(filter_name)? {
            found.push(group_shown(call.state, group, with_instances));
        }
    }
    paged(params, "AutoScalingGroups", found, (50, 100))
}

/// Auto Scaling refuses an unknown filter like any wrong value.
fn filter_name(refusal: Refusal) -> Refusal {
    Refusal::validation(refusal.message)
}

fn group_shown(state: &State, group: &Group, with_instances: bool) -> Value {
    let mut answer = Map::new();
    let mut put = |name: &str, value: Value| {
        answer.insert(name.to_owned(), value);
    };
    put("AutoScalingGroupName", json!(group.name));
    put("AutoScalingGroupARN", json!(group.arn));
    match &group.mixed {
        Some(mixed) => put("MixedInstancesPolicy", mixed.clone()),
        None => put("LaunchTemplate", group.template.shown()),
    }
    put("MinSize", json!(group.min));
    put("MaxSize", json!(group.max));
    put("DesiredCapacity", json!(group.desired));
    put("DefaultCooldown", json!(group.cooldown));
    put("AvailabilityZones", json!(group.zones));
    let ids = state.zones().into_iter().filter(|(zone, _)| group.zones.contains(zone)).map(|(_, id)| id);
    put("AvailabilityZoneIds", ids.collect());
    put("LoadBalancerNames", json!([]));
    let attached = || group.target_groups.iter().filter(|(_, one)| !one.removing()).map(|(arn, _)| arn);
    put("TargetGroupARNs", attached().cloned().collect());
    put("HealthCheckType", json!(group.health_type));
    put("HealthCheckGracePeriod", json!(group.grace));
    if with_instances {
        put(
            "Instances",
            group.instances.values().map(|one| member_shown(state, group, one, false)).collect(),
        );
    }
    put("CreatedTime", json!(shown(group.created_at)));
    let suspended = group
        .suspended
        .iter()
        .map(|(name, reason)| json!({ "ProcessName": name, "SuspensionReason": reason }));
    put("SuspendedProcesses", suspended.collect());
    put("VPCZoneIdentifier", json!(group.subnets.join(",")));
    let metrics = group.metrics.iter().map(|name| json!({ "Metric": name, "Granularity": "1Minute" }));
    put("EnabledMetrics", metrics.collect());
    put("Status", group.deleting.then_some("Delete in progress").into());
    put("Tags", tags::shown(group).into());
    put("TerminationPolicies", json!(group.termination_policies));
    put("NewInstancesProtectedFromScaleIn", json!(group.protects_new));
    put("MaxInstanceLifetime", json!(group.max_lifetime));
    put("DefaultInstanceWarmup", json!(group.warmup));
    put("TrafficSources", attached().map(|arn| json!({ "Identifier": arn, "Type": "elbv2" })).collect());
    put("DeletionProtection", json!(group.deletion_protection));
    for (name, value) in &group.kept {
        put(name, value.clone());
    }
    Value::Object(answer)
}

/// An instance of a group; `DescribeAutoScalingInstances` names the group and writes the health in capitals.
/// `ImageId` is absent: AWS shows it only for instances whose image is not their launch template's
/// (API_Instance of Auto Scaling).
fn member_shown(state: &State, group: &Group, member: &Member, alone: bool) -> Value {
    let health = match (member.unhealthy.is_some(), alone) {
        (true, false) => "Unhealthy",
        (true, true) => "UNHEALTHY",
        (false, false) => "Healthy",
        (false, true) => "HEALTHY",
    };
    let zone_id = state.zones().into_iter().find(|(zone, _)| *zone == member.zone).map(|(_, id)| id);
    json!({
        "InstanceId": member.id,
        "InstanceType": member.instance_type,
        "AutoScalingGroupName": alone.then_some(&group.name),
        "AvailabilityZone": member.zone,
        "AvailabilityZoneId": zone_id,
        "LifecycleState": member.state.name(),
        "HealthStatus": health,
        "LaunchTemplate": member.template.as_ref().map(|template| template.shown()),
        "ProtectedFromScaleIn": member.protected,
        "WeightedCapacity": member.weight.map(|weight| weight.to_string()),
    })
}

fn instances(call: &mut Call) -> Result<Value, Refusal> {
    let ids = call.params.texts("InstanceIds");
    let state: &State = call.state;
    let all = state
        .autoscaling
        .groups
        .values()
        .flat_map(|group| group.instances.values().map(move |member| (group, member)));
    let asked = all.filter(|(_, member)| ids.is_empty() || ids.contains(&member.id));
    let found = asked.map(|(group, member)| member_shown(state, group, member, true)).collect();
    paged(call.params, "AutoScalingInstances", found, (50, 50))
}
