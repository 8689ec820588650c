//! What a group is, and what it knows of its instances.

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
    /// What instances are launched from; of the mixed instances policy where there is one.
    pub template: Template,
    /// The mixed instances policy as it is answered.
    pub mixed: Option<Value>,
    pub min: i64,
    pub max: i64,
    pub desired: i64,
    pub cooldown: i64,
    /// The subnets as they were given; none where only zones were.
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
    /// Settings that are kept as they were given and change nothing here, by their API names.
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
    /// Why the desired capacity is what it is: told in the cause of the activities that follow.
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

    /// Whether it is a version that cannot become another one.
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

    /// Whether it counts as the group's capacity.
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
    /// Why it is unhealthy, in the words of a cause; none while it is healthy.
    pub unhealthy: Option<String>,
    /// The version, by number, that it was launched from; none for what was attached.
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
    /// Has been through its launch hooks: what comes back from standby does not again.
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
    /// Whether a process runs.
    pub fn runs(&self, process: &str) -> bool {
        !self.suspended.contains_key(process)
    }

    /// The capacity that is there or coming.
    pub fn capacity(&self) -> i64 {
        self.instances.values().filter(|member| member.state.counts()).map(Member::units).sum()
    }

    /// Whether its target groups judge its instances.
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

    /// What the next instance is launched from: a refresh launches its desired configuration.
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
