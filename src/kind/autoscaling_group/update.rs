//! Updates one group. Unchanged fields are not sent.

use aws_sdk_autoscaling::operation::update_auto_scaling_group::builders::UpdateAutoScalingGroupInputBuilder;
use aws_sdk_autoscaling::types::MixedInstancesPolicy;

use super::group::{Group, observe_one};
use super::ready::{Wanted, ready};
use super::spec::{Outdated, Spec};
use super::{parts, refresh, roll};
use crate::cloud::Repeat;
use crate::cloud::error::{Error, Service};
use crate::kind::Update;
use crate::kind::fleet::Template;
use crate::kind::operation::Operation;

/// Attributes that are fields of UpdateAutoScalingGroup; those of the launch version are apart.
const SIZES: &[&str] = &["min_size", "max_size", "desired_capacity"];
const SETTINGS: &[&str] = &[
    "subnets",
    "health_check_type",
    "health_check_grace_period",
    "default_cooldown",
    "default_instance_warmup",
    "termination_policies",
    "capacity_rebalance",
    "new_instances_protected_from_scale_in",
    "max_instance_lifetime",
    "service_linked_role",
    "placement_group",
    "instance_maintenance_policy",
    "availability_zone_distribution",
    "availability_zone_impairment_policy",
    "deletion_protection",
];

pub async fn update(op: &Operation<'_>, update: Update<'_, Spec>) -> Result<(), Error> {
    let (group, after) = (update.id, &update.after);
    let fleet = observe_one(op.cloud, group).await?.filter(|fleet| !fleet.deleting).ok_or_else(|| {
        Error::failed(
            format!("the group `{group}` is gone"),
            "it was deleted from outside; run `bgform plan`, which creates it again",
        )
    })?;
    let replace = update.touches("launch_template") && after.outdated_instances == Outdated::Replace;
    // Without instances there is nothing to refresh, and the group itself takes the version.
    let how = after.instance_refresh.as_ref().filter(|_| replace && !fleet.members.is_empty());
    let launched = how.is_none() && update.touches_any(&["launch_template", "mixed_instances"]);
    if launched || update.touches_any(SIZES) || update.touches_any(SETTINGS) {
        let input = settings(&fleet, &update, launched)?;
        let client = &op.cloud.autoscaling;
        op.call(Service::AutoScaling, "UpdateAutoScalingGroup", Repeat::Safe, || {
            input.clone().send_with(client)
        })
        .await?;
    }
    if update.touches("suspended_processes") {
        parts::processes(op, &fleet, &after.suspended_processes).await?;
    }
    if update.touches("target_groups") {
        parts::target_groups(op, &fleet, &after.target_groups, after.ready_timeout()).await?;
    }
    if update.touches_any(&["tags", "propagate_tags"]) {
        parts::tags(op, &fleet, after).await?;
    }
    if update.touches("lifecycle_hook") {
        parts::hooks(op, group, &update.before.lifecycle_hook, &after.lifecycle_hook).await?;
    }
    if update.touches("scaling_policy") {
        let policies = (&*update.before.scaling_policy, &*after.scaling_policy);
        parts::policies(op, group, policies, &after.target_groups).await?;
    }
    if update.touches("enabled_metrics") {
        parts::metrics(op, &fleet, &after.enabled_metrics).await?;
    }
    match how {
        Some(how) => refresh::refresh(op, group, after, how).await?,
        None if replace => roll::roll(op, group, &after.template()?, after.ready_timeout()).await?,
        None => {}
    }
    if !op.unawaited && (update.touches_any(SIZES) || (op.resumes && !op.way_back)) {
        ready(op, group, Wanted::of(op), after.ready_timeout()).await?;
    }
    Ok(())
}

/// Makes the group launch this version from now on; its instances stay as they are.
///
/// # Errors
/// When the group is gone, or the call fails.
pub async fn pin_to(op: &Operation<'_>, group: &str, template: &Template) -> Result<(), Error> {
    let fleet = observe_one(op.cloud, group).await?.filter(|fleet| !fleet.deleting).ok_or_else(|| {
        Error::failed(
            format!("the group `{group}` is gone"),
            "it was deleted from outside; run `bgform plan`",
        )
    })?;
    if fleet.template.as_ref() == Some(template) {
        return Ok(());
    }
    let mut input = UpdateAutoScalingGroupInputBuilder::default().auto_scaling_group_name(group);
    input = match &fleet.mixed {
        None => input.launch_template(template.specification()),
        Some(mixed) => {
            let mut policy = said_again(mixed);
            if let Some(launched) = &mut policy.launch_template {
                launched.launch_template_specification = Some(template.specification());
            }
            input.mixed_instances_policy(policy)
        }
    };
    let client = &op.cloud.autoscaling;
    let send = || input.clone().send_with(client);
    op.call(Service::AutoScaling, "UpdateAutoScalingGroup", Repeat::Safe, send).await.map(drop)
}

/// The input of UpdateAutoScalingGroup with the changed fields; `launched` says whether the launch version is
/// part of it.
fn settings(
    fleet: &Group,
    update: &Update<'_, Spec>,
    launched: bool,
) -> Result<UpdateAutoScalingGroupInputBuilder, Error> {
    let after = &update.after;
    let changed = |name: &str| update.touches(name);
    let mut input = UpdateAutoScalingGroupInputBuilder::default().auto_scaling_group_name(&fleet.name);
    if launched {
        input = match after.mixed_instances_policy()? {
            Some(mixed) => input.mixed_instances_policy(mixed),
            None => input.launch_template(after.template()?.specification()),
        };
    } else if let Some(mixed) = &fleet.mixed {
        // Sent again, it changes nothing; some emulators forget it otherwise.
        input = input.mixed_instances_policy(said_again(mixed));
    }
    if changed("min_size") {
        input = input.min_size(after.min_size);
    }
    if changed("max_size") {
        input = input.max_size(after.max_size);
    }
    if changed("desired_capacity") {
        input = input.set_desired_capacity(after.desired_capacity);
    }
    if changed("subnets") {
        input = input.vpc_zone_identifier(after.vpc_zone_identifier());
    }
    if changed("service_linked_role") {
        input = input.set_service_linked_role_arn(after.service_linked_role.clone());
    }
    input = health(input, update);
    // An undeclared field is cleared the way its documentation says (API_UpdateAutoScalingGroup).
    if changed("default_instance_warmup") {
        input = input.default_instance_warmup(after.default_instance_warmup.unwrap_or(-1));
    }
    if changed("max_instance_lifetime") {
        input = input.max_instance_lifetime(after.max_instance_lifetime.unwrap_or(0));
    }
    if changed("placement_group") {
        input = input.placement_group(after.placement_group.clone().unwrap_or_default());
    }
    if changed("availability_zone_distribution") {
        input = input.availability_zone_distribution(after.distribution());
    }
    if changed("default_cooldown") {
        input = input.default_cooldown(after.default_cooldown);
    }
    if changed("termination_policies") {
        input = input.set_termination_policies(Some(after.termination_policies.clone()));
    }
    if changed("capacity_rebalance") {
        input = input.capacity_rebalance(after.capacity_rebalance);
    }
    if changed("new_instances_protected_from_scale_in") {
        input = input.new_instances_protected_from_scale_in(after.new_instances_protected_from_scale_in);
    }
    if changed("deletion_protection") {
        input = input.deletion_protection(after.deletion_protection.as_str().into());
    }
    Ok(input)
}

/// Prepares a policy that was read for sending: AWS answers a template's id and its name, and accepts one of
/// them (API_LaunchTemplateSpecification).
fn said_again(read: &MixedInstancesPolicy) -> MixedInstancesPolicy {
    let mut policy = read.clone();
    if let Some(template) = &mut policy.launch_template {
        let overrides = template.overrides.iter_mut().flatten();
        let specifications = overrides
            .filter_map(|one| one.launch_template_specification.as_mut())
            .chain(template.launch_template_specification.as_mut());
        for specification in specifications.filter(|one| one.launch_template_id.is_some()) {
            specification.launch_template_name = None;
        }
    }
    policy
}

fn health(
    mut input: UpdateAutoScalingGroupInputBuilder,
    update: &Update<'_, Spec>,
) -> UpdateAutoScalingGroupInputBuilder {
    let after = &update.after;
    if update.touches("health_check_type") {
        input = input.health_check_type(&after.health_check_type);
    }
    if update.touches("health_check_grace_period") {
        input = input.health_check_grace_period(after.health_check_grace_period);
    }
    if update.touches("instance_maintenance_policy") {
        input = input.instance_maintenance_policy(after.maintenance());
    }
    if update.touches("availability_zone_impairment_policy") {
        input = input.availability_zone_impairment_policy(after.impairment());
    }
    input
}
