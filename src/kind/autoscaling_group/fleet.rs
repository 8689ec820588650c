//! An Auto Scaling group as it was last seen: its sizes and its instances. Other modules ask here
//! how many instances are in service and what capacity is wanted at the moment. Changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_autoscaling::types::{
    AutoScalingGroup, Instance, LaunchTemplateSpecification, MixedInstancesPolicy,
};

use crate::cloud::Cloud;
use crate::cloud::error::{Error, Service};

/// At most so many names and groups a call (API_DescribeAutoScalingGroups, MaxRecords).
const PAGE: usize = 100;

/// One version of a launch template.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Template {
    pub id: String,
    /// A number, or what else the API was told (`$Latest`).
    pub version: String,
}

impl Template {
    pub fn from_sdk(specification: &LaunchTemplateSpecification) -> Option<Self> {
        let id = specification.launch_template_id()?.to_owned();
        Some(Self { id, version: specification.version().unwrap_or("$Default").to_owned() })
    }

    pub fn specification(&self) -> LaunchTemplateSpecification {
        LaunchTemplateSpecification::builder().launch_template_id(&self.id).version(&self.version).build()
    }

    /// The version's number, unless it is a `$` alias.
    pub fn number(&self) -> Option<u64> {
        self.version.parse().ok()
    }
}

/// One instance of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub id: String,
    /// The lifecycle state in the API's words, such as `InService` or `Pending:Wait`.
    pub state: String,
    /// What the group thinks of its health.
    pub healthy: bool,
    /// What it was launched from, as the group says it.
    pub template: Option<Template>,
    /// How many units of the group's sizes it counts.
    pub units: i32,
    pub protected: bool,
}

impl Member {
    pub fn in_service(&self) -> bool {
        self.state == "InService" && self.healthy
    }

    /// Whether it is on its way out of the group.
    pub fn leaving(&self) -> bool {
        ["Terminat", "Detach"].iter().any(|start| self.state.starts_with(start))
    }
}

/// A group as it was last seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Fleet {
    pub name: String,
    pub arn: String,
    /// Deletion has begun: it takes no more changes.
    pub deleting: bool,
    pub min: i32,
    pub max: i32,
    /// The capacity wanted at the moment, whoever asked for it.
    pub desired: i32,
    pub members: Vec<Member>,
    /// What new instances are launched from.
    pub template: Option<Template>,
    pub mixed: Option<MixedInstancesPolicy>,
    /// Target group ARNs.
    pub target_groups: BTreeSet<String>,
    /// Whether the group ends instances that its target groups find unhealthy.
    pub judged_by_targets: bool,
    pub suspended: BTreeSet<String>,
    pub metrics: BTreeSet<String>,
    /// Keys and values, bgform's own included.
    pub tags: BTreeMap<String, String>,
    pub deletion_protection: Option<String>,
}

impl Fleet {
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
        Self {
            name: owned(group.auto_scaling_group_name()),
            arn: owned(group.auto_scaling_group_arn()),
            deleting: group.status().is_some_and(|status| status.starts_with("Delete")),
            min: group.min_size().unwrap_or_default(),
            max: group.max_size().unwrap_or_default(),
            desired: group.desired_capacity().unwrap_or_default(),
            members: group.instances().iter().map(|one| member(one, &weights)).collect(),
            template: pinned.and_then(Template::from_sdk),
            mixed: mixed.cloned(),
            target_groups: group.target_group_arns().iter().cloned().collect(),
            judged_by_targets: group.health_check_type().is_some_and(|kinds| kinds.contains("ELB")),
            suspended: group
                .suspended_processes()
                .iter()
                .filter_map(|one| one.process_name().map(str::to_owned))
                .collect(),
            metrics: group
                .enabled_metrics()
                .iter()
                .filter_map(|one| one.metric().map(str::to_owned))
                .collect(),
            tags: group.tags().iter().map(|tag| (owned(tag.key()), owned(tag.value()))).collect(),
            deletion_protection: group.deletion_protection().map(|level| level.as_str().to_owned()),
        }
    }

    /// How many instances are in service and, as far as the group knows, healthy.
    pub fn in_service(&self) -> usize {
        self.members.iter().filter(|member| member.in_service()).count()
    }

    /// The capacity that these instances are, in the units of the group's sizes.
    pub fn capacity_in_service(&self) -> i32 {
        self.members.iter().filter(|member| member.in_service()).map(|member| member.units).sum()
    }

    /// Whether the capacity in service is what is wanted, or as near to it as the group gets: it
    /// counts whole instances, keeps the protected ones, and a suspended process does nothing.
    pub fn settled(&self) -> bool {
        let capacity = self.capacity_in_service();
        let heaviest = self.members.iter().map(|member| member.units).max().unwrap_or(1);
        let kept = self.suspended.contains("Terminate") || self.members.iter().any(|member| member.protected);
        let launches = !self.suspended.contains("Launch");
        (capacity >= self.desired || !launches) && (kept || capacity - self.desired < heaviest)
    }

    /// What a person who waits wants to see: `1 of 3 in service, 2 Pending`.
    pub fn summary(&self) -> String {
        let mut states: BTreeMap<&str, usize> = BTreeMap::new();
        for member in self.members.iter().filter(|member| !member.in_service()) {
            let state = if member.state == "InService" { "unhealthy" } else { member.state.as_str() };
            *states.entry(state).or_default() += 1;
        }
        let rest: String = states.iter().map(|(state, count)| format!(", {count} {state}")).collect();
        format!("{} of {} in service{rest}", self.capacity_in_service(), self.desired)
    }

    /// The version that the group stands at: that of its pin, unless an instance still runs
    /// another template or an older version; then that one, so that a plan finishes the work.
    pub fn stands_at(&self) -> Option<Template> {
        let pinned = self.template.clone()?;
        let behind = |one: &&Template| {
            one.id != pinned.id || one.number().zip(pinned.number()).is_some_and(|(is, pin)| is < pin)
        };
        let running = self.members.iter().filter(|member| !member.leaving());
        let oldest = running
            .filter_map(|member| member.template.as_ref())
            .filter(behind)
            .min_by_key(|one| one.number())
            .cloned();
        Some(oldest.unwrap_or(pinned))
    }
}

fn member(instance: &Instance, weights: &BTreeMap<&str, &str>) -> Member {
    let owned = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let weight = instance
        .weighted_capacity()
        .or_else(|| instance.instance_type().and_then(|kind| weights.get(kind).copied()));
    Member {
        id: owned(instance.instance_id()),
        state: instance.lifecycle_state().map(|state| state.as_str().to_owned()).unwrap_or_default(),
        healthy: instance.health_status() == Some("Healthy"),
        template: instance.launch_template().and_then(Template::from_sdk),
        units: weight.and_then(|weight| weight.parse().ok()).unwrap_or(1),
        protected: instance.protected_from_scale_in().unwrap_or_default(),
    }
}

/// Groups by name, up to 100 a call. Those that do not exist are left out.
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

/// How these groups stand, by name; up to 100 a call. Those that do not exist are left out, those
/// under deletion are there and say so.
pub async fn observe(cloud: &Cloud, names: &[&str]) -> Result<BTreeMap<String, Fleet>, Error> {
    let groups = describe(cloud, names).await?;
    Ok(groups.iter().map(Fleet::from_sdk).map(|fleet| (fleet.name.clone(), fleet)).collect())
}

/// How one group stands.
pub async fn observe_one(cloud: &Cloud, name: &str) -> Result<Option<Fleet>, Error> {
    Ok(observe(cloud, &[name]).await?.remove(name))
}
