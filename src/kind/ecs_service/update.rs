//! Updates of a service. One UpdateService sets the revision, the number of tasks and all other settings together; the
//! bounds are another API's, and stand so around it that nothing scales the service against it in between.

use super::ready::{Awaited, Wanted, ready};
use super::scaling;
use super::service::{Service, observe_one};
use super::spec::Spec;
use crate::cloud::Repeat;
use crate::cloud::error::Error;
use crate::kind::Update;
use crate::kind::ecs::{self, SERVICE};
use crate::kind::fleet::Template;
use crate::kind::operation::Operation;

/// Attributes that are fields of UpdateService, beside the sizes.
const SETTINGS: &[&str] = &[
    "capacity_provider",
    "placement_constraint",
    "placement_strategy",
    "health_check_grace_period",
    "rolling_update",
    "availability_zone_rebalancing",
    "enable_execute_command",
    "enable_ecs_managed_tags",
    "propagate_tags",
];
/// Those with which ECS begins a deployment ([model] UpdateServiceRequest).
const DEPLOYED: &[&str] = &[
    "task_definition",
    "platform_version",
    "subnets",
    "security_groups",
    "assign_public_ip",
    "target_groups",
    "container",
    "container_port",
    "service_registry",
];
const SIZES: &[&str] = &["min_count", "max_count", "desired_count"];
const NETWORK: &[&str] = &["subnets", "security_groups", "assign_public_ip"];
const BALANCERS: &[&str] = &["target_groups", "container", "container_port"];

pub async fn update(op: &Operation<'_>, update: Update<'_, Spec>) -> Result<(), Error> {
    let (arn, after) = (update.id, &update.after);
    let service = there(op, arn).await?;
    let count = after.count(service.desired);
    let resized = update.touches_any(SIZES);
    let bounds = async || {
        if resized && (service.min, service.max) != (after.min_count, after.max_count) {
            scaling::register(op, arn, after.min_count, after.max_count).await?;
        }
        Ok::<(), Error>(())
    };
    // A service is scaled to new bounds at once: raised first, it would start tasks of the old revision, and lowered
    // last, it would have its tasks back.
    let grows = count > service.desired;
    if !grows {
        bounds().await?;
    }
    let deployed = update.touches_any(DEPLOYED);
    // A deployment that the circuit breaker has ended starts no task any more, whatever the count (developer guide,
    // deployment-circuit-breaker).
    let anew = service.has_failed() && count > 0;
    let mut deployment = None;
    if deployed || update.touches_any(SETTINGS) || count != service.desired || (anew && op.resumes) {
        deployment = change(op, &update, count, anew).await?.filter(|_| deployed || anew);
    }
    if grows {
        bounds().await?;
    }
    if update.touches("tags") {
        ecs::retag(op, arn, &update.before.tags, &after.tags).await?;
    }
    // Tasks that are replaced while they carry traffic are replaced by healthy ones; new ones are waited for by whoever
    // needs them.
    let replaces = deployed && service.desired > 0 && count > 0;
    let wanted = if replaces { Wanted::Healthy } else { Wanted::of(op) };
    if deployed || resized || (op.resumes && !op.way_back) {
        let of = Awaited { deployment, bounds: Some([after.min_count, after.max_count]) };
        ready(op, arn, wanted, &of, after.ready_timeout()).await?;
    }
    Ok(())
}

async fn there(op: &Operation<'_>, arn: &str) -> Result<Service, Error> {
    observe_one(op.cloud, arn).await?.filter(|service| !service.deleting).ok_or_else(|| {
        Error::failed(
            format!("the service `{}` is gone", ecs::last(arn)),
            "it was deleted from outside; run `bgform plan`, which creates it again",
        )
    })
}

/// Returns the id of the deployment that the service is at afterwards.
async fn change(
    op: &Operation<'_>,
    update: &Update<'_, Spec>,
    count: i32,
    anew: bool,
) -> Result<Option<String>, Error> {
    let (arn, after) = (update.id, &update.after);
    let touches = |name: &str| update.touches(name);
    let (network, strategy) = (after.network()?, after.strategy()?);
    let provides = touches("capacity_provider");
    let change = op
        .cloud
        .ecs
        .update_service()
        .cluster(&after.cluster)
        .service(arn)
        .desired_count(count)
        // A deregistered revision is refused, though the service may run it (API_DeregisterTaskDefinition).
        .set_task_definition(touches("task_definition").then(|| after.task_definition.named()))
        .set_capacity_provider_strategy(provides.then_some(strategy))
        // A strategy alone begins no deployment ([model] UpdateServiceRequest, capacityProviderStrategy).
        .set_force_new_deployment((provides || anew).then_some(true))
        .set_platform_version(
            touches("platform_version").then(|| after.platform_version().unwrap_or("LATEST").to_owned()),
        )
        .set_placement_constraints(touches("placement_constraint").then(|| after.constraints()))
        .set_placement_strategy(touches("placement_strategy").then(|| after.placement()))
        .set_network_configuration(network.filter(|_| update.touches_any(NETWORK)))
        .set_load_balancers(update.touches_any(BALANCERS).then(|| after.balancers()))
        .set_health_check_grace_period_seconds(
            touches("health_check_grace_period").then(|| after.grace().unwrap_or(0)),
        )
        .set_service_registries(touches("service_registry").then(|| after.registries()))
        .set_deployment_configuration(touches("rolling_update").then(|| after.deployment()))
        .set_availability_zone_rebalancing(
            after.rebalancing().filter(|_| touches("availability_zone_rebalancing")),
        )
        .set_enable_execute_command(touches("enable_execute_command").then(|| after.execute_command()))
        .set_enable_ecs_managed_tags(touches("enable_ecs_managed_tags").then(|| after.managed_tags()))
        .set_propagate_tags(touches("propagate_tags").then(|| after.propagation()));
    let answer = op.call(SERVICE, "UpdateService", Repeat::Safe, || change.clone().send()).await?;
    let deployments = answer.service.and_then(|one| one.deployments).unwrap_or_default();
    Ok(deployments.into_iter().find(|one| one.status() == Some("PRIMARY")).and_then(|one| one.id))
}

/// Makes the service start tasks of this revision from now on. ECS replaces the running ones.
///
/// # Errors
/// When the service is gone, or the call fails.
pub async fn pin_to(op: &Operation<'_>, arn: &str, to: &Template) -> Result<(), Error> {
    let service = there(op, arn).await?;
    if service.template.as_ref() == Some(to) {
        return Ok(());
    }
    let change = op
        .cloud
        .ecs
        .update_service()
        .cluster(ecs::cluster_in(arn).unwrap_or("default"))
        .service(arn)
        .task_definition(format!("{}:{}", to.id, to.version));
    op.call(SERVICE, "UpdateService", Repeat::Safe, || change.clone().send()).await.map(drop)
}
