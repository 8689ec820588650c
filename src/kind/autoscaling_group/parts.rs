//! Parts of a group that have calls of their own: processes, hooks, policies, metrics, tags, target groups.
//! Each function goes from the live to the declared part, and is idempotent.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_autoscaling::types::Tag;

use super::group::Group;
use super::read;
use super::spec::{Hook, Policy, Spec};
use crate::cloud::Repeat;
use crate::cloud::error::{Error, Service};
use crate::kind::elbv2::{self, routes::routes};
use crate::kind::operation::{Operation, Poll, is_reserved_tag};

/// Maximum number of target groups in a call (API_AttachLoadBalancerTargetGroups).
const TARGET_GROUPS: usize = 10;
/// The only granularity (API_EnableMetricsCollection).
const EVERY_MINUTE: &str = "1Minute";

/// A named part of a group.
pub trait Named: PartialEq {
    fn name(&self) -> &str;
}

impl Named for Hook {
    fn name(&self) -> &str {
        &self.name
    }
}

impl Named for Policy {
    fn name(&self) -> &str {
        &self.name
    }
}

/// Returns the new or changed parts to put, and the names of those to delete.
pub fn changes<'a, T: Named>(before: &'a [T], after: &'a [T]) -> (Vec<&'a T>, Vec<&'a str>) {
    let put = after.iter().filter(|one| !before.contains(one)).collect();
    let stays = |name: &str| after.iter().any(|one| one.name() == name);
    (put, before.iter().map(Named::name).filter(|name| !stays(name)).collect())
}

/// Suspends and resumes processes.
pub async fn processes(op: &Operation<'_>, fleet: &Group, after: &BTreeSet<String>) -> Result<(), Error> {
    let client = &op.cloud.autoscaling;
    let (halt, resume) = (after - &fleet.suspended, &fleet.suspended - after);
    if !halt.is_empty() {
        op.call(Service::AutoScaling, "SuspendProcesses", Repeat::Safe, || {
            let call = client.suspend_processes().auto_scaling_group_name(&fleet.name);
            call.set_scaling_processes(Some(halt.iter().cloned().collect())).send()
        })
        .await?;
    }
    if !resume.is_empty() {
        op.call(Service::AutoScaling, "ResumeProcesses", Repeat::Safe, || {
            let call = client.resume_processes().auto_scaling_group_name(&fleet.name);
            call.set_scaling_processes(Some(resume.iter().cloned().collect())).send()
        })
        .await?;
    }
    Ok(())
}

pub async fn metrics(op: &Operation<'_>, fleet: &Group, after: &BTreeSet<String>) -> Result<(), Error> {
    let client = &op.cloud.autoscaling;
    if !after.is_subset(&fleet.metrics) {
        op.call(Service::AutoScaling, "EnableMetricsCollection", Repeat::Safe, || {
            let call = client.enable_metrics_collection().auto_scaling_group_name(&fleet.name);
            call.granularity(EVERY_MINUTE).set_metrics(Some(after.iter().cloned().collect())).send()
        })
        .await?;
    }
    let gone = &fleet.metrics - after;
    if !gone.is_empty() {
        op.call(Service::AutoScaling, "DisableMetricsCollection", Repeat::Safe, || {
            let call = client.disable_metrics_collection().auto_scaling_group_name(&fleet.name);
            call.set_metrics(Some(gone.iter().cloned().collect())).send()
        })
        .await?;
    }
    Ok(())
}

/// Puts the hooks that the creating call had and the group lacks.
pub async fn missing_hooks(op: &Operation<'_>, group: &str, declared: &[Hook]) -> Result<(), Error> {
    if declared.is_empty() {
        return Ok(());
    }
    let live = read::hooks(op.cloud, group).await?;
    let there: BTreeSet<_> = live.iter().filter_map(|hook| hook.lifecycle_hook_name()).collect();
    for hook in declared.iter().filter(|hook| !there.contains(hook.name.as_str())) {
        put_hook(op, group, hook).await?;
    }
    Ok(())
}

pub async fn hooks(op: &Operation<'_>, group: &str, before: &[Hook], after: &[Hook]) -> Result<(), Error> {
    let (put, gone) = changes(before, after);
    for hook in put {
        put_hook(op, group, hook).await?;
    }
    let client = &op.cloud.autoscaling;
    for name in gone {
        op.call(Service::AutoScaling, "DeleteLifecycleHook", Repeat::Safe, || {
            client.delete_lifecycle_hook().auto_scaling_group_name(group).lifecycle_hook_name(name).send()
        })
        .await?;
    }
    Ok(())
}

async fn put_hook(op: &Operation<'_>, group: &str, hook: &Hook) -> Result<(), Error> {
    let client = &op.cloud.autoscaling;
    op.call(Service::AutoScaling, "PutLifecycleHook", Repeat::Safe, || {
        client
            .put_lifecycle_hook()
            .auto_scaling_group_name(group)
            .lifecycle_hook_name(&hook.name)
            .lifecycle_transition(&hook.transition)
            .default_result(&hook.default_result)
            .heartbeat_timeout(hook.heartbeat_timeout)
            .set_notification_metadata(hook.notification_metadata.clone())
            .set_notification_target_arn(hook.notification_target.clone())
            .set_role_arn(hook.role.clone())
            .send()
    })
    .await?;
    Ok(())
}

/// Puts policies and takes those away that are gone. `served` are the group's target groups.
pub async fn policies(
    op: &Operation<'_>,
    group: &str,
    (before, after): (&[Policy], &[Policy]),
    served: &BTreeSet<String>,
) -> Result<(), Error> {
    let client = &op.cloud.autoscaling;
    let (put, gone) = changes(before, after);
    for policy in put {
        let until = format!("policy `{}` of `{group}` can be made", policy.name);
        let label = policy.resource_label.as_deref();
        op.wait(&until, ROUTED_WITHIN, || async {
            match put_policy(op, group, policy).await {
                Ok(()) => Ok(Poll::Ready(())),
                Err(error) if error.is_invalid() && is_routed(op, label, served).await? => {
                    Ok(Poll::Pending(error.to_string()))
                }
                Err(error) => Err(error),
            }
        })
        .await?;
    }
    for name in gone {
        op.call(Service::AutoScaling, "DeletePolicy", Repeat::Safe, || {
            client.delete_policy().auto_scaling_group_name(group).policy_name(name).send()
        })
        .await?;
    }
    Ok(())
}

/// Auto Scaling learns of a load balancer's rule a while after the load balancer, and refuses a policy by requests
/// until then. That it is refused for something else looks the same.
const ROUTED_WITHIN: Duration = Duration::from_secs(60);

/// Whether requests are routed to the target group that a policy counts those of.
async fn is_routed(
    op: &Operation<'_>,
    label: Option<&str>,
    served: &BTreeSet<String>,
) -> Result<bool, Error> {
    let counted = |arn: &&String| label.is_some_and(|label| label.ends_with(elbv2::arn_suffix(arn)));
    let Some(group) = served.iter().find(counted) else { return Ok(false) };
    Ok(routes(op.cloud, group).await?.iter().any(|route| route.names(group)))
}

async fn put_policy(op: &Operation<'_>, group: &str, policy: &Policy) -> Result<(), Error> {
    let client = &op.cloud.autoscaling;
    op.call(Service::AutoScaling, "PutScalingPolicy", Repeat::Safe, || {
        client
            .put_scaling_policy()
            .auto_scaling_group_name(group)
            .policy_name(&policy.name)
            .policy_type("TargetTrackingScaling")
            .target_tracking_configuration(policy.configuration())
            .set_estimated_instance_warmup(policy.estimated_instance_warmup)
            .enabled(policy.enabled)
            .send()
    })
    .await
    .map(drop)
}

/// The tags of the creating call. bgform's own stay with the group: an instance is found through
/// it, and takes the operation of the group's creation for its own nowhere.
pub fn creation_tags(op: &Operation<'_>, name: &str, spec: &Spec) -> Vec<Tag> {
    let tags = op.tags(&spec.tags);
    tags.iter()
        .map(|(key, value)| tag(name, key, value, spec.propagate_tags && !is_reserved_tag(key)))
        .collect()
}

fn tag(group: &str, key: &str, value: &str, propagate: bool) -> Tag {
    Tag::builder()
        .resource_id(group)
        .resource_type("auto-scaling-group")
        .key(key)
        .value(value)
        .propagate_at_launch(propagate)
        .build()
}

/// Sets the declared tags and removes undeclared ones; bgform's own stay.
pub async fn tags(op: &Operation<'_>, fleet: &Group, after: &Spec) -> Result<(), Error> {
    let client = &op.cloud.autoscaling;
    let set: Vec<_> =
        after.tags.iter().map(|(key, value)| tag(&fleet.name, key, value, after.propagate_tags)).collect();
    if !set.is_empty() {
        op.call(Service::AutoScaling, "CreateOrUpdateTags", Repeat::Safe, || {
            client.create_or_update_tags().set_tags(Some(set.clone())).send()
        })
        .await?;
    }
    let gone: Vec<_> = fleet
        .tags
        .iter()
        .filter(|(key, _)| !is_reserved_tag(key) && !after.tags.contains_key(*key))
        .map(|(key, value)| tag(&fleet.name, key, value, false))
        .collect();
    if !gone.is_empty() {
        op.call(Service::AutoScaling, "DeleteTags", Repeat::Safe, || {
            client.delete_tags().set_tags(Some(gone.clone())).send()
        })
        .await?;
    }
    Ok(())
}

/// Attaches target groups, then detaches others, and waits until the instances are registered and
/// deregistered: both go on after the call (API_LoadBalancerTargetGroupState).
pub async fn target_groups(
    op: &Operation<'_>,
    fleet: &Group,
    after: &BTreeSet<String>,
    limit: Duration,
) -> Result<(), Error> {
    let client = &op.cloud.autoscaling;
    let attach: Vec<_> = (after - &fleet.target_groups).into_iter().collect();
    for some in attach.chunks(TARGET_GROUPS) {
        op.call(Service::AutoScaling, "AttachLoadBalancerTargetGroups", Repeat::Safe, || {
            let call = client.attach_load_balancer_target_groups().auto_scaling_group_name(&fleet.name);
            call.set_target_group_arns(Some(some.to_vec())).send()
        })
        .await?;
    }
    let detach: Vec<_> = (&fleet.target_groups - after).into_iter().collect();
    for some in detach.chunks(TARGET_GROUPS) {
        op.call(Service::AutoScaling, "DetachLoadBalancerTargetGroups", Repeat::Safe, || {
            let call = client.detach_load_balancer_target_groups().auto_scaling_group_name(&fleet.name);
            call.set_target_group_arns(Some(some.to_vec())).send()
        })
        .await?;
    }
    let until = format!("the target groups of `{}` have its instances", fleet.name);
    op.wait(&until, limit, || async {
        let answer = op
            .cloud
            .read(Service::AutoScaling, "DescribeLoadBalancerTargetGroups", || {
                let call = client.describe_load_balancer_target_groups();
                call.auto_scaling_group_name(&fleet.name).max_records(100).send()
            })
            .await?;
        let under_way: Vec<_> = answer
            .load_balancer_target_groups()
            .iter()
            .filter(|one| matches!(one.state(), Some("Adding" | "Removing")))
            .map(|one| {
                let arn = one.load_balancer_target_group_arn().unwrap_or_default();
                format!("{} {arn}", one.state().unwrap_or_default())
            })
            .collect();
        Ok(if under_way.is_empty() { Poll::Ready(()) } else { Poll::Pending(under_way.join(", ")) })
    })
    .await
}
