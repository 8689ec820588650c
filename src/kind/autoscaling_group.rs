//! `autoscaling_group`: instances of one launch template version, kept at a size and registered with target
//! groups. A create ends when its capacity is in service. A new version of its template ends when no instance
//! runs an older one. A delete ends when its instances are gone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_autoscaling::operation::create_auto_scaling_group::CreateAutoScalingGroupInput;

use super::preflight::{Finding, Ground};
use super::schema::{Schema, Wrong};
use super::{Boxed, Kind, Live, Made, Named, Permissions, Traffic, Update, Wanted};
use crate::cloud::error::{Class, CloudError, Error, Service};
use crate::cloud::{Cloud, Repeat};
use crate::kind::operation::{ADDRESS_TAG, OPERATION_TAG, Operation, Poll, Tagged};
use crate::state::Record;
use crate::value::{Object, Value};

mod adoption;
mod blocks;
mod check;
pub mod group;
mod parts;
mod places;
mod preflight;
mod read;
pub mod ready;
pub mod refresh;
pub mod retirement;
pub mod roll;
pub mod schema;
mod sdk;
mod seam;
pub mod spec;
pub mod standby;
mod update;

pub use update::pin_to;

use group::{Group, observe_one};
use spec::Spec;

/// Maximum time until instances are gone: longer than the longest deregistration delay (3600 s).
const DELETE_LIMIT: Duration = Duration::from_secs(75 * 60);
const KIND: &str = "autoscaling_group";
/// Maximum length of a name (API_CreateAutoScalingGroup).
const NAME: usize = 255;

#[derive(Debug, Clone, Copy)]
pub struct AutoscalingGroup;

impl Kind for AutoscalingGroup {
    type Spec = Spec;

    fn schema(&self) -> &'static Schema {
        &schema::SCHEMA
    }

    fn permissions(&self) -> Permissions {
        Permissions {
            read: &[
                "autoscaling:DescribeAutoScalingGroups",
                "autoscaling:DescribeLifecycleHooks",
                "autoscaling:DescribePolicies",
                "autoscaling:DescribeScheduledActions",
            ],
            write: &[
                "autoscaling:AttachLoadBalancerTargetGroups",
                "autoscaling:CancelInstanceRefresh",
                "autoscaling:CreateAutoScalingGroup",
                "autoscaling:CreateOrUpdateTags",
                "autoscaling:DeleteAutoScalingGroup",
                "autoscaling:DeleteLifecycleHook",
                "autoscaling:DeletePolicy",
                "autoscaling:DeleteTags",
                "autoscaling:DescribeInstanceRefreshes",
                "autoscaling:DescribeLoadBalancerTargetGroups",
                "autoscaling:DescribeScalingActivities",
                "autoscaling:DetachLoadBalancerTargetGroups",
                "autoscaling:DisableMetricsCollection",
                "autoscaling:EnableMetricsCollection",
                "autoscaling:PutLifecycleHook",
                "autoscaling:PutScalingPolicy",
                "autoscaling:ResumeProcesses",
                "autoscaling:RollbackInstanceRefresh",
                "autoscaling:StartInstanceRefresh",
                "autoscaling:SuspendProcesses",
                "autoscaling:TerminateInstanceInAutoScalingGroup",
                "autoscaling:UpdateAutoScalingGroup",
                "ec2:DescribeInstances",
                // AWS checks the launches of a group with the caller's own permissions (Auto Scaling user
                // guide, ec2-auto-scaling-launch-template-permissions).
                "ec2:RunInstances",
                // Whether requests are routed to what a policy counts the requests of.
                "elasticloadbalancing:DescribeListeners",
                "elasticloadbalancing:DescribeRules",
                "elasticloadbalancing:DescribeTargetGroups",
                "elasticloadbalancing:DescribeTargetHealth",
                "iam:CreateServiceLinkedRole",
                "iam:PassRole",
            ],
            ship: &[
                "autoscaling:DeleteScheduledAction",
                "autoscaling:DescribeAccountLimits",
                "autoscaling:PutScheduledUpdateGroupAction",
                "ec2:DescribeImages",
                "ec2:DescribeInstanceTypeOfferings",
                "ec2:DescribeSubnets",
            ],
        }
    }

    async fn create(&self, op: &Operation<'_>, spec: Spec) -> Result<String, Error> {
        let name = name_of(op, &spec);
        if !is_made(op, &name).await? {
            let input = spec.creation(&name, parts::creation_tags(op, &name, &spec))?;
            let client = &op.cloud.autoscaling;
            let made = op
                .call(Service::AutoScaling, "CreateAutoScalingGroup", Repeat::OnThrottle, || {
                    input.clone().send_with(client)
                })
                .await;
            match made {
                Ok(_) => {}
                // Made by a request whose answer was lost, or by somebody else in the meantime.
                Err(error) if error.already_exists() && is_made(op, &name).await? => {}
                Err(error) => return Err(error),
            }
        }
        complete(op, &name, &spec).await?;
        if !op.unawaited {
            ready::ready(op, &name, ready::Wanted::of(op), spec.ready_timeout()).await?;
        }
        Ok(name)
    }

    async fn read(&self, cloud: &Cloud, wanted: &[Wanted<'_>]) -> Result<BTreeMap<String, Live>, Error> {
        read::read(cloud, wanted).await
    }

    async fn update(&self, op: &Operation<'_>, update: Update<'_, Spec>) -> Result<(), Error> {
        update::update(op, update).await
    }

    async fn delete(&self, op: &Operation<'_>, record: &Record) -> Result<(), Error> {
        let name = record.id.as_str();
        op.wait(&format!("`{name}` is gone"), DELETE_LIMIT, || delete_or_look(op, name)).await?;
        let until = format!("the instances of `{name}` are gone");
        op.wait(&until, DELETE_LIMIT, || async {
            Ok(match instances_left(op.cloud, name).await? {
                0 => Poll::Ready(()),
                left => Poll::Pending(format!("{left} left")),
            })
        })
        .await
    }

    async fn find(&self, op: &Operation<'_>, spec: Spec) -> Result<Option<String>, Error> {
        let fleet = observe_one(op.cloud, &name_of(op, &spec)).await?;
        let Some(fleet) = fleet.filter(|fleet| is_ours(op, fleet) && !fleet.deleting) else {
            return Ok(None);
        };
        // The step that ends an interrupted operation waits for the instances: a plan must first be able to
        // change whatever keeps them from starting.
        op.unless_refused(complete(op, &fleet.name, &spec).await)?;
        Ok(Some(fleet.name.clone()))
    }

    fn check(&self, inputs: &Object) -> Vec<(&'static str, String, String)> {
        check::check(inputs)
    }

    fn beside(&self, inputs: &Object, named: Named<'_>) -> Vec<Wrong> {
        check::beside(inputs, named).into_iter().collect()
    }

    fn fleet(&self) -> Option<&'static dyn crate::kind::fleet::Fleet> {
        Some(&seam::Groups)
    }

    fn before<'a>(&'a self, ground: &'a Ground<'a>) -> Boxed<'a, Vec<Finding>> {
        Box::pin(preflight::look(ground))
    }

    fn traffic(&self, inputs: &Object) -> Traffic {
        let groups = inputs.get("target_groups").and_then(Value::as_list).unwrap_or_default();
        Traffic { forwards: Vec::new(), serves: groups.to_vec() }
    }

    /// The wanted size, moved into the bounds (API_UpdateAutoScalingGroup).
    fn capacity(&self, inputs: &Object, now: Option<u32>) -> Option<u32> {
        let size = |name: &str| Some(inputs.get(name)?.as_number()? as u32);
        let (min, max) = (size("min_size")?, size("max_size")?);
        Some(size("desired_capacity").or(now).unwrap_or(min).max(min).min(max))
    }

    /// A policy by requests per target is refused while the load balancer routes nothing to the target group
    /// (API_PredefinedMetricSpecification, ResourceLabel).
    fn after_routers(&self, inputs: &Object) -> Option<&'static str> {
        let policies = inputs.get("scaling_policy").and_then(Value::as_list).unwrap_or_default();
        let mut metrics = policies.iter().filter_map(|policy| policy.get("predefined_metric").as_str());
        metrics.any(|metric| metric == schema::REQUESTS_PER_TARGET).then_some("scaling_policy")
    }

    fn refused_under_traffic(&self, changed: &BTreeSet<String>, after: &Object) -> Option<(String, String)> {
        let refreshes = after.get("instance_refresh").is_some_and(|refresh| !refresh.is_null());
        let keeps = after.get("outdated_instances").and_then(Value::as_str) == Some("keep");
        // A group without instances runs no old version, and its next instance has the new one.
        let is_empty =
            after.get("desired_capacity").or(after.get("max_size")).and_then(Value::as_number) == Some(0.0);
        (changed.contains("launch_template") && !refreshes && !keeps && !is_empty).then(|| {
            (
                "a new launch_template version ends the running instances one by one while they carry \
                 traffic"
                    .to_owned(),
                "add `instance_refresh { }`, or shift the weight away first".to_owned(),
            )
        })
    }

    /// The service-linked role can be changed but not removed (API_UpdateAutoScalingGroup,
    /// ServiceLinkedRoleARN).
    fn not_in_place(&self, attribute: &str, _before: &Object, after: &Object) -> Option<Made> {
        let is_taken_away = after.get(attribute).is_none_or(Value::is_null);
        (attribute == "service_linked_role" && is_taken_away).then(|| {
            Made::Never(
                "the group would keep the role that it has: AWS takes another one, and never none".to_owned(),
                "write the ARN of the role that it is to have; the default one is AWSServiceRoleForAutoScaling",
            )
        })
    }

    fn tagged<'a>(
        &'a self,
        cloud: &'a Cloud,
        stack: &'a str,
        _within: &'a [String],
    ) -> Boxed<'a, Vec<Tagged>> {
        Box::pin(async move { group::of_stack(cloud, stack).await })
    }

    fn create_inputs(&self) -> Vec<String> {
        let empty = CreateAutoScalingGroupInput::builder().build();
        empty.map(|input| format!("{input:?}")).into_iter().collect()
    }
}

fn name_of(op: &Operation<'_>, spec: &Spec) -> String {
    spec.name.clone().unwrap_or_else(|| op.name(NAME))
}

fn is_ours(op: &Operation<'_>, fleet: &Group) -> bool {
    fleet.tags.get(OPERATION_TAG) == Some(&op.id)
}

/// Sets what the creating call cannot set, or an interrupted create left undone.
async fn complete(op: &Operation<'_>, name: &str, spec: &Spec) -> Result<(), Error> {
    let until = format!("`{name}` is visible");
    let fleet = op
        .wait(&until, Duration::from_secs(60), || async {
            let fleet = observe_one(op.cloud, name).await?;
            Ok(fleet.map_or(Poll::Pending("not yet".to_owned()), Poll::Ready))
        })
        .await?;
    parts::processes(op, &fleet, &spec.suspended_processes).await?;
    parts::missing_hooks(op, name, &spec.lifecycle_hook).await?;
    parts::policies(op, name, (&[], &spec.scaling_policy), &spec.target_groups).await?;
    parts::metrics(op, &fleet, &spec.enabled_metrics).await
}

/// Tells whether this operation has made the group already. A group of that name that is being deleted is
/// waited for. Somebody else's group is an error, since the creating call identifies a group by its name
/// alone.
async fn is_made(op: &Operation<'_>, name: &str) -> Result<bool, Error> {
    let until = format!("the old `{name}` is gone");
    op.wait(&until, DELETE_LIMIT, || async {
        match observe_one(op.cloud, name).await? {
            None => Ok(Poll::Ready(false)),
            Some(fleet) if fleet.deleting => Ok(Poll::Pending(fleet.summary())),
            Some(fleet) if is_ours(op, &fleet) => Ok(Poll::Ready(true)),
            Some(fleet) => {
                let owner = fleet.tags.get(ADDRESS_TAG).map_or_else(
                    || "bgform did not make it".to_owned(),
                    |address| format!("it was made for {address}"),
                );
                Err(Error::Cloud(CloudError {
                    service: Service::AutoScaling,
                    action: "CreateAutoScalingGroup",
                    class: Class::AlreadyExists,
                    code: Some("AlreadyExists".to_owned()),
                    message: format!("there is a group `{name}` already, and {owner}"),
                    request_id: None,
                    after_doubt: false,
                    access_key: None,
                }))
            }
        }
    })
    .await
}

/// Requests the group's deletion until it is gone. Its instances go with it.
async fn delete_or_look(op: &Operation<'_>, name: &str) -> Result<Poll<()>, Error> {
    let Some(fleet) = observe_one(op.cloud, name).await? else { return Ok(Poll::Ready(())) };
    if fleet.deleting {
        return Ok(Poll::Pending(fleet.summary()));
    }
    if let Some(level) = fleet.deletion_protection.as_ref().filter(|level| *level != "none") {
        return Err(Error::failed(
            format!("`{name}` is protected from deletion ({level})"),
            "write `deletion_protection = \"none\"` and apply that first",
        ));
    }
    let client = &op.cloud.autoscaling;
    let asked = op
        .call(Service::AutoScaling, "DeleteAutoScalingGroup", Repeat::Safe, || {
            client.delete_auto_scaling_group().auto_scaling_group_name(name).force_delete(true).send()
        })
        .await;
    match asked {
        Ok(_) => Ok(Poll::Pending("deleting".to_owned())),
        Err(error) if error.is_in_use() => Ok(Poll::Pending(error.to_string())),
        // For a missing group AWS answers ValidationError, as for any other mistake in the request.
        Err(error) => match observe_one(op.cloud, name).await? {
            Some(fleet) if !fleet.deleting => Err(error),
            _ => Ok(Poll::Pending("deleting".to_owned())),
        },
    }
}

/// The number of the group's instances that are not terminated yet, by EC2's tag for it.
async fn instances_left(cloud: &Cloud, name: &str) -> Result<usize, Error> {
    let filter = |name: &str, values: &[&str]| {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        aws_sdk_ec2::types::Filter::builder().name(name).set_values(Some(values)).build()
    };
    let left = cloud
        .read(Service::Ec2, "DescribeInstances", || {
            cloud
                .ec2
                .describe_instances()
                .filters(filter("tag:aws:autoscaling:groupName", &[name]))
                .filters(filter(
                    "instance-state-name",
                    &["pending", "running", "shutting-down", "stopping", "stopped"],
                ))
                .send()
        })
        .await?;
    Ok(left.reservations().iter().map(|one| one.instances().len()).sum())
}

#[cfg(test)]
mod tests;
