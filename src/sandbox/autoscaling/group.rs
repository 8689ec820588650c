//! A group and its data about its instances.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::hooks::{Hook, Wait};
use super::load_balancers::Attachment;
use super::policies::Policy;
use super::refresh::Refresh;
use super::schedule::Action;
use crate::api::Refusal;

/// An Auto Scaling group. Sizes and times are whole units and seconds, as in the API.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Group {
    pub name: String,
    pub arn: String,
    pub created_at: Timestamp,
    /// The launch template of instances, from the mixed instances policy if there is one.
    pub template: Template,
    /// The mixed instances policy in the form of answers.
    pub mixed: Option<Value>,
    pub min: i64,
    pub max: i64,
    pub desired: i64,
    pub cooldown: i64,
    /// The given subnets; empty if only zones were given.
    pub subnets: Vec<String>,
    pub zones: Vec<String>,
    /// Target groups, by ARN.
    pub target_groups: IndexMap<String, Attachment>,
    /// `EC2`, `ELB`, or several with commas.
    pub health_type: String,
    pub grace: i64,
    pub termination_policies: Vec<String>,
    pub protects_new: bool,
    pub max_lifetime: Option<i64>,
    pub warmup: Option<i64>,
    /// `none`, `prevent-force-deletion`, `prevent-all-deletion`.
    pub deletion_protection: String,
    /// Settings that are kept and have no effect here, by their API names.
    pub kept: BTreeMap<String, Value>,
    /// Value, and whether instances get it.
    pub tags: BTreeMap<String, (String, bool)>,
    /// Processes by name, with the reason.
    pub suspended: BTreeMap<String, String>,
    pub metrics: BTreeSet<String>,
    pub instances: IndexMap<String, Member>,
    pub hooks: IndexMap<String, Hook>,
    pub policies: IndexMap<String, Policy>,
    pub schedule: IndexMap<String, Action>,
    /// The oldest first.
    pub refreshes: Vec<Refresh>,
    /// The reason of the current desired capacity, for the cause of later activities.
    pub cause: String,
    /// The end of the last scaling activity, which cooldowns are counted from.
    pub scaled_at: Option<Timestamp>,
    /// Launches that failed in a row, and when the next one may be tried.
    pub failures: u32,
    pub next_launch: Option<Timestamp>,
    pub deleting: bool,
}

/// A version of a launch template.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Template {
    pub id: String,
    pub name: String,
    /// A number, `$Latest` or `$Default`.
    pub version: String,
}

impl Template {
    /// `LaunchTemplateSpecification`
    pub fn shown(&self) -> Value {
        json!({ "LaunchTemplateId": self.id, "LaunchTemplateName": self.name, "Version": self.version })
    }

    /// Tells whether the version is a number, which never changes.
    pub fn pinned(&self) -> bool {
        !self.version.starts_with('$')
    }
}

/// The states of an instance in a group (user guide, ec2-auto-scaling-lifecycle).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lifecycle {
    #[default]
    Pending,
    PendingWait,
    PendingProceed,
    InService,
    Terminating,
    TerminatingWait,
    TerminatingProceed,
    Detaching,
    EnteringStandby,
    Standby,
}

impl Lifecycle {
    pub fn name(self) -> &'static str {
        match self {
            Lifecycle::Pending => "Pending",
            Lifecycle::PendingWait => "Pending:Wait",
            Lifecycle::PendingProceed => "Pending:Proceed",
            Lifecycle::InService => "InService",
            Lifecycle::Terminating => "Terminating",
            Lifecycle::TerminatingWait => "Terminating:Wait",
            Lifecycle::TerminatingProceed => "Terminating:Proceed",
            Lifecycle::Detaching => "Detaching",
            Lifecycle::EnteringStandby => "EnteringStandby",
            Lifecycle::Standby => "Standby",
        }
    }

    /// On its way into service.
    pub fn coming(self) -> bool {
        matches!(self, Lifecycle::Pending | Lifecycle::PendingWait | Lifecycle::PendingProceed)
    }

    /// On its way out of the group.
    pub fn leaving(self) -> bool {
        matches!(
            self,
            Lifecycle::Terminating
                | Lifecycle::TerminatingWait
                | Lifecycle::TerminatingProceed
                | Lifecycle::Detaching
        )
    }

    /// Tells whether it counts as the group's capacity.
    pub fn counts(self) -> bool {
        self.coming() || self == Lifecycle::InService
    }
}

/// An instance of a group.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Member {
    pub id: String,
    pub state: Lifecycle,
    /// Why it is unhealthy, in the words of a cause; `None` while it is healthy.
    pub unhealthy: Option<String>,
    /// The version, by number, that it was launched from; `None` for an attached instance.
    pub template: Option<Template>,
    pub instance_type: String,
    pub zone: String,
    pub protected: bool,
    /// Units of the group's sizes, where the mixed instances policy has weights.
    pub weight: Option<i64>,
    pub joined_at: Timestamp,
    pub in_service_at: Option<Timestamp>,
    /// The activity that is under way for it.
    pub activity: Option<String>,
    /// Lifecycle hooks that it waits for.
    pub wait: Option<Wait>,
    /// It came into service while AddToLoadBalancer was suspended: never registered (user guide,
    /// as-suspend-resume-processes).
    pub unregistered: bool,
    /// Whether its launch hooks are done: they do not run again after standby.
    pub launched: bool,
}

impl Member {
    pub fn units(&self) -> i64 {
        self.weight.unwrap_or(1)
    }

    pub fn in_service(&self) -> bool {
        self.state == Lifecycle::InService && self.unhealthy.is_none()
    }
}

impl Group {
    pub fn runs(&self, process: &str) -> bool {
        !self.suspended.contains_key(process)
    }

    /// The existing and pending capacity.
    pub fn capacity(&self) -> i64 {
        self.instances.values().filter(|member| member.state.counts()).map(Member::units).sum()
    }

    /// Tells whether its target groups judge its instances.
    pub fn judged_by_targets(&self) -> bool {
        self.health_type.split(',').any(|kind| kind.trim() == "ELB")
    }

    /// The refresh that is under way.
    pub fn refresh(&self) -> Option<&Refresh> {
        self.refreshes.last().filter(|refresh| !refresh.status.ended())
    }

    pub fn refresh_mut(&mut self) -> Option<&mut Refresh> {
        self.refreshes.last_mut().filter(|refresh| !refresh.status.ended())
    }

    /// The template of the next launch: a refresh launches its desired configuration.
    pub fn launches(&self) -> (&Template, Option<&Value>) {
        match self.refresh().and_then(Refresh::launches) {
            Some((template, mixed)) => (template, mixed),
            None => (&self.template, self.mixed.as_ref()),
        }
    }

    /// A group under deletion takes no changes.
    pub fn takes_changes(&self) -> Result<(), Refusal> {
        match self.deleting {
            true => Err(Refusal::new(
                "ScalingActivityInProgress",
                format!("AutoScalingGroup '{}' is pending delete.", self.name),
            )),
            false => Ok(()),
        }
    }

    /// Sets the desired capacity and why.
    pub fn set_desired(&mut self, desired: i64, at: Timestamp, why: &str) {
        if desired != self.desired {
            self.cause = format!(
                "At {} {why} changing the desired capacity from {} to {desired}.",
                super::told(at),
                self.desired
            );
            self.desired = desired;
        }
    }
}
