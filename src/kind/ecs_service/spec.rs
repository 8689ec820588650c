//! The typed form of an `ecs_service`, and the SDK's forms of its parts. Canonical inputs come in as JSON. Makes no
//! call.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_ecs::types as t;
use serde::Deserialize;

use super::EcsService;
use crate::cloud::error::Error;
use crate::kind::ecs::{Provider, built};
use crate::kind::fleet::Template;
use crate::kind::{Tags, typed};
use crate::value::Object;

#[derive(Debug, Clone, Deserialize)]
pub struct Spec {
    pub name: Option<String>,
    pub cluster: String,
    pub min_count: i32,
    pub max_count: i32,
    pub desired_count: Option<i32>,
    pub task_definition: Revision,
    launch_type: Option<String>,
    #[serde(default)]
    capacity_provider: Vec<Provider>,
    platform_version: Option<String>,
    #[serde(default)]
    placement_constraint: Vec<Constraint>,
    #[serde(default)]
    placement_strategy: Vec<Strategy>,
    #[serde(default)]
    subnets: Vec<String>,
    #[serde(default)]
    security_groups: Vec<String>,
    assign_public_ip: bool,
    #[serde(default)]
    pub target_groups: BTreeSet<String>,
    container: Option<String>,
    container_port: Option<i32>,
    health_check_grace_period: Option<i32>,
    #[serde(default)]
    service_registry: Vec<Registry>,
    rolling_update: Rolling,
    availability_zone_rebalancing: Option<String>,
    enable_execute_command: bool,
    enable_ecs_managed_tags: bool,
    propagate_tags: String,
    /// Seconds.
    ready_timeout: u64,
    pub tags: Tags,
}

/// The outputs by which a service refers to a task definition.
#[derive(Debug, Clone, Deserialize)]
pub struct Revision {
    id: String,
    revision: u64,
}

impl Revision {
    /// `family:revision`
    pub fn named(&self) -> String {
        format!("{}:{}", self.id, self.revision)
    }
}

#[derive(Debug, Clone, Deserialize)]
struct Constraint {
    #[serde(rename = "type")]
    kind: String,
    expression: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct Strategy {
    #[serde(rename = "type")]
    kind: String,
    field: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct Registry {
    registry: String,
    port: Option<i32>,
    container: Option<String>,
    container_port: Option<i32>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Rolling {
    /// Percent.
    min_healthy: f64,
    max_healthy: f64,
    circuit_breaker: bool,
    auto_rollback: bool,
}

impl Rolling {
    #[allow(clippy::cast_possible_truncation, reason = "the schema bounds percents")]
    fn configuration(&self) -> t::DeploymentConfiguration {
        let breaker = t::DeploymentCircuitBreaker::builder();
        let breaker =
            breaker.enable(self.circuit_breaker).rollback(self.circuit_breaker && self.auto_rollback);
        t::DeploymentConfiguration::builder()
            .minimum_healthy_percent(self.min_healthy.round() as i32)
            .maximum_percent(self.max_healthy.round() as i32)
            .deployment_circuit_breaker(breaker.build())
            .build()
    }
}

impl Spec {
    /// Parses a service's inputs.
    pub fn of(inputs: &Object) -> Result<Self, Error> {
        typed(&EcsService, inputs)
    }

    pub fn ready_timeout(&self) -> Duration {
        Duration::from_secs(self.ready_timeout)
    }

    /// The number of tasks within the bounds, for a service that has `now`.
    pub fn count(&self, now: i32) -> i32 {
        self.desired_count.unwrap_or(now).max(self.min_count).min(self.max_count)
    }

    pub fn template(&self) -> Template {
        Template { id: self.task_definition.id.clone(), version: self.task_definition.revision.to_string() }
    }

    pub fn network(&self) -> Result<Option<t::NetworkConfiguration>, Error> {
        if self.subnets.is_empty() {
            return Ok(None);
        }
        let public =
            if self.assign_public_ip { t::AssignPublicIp::Enabled } else { t::AssignPublicIp::Disabled };
        let own = t::AwsVpcConfiguration::builder()
            .set_subnets(Some(self.subnets.clone()))
            .set_security_groups(Some(self.security_groups.clone()).filter(|groups| !groups.is_empty()))
            .assign_public_ip(public);
        Ok(Some(t::NetworkConfiguration::builder().awsvpc_configuration(built(own.build())?).build()))
    }

    pub fn balancers(&self) -> Vec<t::LoadBalancer> {
        let one = |group: &String| {
            t::LoadBalancer::builder()
                .target_group_arn(group)
                .set_container_name(self.container.clone())
                .set_container_port(self.container_port)
                .build()
        };
        self.target_groups.iter().map(one).collect()
    }

    pub fn registries(&self) -> Vec<t::ServiceRegistry> {
        let one = |one: &Registry| {
            t::ServiceRegistry::builder()
                .registry_arn(&one.registry)
                .set_port(one.port)
                .set_container_name(one.container.clone())
                .set_container_port(one.container_port)
                .build()
        };
        self.service_registry.iter().map(one).collect()
    }

    pub fn strategy(&self) -> Result<Vec<t::CapacityProviderStrategyItem>, Error> {
        Provider::strategy(&self.capacity_provider)
    }

    pub fn constraints(&self) -> Vec<t::PlacementConstraint> {
        let one = |one: &Constraint| {
            let constraint = t::PlacementConstraint::builder().r#type(one.kind.as_str().into());
            constraint.set_expression(one.expression.clone()).build()
        };
        self.placement_constraint.iter().map(one).collect()
    }

    pub fn placement(&self) -> Vec<t::PlacementStrategy> {
        let one = |one: &Strategy| {
            let strategy = t::PlacementStrategy::builder().r#type(one.kind.as_str().into());
            strategy.set_field(one.field.clone()).build()
        };
        self.placement_strategy.iter().map(one).collect()
    }

    pub fn launch_type(&self) -> Option<t::LaunchType> {
        self.launch_type.as_deref().map(Into::into)
    }

    pub fn platform_version(&self) -> Option<&str> {
        self.platform_version.as_deref()
    }

    pub fn grace(&self) -> Option<i32> {
        self.health_check_grace_period
    }

    pub fn deployment(&self) -> t::DeploymentConfiguration {
        self.rolling_update.configuration()
    }

    pub fn rebalancing(&self) -> Option<t::AvailabilityZoneRebalancing> {
        self.availability_zone_rebalancing.as_deref().map(Into::into)
    }

    pub fn propagation(&self) -> t::PropagateTags {
        self.propagate_tags.as_str().into()
    }

    pub fn execute_command(&self) -> bool {
        self.enable_execute_command
    }

    pub fn managed_tags(&self) -> bool {
        self.enable_ecs_managed_tags
    }
}
