//! An Auto Scaling group as last observed: its sizes and its instances. Other modules read from it the number
//! of instances in service and the wanted capacity. Changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

use aws_sdk_autoscaling::types::{
    AutoScalingGroup, Filter, Instance, LaunchTemplateSpecification, MixedInstancesPolicy,
};

use crate::cloud::Cloud;
use crate::cloud::error::{Error, Service};
use crate::kind::ec2::pages;
use crate::kind::fleet::{Member, Phase, Standing, Template};
use crate::kind::operation::{STACK_TAG, Tagged};

/// Maximum number of names and groups in a call (API_DescribeAutoScalingGroups, MaxRecords).
const PAGE: usize = 100;

/// A group as last observed. It derefs to its fleet.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    pub standing: Standing,
    /// Whether the group terminates instances that its target groups find unhealthy.
    pub judged_by_targets: bool,
    pub metrics: BTreeSet<String>,
    /// Keys and values, including bgform's own.
    pub tags: BTreeMap<String, String>,
    pub deletion_protection: Option<String>,
    pub mixed: Option<MixedInstancesPolicy>,
}

impl Deref for Group {
    type Target = Standing;

    fn deref(&self) -> &Standing {
        &self.standing
    }
}

impl Template {
    pub fn from_sdk(specification: &LaunchTemplateSpecification) -> Option<Self> {
        let id = specification.launch_template_id()?.to_owned();
        Some(Self { id, version: specification.version().unwrap_or("$Default").to_owned() })
    }

    pub fn specification(&self) -> LaunchTemplateSpecification {
        LaunchTemplateSpecification::builder().launch_template_id(&self.id).version(&self.version).build()
    }
}

impl Group {
    pub fn from_sdk(group: &AutoScalingGroup) -> Self {
        let mixed = group.mixed_instances_policy();
        let template = mixed.and_then(|mixed| mixed.launch_template());
        let weights: BTreeMap<&str, &str> = template
            .map(|template| template.overrides())
            .unwrap_or_default()
            .iter()
            .filter_map(|one| one.instance_type().zip(one.weighted_capacity()))
            .collect();
        let pinned = group
            .launch_template()
            .or_else(|| template.and_then(|template| template.launch_template_specification()));
        let owned = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let standing = Standing {
            name: owned(group.auto_scaling_group_name()),
            arn: owned(group.auto_scaling_group_arn()),
            deleting: group.status().is_some_and(|status| status.starts_with("Delete")),
            min: group.min_size().unwrap_or_default(),
            max: group.max_size().unwrap_or_default(),
            desired: group.desired_capacity().unwrap_or_default(),
            members: group.instances().iter().map(|one| member(one, &weights)).collect(),
            template: pinned.and_then(Template::from_sdk),
            target_groups: group.target_group_arns().iter().cloned().collect(),
            suspended: group
                .suspended_processes()
                .iter()
                .filter_map(|one| one.process_name().map(str::to_owned))
                .collect(),
        };
        Self {
            standing,
            judged_by_targets: group.health_check_type().is_some_and(|kinds| kinds.contains("ELB")),
            metrics: group
                .enabled_metrics()
                .iter()
                .filter_map(|one| one.metric().map(str::to_owned))
                .collect(),
            tags: group.tags().iter().map(|tag| (owned(tag.key()), owned(tag.value()))).collect(),
            deletion_protection: group.deletion_protection().map(|level| level.as_str().to_owned()),
            mixed: mixed.cloned(),
        }
    }
}

/// The phase of a lifecycle state (user guide, ec2-auto-scaling-lifecycle).
pub fn phase(state: &str) -> Phase {
    match state {
        "InService" => Phase::Serving,
        _ if state.contains("Standby") => Phase::Resting,
        _ if ["Terminat", "Detach"].iter().any(|start| state.starts_with(start)) => Phase::Leaving,
        _ => Phase::Coming,
    }
}

fn member(instance: &Instance, weights: &BTreeMap<&str, &str>) -> Member {
    let owned = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let weight = instance
        .weighted_capacity()
        .or_else(|| instance.instance_type().and_then(|kind| weights.get(kind).copied()));
    let state = instance.lifecycle_state().map(|state| state.as_str().to_owned()).unwrap_or_default();
    Member {
        id: owned(instance.instance_id()),
        target: owned(instance.instance_id()),
        phase: phase(&state),
        state,
        healthy: instance.health_status() == Some("Healthy"),
        template: instance.launch_template().and_then(Template::from_sdk),
        units: weight.and_then(|weight| weight.parse().ok()).unwrap_or(1),
        protected: instance.protected_from_scale_in().unwrap_or_default(),
    }
}

/// Returns groups by name, up to 100 in a call. Missing groups are left out.
pub async fn describe(cloud: &Cloud, names: &[&str]) -> Result<Vec<AutoScalingGroup>, Error> {
    let mut groups = Vec::new();
    for names in names.chunks(PAGE) {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut token = None;
        loop {
            let page = cloud
                .read(Service::AutoScaling, "DescribeAutoScalingGroups", || {
                    cloud
                        .autoscaling
                        .describe_auto_scaling_groups()
                        .set_auto_scaling_group_names(Some(names.clone()))
                        .max_records(PAGE as i32)
                        .set_next_token(token.clone())
                        .send()
                })
                .await?;
            groups.extend(page.auto_scaling_groups.unwrap_or_default());
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                break;
            }
        }
    }
    Ok(groups)
}

/// Observes groups by name, up to 100 in a call. Missing groups are left out; groups under deletion are
/// included and marked.
pub async fn observe(cloud: &Cloud, names: &[&str]) -> Result<BTreeMap<String, Group>, Error> {
    let groups = describe(cloud, names).await?;
    Ok(groups.iter().map(Group::from_sdk).map(|fleet| (fleet.name.clone(), fleet)).collect())
}

/// Observes one group.
pub async fn observe_one(cloud: &Cloud, name: &str) -> Result<Option<Group>, Error> {
    Ok(observe(cloud, &[name]).await?.remove(name))
}

/// The groups of the region that match a filter, or all without one.
pub async fn matching(cloud: &Cloud, filter: Option<Filter>) -> Result<Vec<Group>, Error> {
    let (autoscaling, filters) = (&cloud.autoscaling, &filter.map(|filter| vec![filter]));
    let groups = pages(|token| async move {
        let describe = autoscaling.describe_auto_scaling_groups().set_filters(filters.clone());
        let describe = describe.max_records(PAGE as i32).set_next_token(token);
        let send = || describe.clone().send();
        let page = cloud.read(Service::AutoScaling, "DescribeAutoScalingGroups", send).await?;
        Ok((page.auto_scaling_groups, page.next_token))
    })
    .await?;
    Ok(groups.iter().map(Group::from_sdk).collect())
}

/// The groups with the tag of a stack.
pub async fn of_stack(cloud: &Cloud, stack: &str) -> Result<Vec<Tagged>, Error> {
    let filter = Filter::builder().name(format!("tag:{STACK_TAG}")).values(stack).build();
    let found = matching(cloud, Some(filter)).await?.into_iter().filter(|group| !group.deleting);
    let tagged = |group: Group| {
        let tags = group.tags.iter().map(|(key, value)| (Some(key.as_str()), Some(value.as_str())));
        Tagged::of(Some(&group.name), stack, tags)
    };
    Ok(found.filter_map(tagged).collect())
}
