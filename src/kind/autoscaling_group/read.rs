//! Reads live groups in the schema's terms. One call reads up to 100 groups whole. Only hooks and scaling
//! policies need other calls, made if a stack declares them. Changes nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_autoscaling::types::{AutoScalingGroup, LifecycleHook, ScalingPolicy, TagDescription};

use super::group::{self, Group};
use crate::cloud::Cloud;
use crate::cloud::error::{Error, Service};
use crate::kind::fleet::Template;
use crate::kind::operation::is_reserved_tag;
use crate::kind::{Live, Wanted};
use crate::value::{Object, Value};

/// Maximum number of groups whose policies are read one by one; for more, all of the account's policies are
/// paged through.
const ASKED_ONE_BY_ONE: usize = 5;
const TARGET_TRACKING: &str = "TargetTrackingScaling";

pub async fn read(cloud: &Cloud, wanted: &[Wanted<'_>]) -> Result<BTreeMap<String, Live>, Error> {
    let names: Vec<_> = wanted.iter().map(|one| one.id).collect();
    let groups = group::describe(cloud, &names).await?;
    let by_name: BTreeMap<_, _> = wanted.iter().map(|one| (one.id, one)).collect();
    let mut live = BTreeMap::new();
    for group in &groups {
        let fleet = Group::from_sdk(group);
        if let Some(one) = by_name.get(fleet.name.as_str()).filter(|_| !fleet.deleting) {
            live.insert(fleet.name.clone(), group_as_live(group, &fleet, one));
        }
    }
    let declares = |attribute: &str| -> Vec<&str> {
        let declaring = wanted.iter().filter(|one| one.declared.contains(attribute));
        declaring.map(|one| one.id).filter(|id| live.contains_key(*id)).collect()
    };
    let (hooked, scaled) = (declares("lifecycle_hook"), declares("scaling_policy"));
    let mut parts: Vec<(String, &str, Value)> = Vec::new();
    for name in hooked {
        let hooks = hooks(cloud, name).await?;
        parts.push((name.to_owned(), "lifecycle_hook", Value::List(hooks.iter().map(hook_value).collect())));
    }
    for (name, policies) in policies(cloud, &scaled).await? {
        parts.push((name, "scaling_policy", Value::List(policies.iter().map(policy_value).collect())));
    }
    for (name, attribute, value) in parts {
        if let Some(live) = live.get_mut(&name) {
            live.inputs.insert(attribute.to_owned(), value);
        }
    }
    Ok(live)
}

fn group_as_live(group: &AutoScalingGroup, fleet: &Group, wanted: &Wanted<'_>) -> Live {
    let mut inputs = Object::new();
    let mut set = |name: &str, value: Value| {
        if !value.is_null() {
            inputs.insert(name.to_owned(), value);
        }
    };
    let text = |text: Option<&str>| Value::from(text.filter(|text| !text.is_empty()));
    set("name", text(group.auto_scaling_group_name()));
    set("min_size", fleet.min.into());
    set("max_size", fleet.max.into());
    set("desired_capacity", fleet.desired.into());
    let keeps = wanted.last.and_then(|record| record.inputs.get("outdated_instances"));
    let stands_at = match keeps.and_then(Value::as_str) {
        Some("keep") => fleet.template.clone(),
        _ => fleet.stands_at(),
    };
    set("launch_template", stands_at.map(template_value).into());
    let subnets = group.vpc_zone_identifier().unwrap_or_default().split(',');
    set("subnets", subnets.map(str::trim).filter(|id| !id.is_empty()).collect::<Vec<_>>().into());
    set("mixed_instances", mixed_value(fleet));
    set("placement_group", text(group.placement_group()));
    let distribution = group.availability_zone_distribution();
    let strategy = distribution.and_then(|one| one.capacity_distribution_strategy());
    set("availability_zone_distribution", text(strategy.map(|one| one.as_str())));
    set("target_groups", fleet.target_groups.iter().cloned().collect::<Vec<_>>().into());
    set("health_check_type", text(group.health_check_type().map(health_check_type).as_deref()));
    set("health_check_grace_period", seconds(group.health_check_grace_period()));
    set("instance_maintenance_policy", maintenance_value(group));
    set("availability_zone_impairment_policy", impairment_value(group));
    set("default_cooldown", seconds(group.default_cooldown()));
    set("default_instance_warmup", seconds(group.default_instance_warmup()));
    set("max_instance_lifetime", seconds(group.max_instance_lifetime()));
    set("suspended_processes", fleet.suspended.iter().cloned().collect::<Vec<_>>().into());
    set("enabled_metrics", fleet.metrics.iter().cloned().collect::<Vec<_>>().into());
    set("termination_policies", group.termination_policies().to_vec().into());
    set("capacity_rebalance", group.capacity_rebalance().unwrap_or_default().into());
    set(
        "new_instances_protected_from_scale_in",
        group.new_instances_protected_from_scale_in().unwrap_or_default().into(),
    );
    set("service_linked_role", text(group.service_linked_role_arn()));
    set("deletion_protection", text(Some(fleet.deletion_protection.as_deref().unwrap_or("none"))));
    let declared = group.tags().iter().filter(|tag| !is_reserved_tag(tag.key().unwrap_or_default()));
    let last = |name: &str| wanted.last.and_then(|record| record.inputs.get(name));
    let expected = last("propagate_tags").and_then(Value::as_bool).unwrap_or(true);
    set("propagate_tags", propagates(declared.clone(), expected).into());
    let tags = declared.map(|tag| (tag.key().unwrap_or_default(), tag.value().unwrap_or_default()));
    set("tags", Value::Object(tags.map(|(key, value)| (key.to_owned(), value.into())).collect()));
    // bgform's own settings do not come from AWS: only the author changes them.
    for own in ["instance_refresh", "outdated_instances", "ready_timeout"] {
        let default = || super::schema::SCHEMA.attribute(own).and_then(|attribute| attribute.default.clone());
        set(own, last(own).cloned().or_else(default).into());
    }
    let outputs = [("id", &fleet.name), ("name", &fleet.name), ("arn", &fleet.arn)];
    let outputs = outputs.map(|(name, value)| (name.to_owned(), Value::string(value)));
    Live { inputs, outputs: outputs.into_iter().collect() }
}

/// One value for all declared tags: `expected`, unless one of them differs.
fn propagates<'a>(mut declared: impl Iterator<Item = &'a TagDescription>, expected: bool) -> bool {
    let as_expected =
        declared.all(|tag: &TagDescription| tag.propagate_at_launch().unwrap_or_default() == expected);
    as_expected == expected
}

/// The health check type beside EC2's own checks, which are always made: AWS may answer both.
fn health_check_type(kinds: &str) -> String {
    let beside: Vec<_> = kinds.split(',').map(str::trim).filter(|kind| *kind != "EC2").collect();
    if beside.is_empty() { "EC2".to_owned() } else { beside.join(",") }
}

fn seconds(seconds: Option<i32>) -> Value {
    let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
    seconds.map(Duration::from_secs).into()
}

/// A template in the form of a resolved reference: its `id` and `latest_version`.
pub(super) fn template_value(template: Template) -> Value {
    let version = match template.number() {
        Some(number) => Value::Number(number as f64),
        None => Value::string(template.version),
    };
    crate::object! { "id" => template.id, "latest_version" => version }
}

/// An object of the members that are not null.
fn members<const N: usize>(members: [(&str, Value); N]) -> Value {
    let there = members.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(there.map(|(name, value)| (name.to_owned(), value)).collect())
}

fn mixed_value(fleet: &Group) -> Value {
    let Some(mixed) = &fleet.mixed else { return Value::Null };
    let overrides = mixed.launch_template().map(|template| template.overrides()).unwrap_or_default();
    let overrides = overrides.iter().map(|one| {
        let units = one.weighted_capacity().and_then(|units| units.parse::<i64>().ok());
        members([("instance_type", one.instance_type().into()), ("weighted_capacity", units.into())])
    });
    let distribution = mixed.instances_distribution().map(|one| {
        let share = one.on_demand_percentage_above_base_capacity();
        members([
            ("on_demand_allocation_strategy", one.on_demand_allocation_strategy().into()),
            ("on_demand_base_capacity", one.on_demand_base_capacity().into()),
            (
                "on_demand_percentage_above_base_capacity",
                share.map(|share| Value::Percent(share.into())).into(),
            ),
            ("spot_allocation_strategy", one.spot_allocation_strategy().into()),
            ("spot_instance_pools", one.spot_instance_pools().into()),
            ("spot_max_price", one.spot_max_price().filter(|price| !price.is_empty()).into()),
        ])
    });
    members([("override", Value::List(overrides.collect())), ("instances_distribution", distribution.into())])
}

fn maintenance_value(group: &AutoScalingGroup) -> Value {
    let policy = group.instance_maintenance_policy();
    let percent = |percent: Option<i32>| Some(Value::Percent(percent.filter(|one| *one >= 0)?.into()));
    policy
        .and_then(|policy| {
            percent(policy.min_healthy_percentage()).zip(percent(policy.max_healthy_percentage()))
        })
        .map(|(min, max)| crate::object! { "min_healthy_percentage" => min, "max_healthy_percentage" => max })
        .into()
}

fn impairment_value(group: &AutoScalingGroup) -> Value {
    group
        .availability_zone_impairment_policy()
        .map(|policy| {
            let behaviour = policy.impaired_zone_health_check_behavior();
            members([
                ("zonal_shift_enabled", policy.zonal_shift_enabled().into()),
                ("impaired_zone_health_check_behavior", behaviour.map(|one| one.as_str()).into()),
            ])
        })
        .into()
}

/// All hooks of one group: the API takes one group in a call (API_DescribeLifecycleHooks).
pub async fn hooks(cloud: &Cloud, group: &str) -> Result<Vec<LifecycleHook>, Error> {
    let answer = cloud
        .read(Service::AutoScaling, "DescribeLifecycleHooks", || {
            cloud.autoscaling.describe_lifecycle_hooks().auto_scaling_group_name(group).send()
        })
        .await?;
    Ok(answer.lifecycle_hooks.unwrap_or_default())
}

fn hook_value(hook: &LifecycleHook) -> Value {
    let text = |text: Option<&str>| Value::from(text.filter(|text| !text.is_empty()));
    members([
        ("name", text(hook.lifecycle_hook_name())),
        ("transition", text(hook.lifecycle_transition())),
        ("default_result", text(hook.default_result())),
        ("heartbeat_timeout", seconds(hook.heartbeat_timeout())),
        ("notification_metadata", text(hook.notification_metadata())),
        ("notification_target", text(hook.notification_target_arn())),
        ("role", text(hook.role_arn())),
    ])
}

/// The target tracking policies of these groups. Step, simple and predictive policies are not offered, and so
/// not read; those made by others stay as they are.
async fn policies(cloud: &Cloud, groups: &[&str]) -> Result<BTreeMap<String, Vec<ScalingPolicy>>, Error> {
    let mut found: BTreeMap<_, _> = groups.iter().map(|name| ((*name).to_owned(), Vec::new())).collect();
    let asked: Vec<Option<&str>> = match groups.len() {
        0 => Vec::new(),
        1..=ASKED_ONE_BY_ONE => groups.iter().copied().map(Some).collect(),
        _ => vec![None],
    };
    for group in asked {
        let mut token = None;
        loop {
            let page = cloud
                .read(Service::AutoScaling, "DescribePolicies", || {
                    cloud
                        .autoscaling
                        .describe_policies()
                        .set_auto_scaling_group_name(group.map(str::to_owned))
                        .policy_types(TARGET_TRACKING)
                        .max_records(100)
                        .set_next_token(token.clone())
                        .send()
                })
                .await?;
            for policy in page.scaling_policies.unwrap_or_default() {
                let group = policy.auto_scaling_group_name().unwrap_or_default();
                if let Some(policies) = found.get_mut(group) {
                    policies.push(policy);
                }
            }
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                break;
            }
        }
    }
    Ok(found)
}

fn policy_value(policy: &ScalingPolicy) -> Value {
    let tracking = policy.target_tracking_configuration();
    let predefined = tracking.and_then(|one| one.predefined_metric_specification());
    let customized = tracking.and_then(|one| one.customized_metric_specification()).map(|metric| {
        let dimensions = metric.dimensions().iter();
        let dimensions =
            dimensions.map(|one| (one.name().unwrap_or_default(), one.value().unwrap_or_default()));
        members([
            ("metric_name", metric.metric_name().into()),
            ("namespace", metric.namespace().into()),
            ("statistic", metric.statistic().map(|one| one.as_str()).into()),
            (
                "dimensions",
                Value::Object(dimensions.map(|(name, value)| (name.to_owned(), value.into())).collect()),
            ),
            ("unit", metric.unit().into()),
            ("period", seconds(metric.period())),
        ])
    });
    members([
        ("name", policy.policy_name().into()),
        (
            "predefined_metric",
            predefined.and_then(|one| one.predefined_metric_type()).map(|one| one.as_str()).into(),
        ),
        ("resource_label", predefined.and_then(|one| one.resource_label()).into()),
        ("customized_metric", customized.into()),
        ("target_value", tracking.and_then(|one| one.target_value()).into()),
        ("disable_scale_in", tracking.and_then(|one| one.disable_scale_in()).unwrap_or_default().into()),
        ("estimated_instance_warmup", seconds(policy.estimated_instance_warmup())),
        ("enabled", policy.enabled().unwrap_or(true).into()),
    ])
}
