//! The typed form of an `autoscaling_group`. Canonical inputs come in as JSON. Makes no call.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Deserialize;

use super::AutoscalingGroup;
use crate::cloud::error::Error;
use crate::kind::fleet::Pace;
use crate::kind::fleet::Template;
use crate::kind::{Tags, typed};
use crate::value::Object;

#[derive(Debug, Clone, Deserialize)]
pub struct Spec {
    pub name: Option<String>,
    /// Absent only in a live group without a template (with a launch configuration).
    pub launch_template: Option<Version>,
    pub mixed_instances: Option<Mixed>,
    #[serde(default)]
    pub subnets: Vec<String>,
    pub min_size: i32,
    pub max_size: i32,
    pub desired_capacity: Option<i32>,
    #[serde(default)]
    pub target_groups: BTreeSet<String>,
    pub health_check_type: String,
    pub health_check_grace_period: i32,
    pub default_cooldown: i32,
    pub default_instance_warmup: Option<i32>,
    #[serde(default)]
    pub tags: Tags,
    pub propagate_tags: bool,
    #[serde(default)]
    pub suspended_processes: BTreeSet<String>,
    #[serde(default)]
    pub termination_policies: Vec<String>,
    pub capacity_rebalance: bool,
    pub new_instances_protected_from_scale_in: bool,
    pub max_instance_lifetime: Option<i32>,
    pub service_linked_role: Option<String>,
    pub placement_group: Option<String>,
    pub instance_maintenance_policy: Option<Maintenance>,
    pub availability_zone_distribution: Option<String>,
    pub availability_zone_impairment_policy: Option<Impairment>,
    pub deletion_protection: String,
    #[serde(default)]
    pub enabled_metrics: BTreeSet<String>,
    #[serde(default)]
    pub lifecycle_hook: Vec<Hook>,
    #[serde(default)]
    pub scaling_policy: Vec<Policy>,
    pub instance_refresh: Option<Refresh>,
    pub outdated_instances: Outdated,
    /// Seconds.
    ready_timeout: u64,
}

/// The outputs by which a group refers to a launch template.
#[derive(Debug, Clone, Deserialize)]
pub struct Version {
    pub id: String,
    latest_version: Number,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Number {
    Whole(u64),
    Text(String),
}

impl Version {
    pub fn template(&self) -> Template {
        let version = match &self.latest_version {
            Number::Whole(number) => number.to_string(),
            Number::Text(text) => text.clone(),
        };
        Template { id: self.id.clone(), version }
    }
}

#[derive(Debug, Clone, Deserialize)]
pub struct Mixed {
    #[serde(rename = "override", default)]
    pub overrides: Vec<Override>,
    pub instances_distribution: Option<Distribution>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Override {
    pub instance_type: String,
    pub weighted_capacity: Option<i32>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Distribution {
    pub on_demand_allocation_strategy: Option<String>,
    pub on_demand_base_capacity: Option<i32>,
    pub on_demand_percentage_above_base_capacity: Option<f64>,
    pub spot_allocation_strategy: Option<String>,
    pub spot_instance_pools: Option<i32>,
    pub spot_max_price: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Maintenance {
    pub min_healthy_percentage: f64,
    pub max_healthy_percentage: f64,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Impairment {
    pub zonal_shift_enabled: bool,
    pub impaired_zone_health_check_behavior: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Hook {
    pub name: String,
    pub transition: String,
    pub default_result: String,
    pub heartbeat_timeout: i32,
    pub notification_metadata: Option<String>,
    pub notification_target: Option<String>,
    pub role: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Policy {
    pub name: String,
    pub predefined_metric: Option<String>,
    pub resource_label: Option<String>,
    pub customized_metric: Option<Metric>,
    pub target_value: f64,
    pub disable_scale_in: bool,
    pub estimated_instance_warmup: Option<i32>,
    pub enabled: bool,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Metric {
    pub metric_name: Option<String>,
    pub namespace: Option<String>,
    pub statistic: Option<String>,
    #[serde(default)]
    pub dimensions: BTreeMap<String, String>,
    pub unit: Option<String>,
    pub period: Option<i32>,
}

/// The handling of running instances when their launch template changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outdated {
    Replace,
    Keep,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Refresh {
    pub min_healthy: f64,
    pub max_healthy: Option<f64>,
    pub checkpoints: Option<Vec<f64>>,
    pub checkpoint_delay: Option<i32>,
    pub instance_warmup: Option<i32>,
    pub bake_time: Option<i32>,
    pub skip_matching: bool,
    pub auto_rollback: bool,
    #[serde(default)]
    pub alarms: Vec<String>,
    pub scale_in_protected_instances: String,
    pub standby_instances: String,
    /// Seconds.
    timeout: u64,
}

impl Spec {
    pub fn ready_timeout(&self) -> Duration {
        Duration::from_secs(self.ready_timeout)
    }

    /// The version that instances are launched from.
    pub fn template(&self) -> Result<Template, Error> {
        self.launch_template.as_ref().map(Version::template).ok_or_else(|| {
            Error::failed(
                "the group has no launch template",
                "write `launch_template = launch_template.NAME`",
            )
        })
    }
}

impl Spec {
    /// Parses a group's inputs from the state.
    pub fn of(inputs: &Object) -> Result<Self, Error> {
        typed(&AutoscalingGroup, inputs)
    }

    /// Time for which an instance refresh does not count a new instance (user guide,
    /// understand-instance-refresh-default-values).
    pub fn warmup(&self) -> Duration {
        let seconds = self.default_instance_warmup.unwrap_or(self.health_check_grace_period);
        Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
    }

    /// The same spec with this version.
    #[must_use]
    pub fn at(&self, template: &Template) -> Self {
        let latest_version = Number::Text(template.version.clone());
        Self { launch_template: Some(Version { id: template.id.clone(), latest_version }), ..self.clone() }
    }
}

impl Refresh {
    /// The pace of a refresh that takes a group back: without pauses, and without a rollback of its own.
    pub fn back(pace: Pace) -> Self {
        Self {
            min_healthy: pace.min_healthy,
            max_healthy: Some(pace.max_healthy),
            checkpoints: None,
            checkpoint_delay: None,
            instance_warmup: None,
            bake_time: None,
            skip_matching: pace.skip_matching,
            auto_rollback: false,
            alarms: Vec::new(),
            scale_in_protected_instances: "Refresh".to_owned(),
            standby_instances: "Terminate".to_owned(),
            timeout: 12 * 3600,
        }
    }

    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}
