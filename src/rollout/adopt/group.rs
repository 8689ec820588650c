//! Whether the adopted group is alone on its launch template and in its target group, and stays as
//! large and where it is.

use std::collections::BTreeSet;

use super::{Stop, Taking, refused};
use crate::cloud::Cloud;
use crate::cloud::error::{Error, Service};
use crate::kind::autoscaling_group::group::Group;
use crate::kind::elbv2::health::{self, Health};
use crate::kind::elbv2::{name_in, pages};
use crate::kind::fleet::{Standing, Template};
use crate::plan::take_over::Taken;
use crate::value::Value;

impl Taking<'_> {
    /// Nobody else launches whatever version of the template is the newest.
    pub(super) async fn alone_on(&self, template: &Template, group: &str) -> Result<(), Stop> {
        let autoscaling = &self.cloud.autoscaling;
        let fleets = pages(|token| async move {
            let describe = autoscaling.describe_auto_scaling_groups().max_records(100).set_next_token(token);
            let send = || describe.clone().send();
            let page = self.cloud.read(Service::AutoScaling, "DescribeAutoScalingGroups", send).await?;
            Ok((page.auto_scaling_groups.unwrap_or_default(), page.next_token))
        });
        let fleets = fleets.await?;
        let follows = |fleet: &Group| {
            let launched = fleet.template.as_ref();
            fleet.name != group && launched.is_some_and(|one| one.id == template.id && one.number().is_none())
        };
        let Some(other) = fleets.iter().map(Group::from_sdk).find(follows) else { return Ok(()) };
        let version = other.template.as_ref().map(|template| template.version.clone()).unwrap_or_default();
        refused(
            format!(
                "`{}` launches {version} of the same launch template, and would launch the next release",
                other.name
            ),
            "pin that group to a version's number, or give it a template of its own",
        )
    }

    /// Every target is an instance of the group: the next release is as large as the group.
    pub(super) async fn targets(&self, fleet: &Standing, arn: &str) -> Result<String, Stop> {
        let health = health(self.cloud, arn).await?;
        let foreign = health.iter().find(|(id, _)| !fleet.members.iter().any(|member| member.id == *id));
        if let Some((id, _)) = foreign {
            return refused(
                format!(
                    "{id} is registered with target group {} and is no instance of `{}`",
                    name_in(arn),
                    fleet.name
                ),
                "the next release would be too small by what that one serves: attach it to the group, or deregister it",
            );
        }
        let healthy = health.iter().filter(|(_, healthy)| *healthy).count();
        Ok(format!("target group {}, {healthy} of {} targets healthy", name_in(arn), health.len()))
    }
}

/// A change of these would launch or end instances of a fleet that is only to be taken over.
pub(super) fn same_place(taken: &Taken, fleet: &Standing) -> Result<(), Stop> {
    let most = taken.inputs.get("max_size").and_then(Value::as_number);
    if let Some(most) = most.filter(|most| *most < f64::from(fleet.desired)) {
        return refused(
            format!(
                "`{}` has {} instances, and max_size = {most} would end some of them",
                fleet.name, fleet.desired
            ),
            format!("write max_size = {} or more", fleet.max.max(fleet.desired)),
        );
    }
    let subnets = |value: Option<&Value>| -> Option<BTreeSet<String>> {
        value?.as_list()?.iter().map(|one| one.as_str().map(str::to_owned)).collect()
    };
    let (live, said) = (subnets(taken.live.inputs.get("subnets")), subnets(taken.inputs.get("subnets")));
    if let (Some(live), Some(said)) = (live, said)
        && live != said
    {
        let list = |ids: BTreeSet<String>| ids.into_iter().collect::<Vec<_>>().join(", ");
        return refused(
            format!("`{}` is in the subnets {}, and the file says {}", fleet.name, list(live), list(said)),
            "write the same subnets: a change of them moves instances (https://docs.aws.amazon.com/autoscaling/ec2/\
             userguide/auto-scaling-benefits.html#AutoScalingBehavior.InstanceUsage); change them once it is adopted",
        );
    }
    Ok(())
}

/// The registered targets, each with whether it is healthy; those on their way out are not.
async fn health(cloud: &Cloud, group: &str) -> Result<Vec<(String, bool)>, Error> {
    let targets = health::targets(cloud, group).await?.into_iter();
    let there = targets.filter(|one| one.health != Health::Draining);
    Ok(there.filter_map(|one| Some((one.id.clone()?, one.is_healthy()))).collect())
}
