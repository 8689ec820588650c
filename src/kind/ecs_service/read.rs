//! Reads live services in the schema's terms: up to ten of a cluster in a call, and their bounds in another. Changes
//! nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_ecs::types as t;

use super::scaling::{self, Bounds};
use super::service::{described, template};
use crate::cloud::Cloud;
use crate::cloud::error::Error;
use crate::kind::answers::{Members, list, outputs};
use crate::kind::ecs;
use crate::kind::fleet::Template;
use crate::kind::{Live, Wanted};
use crate::value::{Object, Value};

pub async fn read(cloud: &Cloud, wanted: &[Wanted<'_>]) -> Result<BTreeMap<String, Live>, Error> {
    let arns: Vec<&str> = wanted.iter().map(|one| one.id).collect();
    let (services, bounds) = tokio::try_join!(described(cloud, &arns), scaling::bounds(cloud, &arns))?;
    let by_arn: BTreeMap<&str, &Wanted<'_>> = wanted.iter().map(|one| (one.id, one)).collect();
    let there = services.iter().filter(|one| one.status() == Some("ACTIVE"));
    Ok(there
        .filter_map(|one| {
            let arn = one.service_arn()?;
            let wanted = by_arn.get(arn)?;
            Some((arn.to_owned(), live(one, bounds.get(arn).copied(), wanted)))
        })
        .collect())
}

fn live(one: &t::Service, bounds: Option<Bounds>, wanted: &Wanted<'_>) -> Live {
    let last = |name: &str| wanted.last.and_then(|record| record.inputs.get(name));
    let network = one.network_configuration().and_then(|network| network.awsvpc_configuration());
    let balancer = one.load_balancers().first();
    let groups = one.load_balancers().iter().filter_map(|one| one.target_group_arn());
    let public = network.and_then(|network| network.assign_public_ip());
    let desired = one.desired_count();
    // A service that nobody scales has the bounds that it has now.
    let bounds = bounds.unwrap_or(Bounds { min: desired, max: desired, halted: false });
    let mut inputs = Members::new();
    inputs
        .set("name", one.service_name())
        .set("cluster", one.cluster_arn())
        .set("min_count", bounds.min)
        .set("max_count", bounds.max)
        .set("desired_count", desired)
        .set("task_definition", one.task_definition().and_then(template).map(template_value))
        .set("launch_type", one.launch_type().map(|word| word.as_str()))
        .set("capacity_provider", none_if_empty(ecs::strategy_value(one.capacity_provider_strategy())))
        .set("platform_version", platform(one, last("platform_version")))
        .set("placement_constraint", blocks(one.placement_constraints(), constraint))
        .set("placement_strategy", blocks(one.placement_strategy(), strategy))
        .set("subnets", network.map(|network| list(network.subnets())))
        .set("security_groups", network.map(|network| list(network.security_groups())))
        .set("assign_public_ip", public == Some(&t::AssignPublicIp::Enabled))
        .set("target_groups", list(groups))
        .set("container", balancer.and_then(|one| one.container_name()))
        .set("container_port", balancer.and_then(|one| one.container_port()));
    inputs
        .set("health_check_grace_period", seconds(one.health_check_grace_period_seconds()))
        .set("service_registry", blocks(one.service_registries(), registry))
        .set("rolling_update", one.deployment_configuration().map(rolling))
        .set("availability_zone_rebalancing", one.availability_zone_rebalancing().map(|word| word.as_str()))
        .set("enable_execute_command", one.enable_execute_command())
        .set("enable_ecs_managed_tags", one.enable_ecs_managed_tags())
        .set("propagate_tags", one.propagate_tags().map_or("NONE", |word| word.as_str()))
        .set("tags", ecs::declared_tags(one.tags()));
    // bgform's own setting does not come from AWS: only the author changes it.
    let own = "ready_timeout";
    let default = || super::schema::SCHEMA.attribute(own).and_then(|attribute| attribute.default.clone());
    inputs.set(own, last(own).cloned().or_else(default));
    let arn = || Value::from(one.service_arn());
    let outputs = outputs([("id", arn()), ("arn", arn()), ("name", one.service_name().into())]);
    Live { inputs: inputs.take(), outputs }
}

/// A revision in the form of a resolved reference: `id` and `revision`.
pub(super) fn template_value(template: Template) -> Value {
    let number = template.number().map_or(Value::Null, |number| Value::Number(number as f64));
    crate::object! { "id" => template.id, "revision" => number }
}

/// The platform version. ECS answers the number that `LATEST` stands for.
fn platform(one: &t::Service, last: Option<&Value>) -> Value {
    match last.and_then(Value::as_str) {
        Some("LATEST") => Value::string("LATEST"),
        _ => one.platform_version().into(),
    }
}

fn none_if_empty(value: Value) -> Value {
    if value.as_list() == Some(&[]) { Value::Null } else { value }
}

fn blocks<T>(items: &[T], block: fn(&T) -> Object) -> Value {
    none_if_empty(Value::List(items.iter().map(|item| Value::Object(block(item))).collect()))
}

fn seconds(seconds: Option<i32>) -> Value {
    seconds.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs).into()
}

fn constraint(one: &t::PlacementConstraint) -> Object {
    let mut members = Members::new();
    members.set("type", one.r#type().map(|word| word.as_str())).set("expression", one.expression());
    members.take()
}

fn strategy(one: &t::PlacementStrategy) -> Object {
    let mut members = Members::new();
    members.set("type", one.r#type().map(|word| word.as_str())).set("field", one.field());
    members.take()
}

fn registry(one: &t::ServiceRegistry) -> Object {
    let mut members = Members::new();
    members
        .set("registry", one.registry_arn())
        .set("port", one.port())
        .set("container", one.container_name())
        .set("container_port", one.container_port());
    members.take()
}

fn rolling(one: &t::DeploymentConfiguration) -> Object {
    let percent = |percent: Option<i32>| percent.map(|percent| Value::Percent(percent.into()));
    let breaker = one.deployment_circuit_breaker();
    let mut members = Members::new();
    members
        .set("min_healthy", percent(one.minimum_healthy_percent()))
        .set("max_healthy", percent(one.maximum_percent()))
        .set("circuit_breaker", breaker.is_some_and(|breaker| breaker.enable()))
        .set("auto_rollback", breaker.is_some_and(|breaker| breaker.enable() && breaker.rollback()));
    members.take()
}
