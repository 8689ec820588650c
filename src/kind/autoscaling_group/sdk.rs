//! The SDK's forms of a group's parts. The typed spec comes in, SDK types go out. Makes no call.

use aws_sdk_autoscaling::operation::create_auto_scaling_group::builders::CreateAutoScalingGroupInputBuilder;
use aws_sdk_autoscaling::types;

use super::spec::{Hook, Policy, Refresh, Spec};
use crate::cloud::error::Error;

impl Spec {
    /// The input of the creating call, without what only later calls can set.
    pub fn creation(
        &self,
        name: &str,
        tags: Vec<types::Tag>,
    ) -> Result<CreateAutoScalingGroupInputBuilder, Error> {
        let (mixed, template) = match self.mixed_instances_policy()? {
            Some(mixed) => (Some(mixed), None),
            None => (None, Some(self.template()?.specification())),
        };
        let hooks: Vec<_> = self.lifecycle_hook.iter().map(Hook::specification).collect();
        Ok(CreateAutoScalingGroupInputBuilder::default()
            .auto_scaling_group_name(name)
            .set_launch_template(template)
            .set_mixed_instances_policy(mixed)
            .vpc_zone_identifier(self.vpc_zone_identifier())
            .min_size(self.min_size)
            .max_size(self.max_size)
            .set_desired_capacity(self.desired_capacity)
            .set_target_group_arns(some(self.target_groups.iter().cloned().collect()))
            .health_check_type(&self.health_check_type)
            .health_check_grace_period(self.health_check_grace_period)
            .default_cooldown(self.default_cooldown)
            .set_default_instance_warmup(self.default_instance_warmup)
            .set_tags(some(tags))
            .set_termination_policies(some(self.termination_policies.clone()))
            .capacity_rebalance(self.capacity_rebalance)
            .new_instances_protected_from_scale_in(self.new_instances_protected_from_scale_in)
            .set_max_instance_lifetime(self.max_instance_lifetime)
            .set_service_linked_role_arn(self.service_linked_role.clone())
            .set_placement_group(self.placement_group.clone())
            .set_instance_maintenance_policy(
                self.instance_maintenance_policy.as_ref().map(|_| self.maintenance()),
            )
            .set_availability_zone_distribution(
                self.availability_zone_distribution.as_ref().map(|_| self.distribution()),
            )
            .set_availability_zone_impairment_policy(
                self.availability_zone_impairment_policy.as_ref().map(|_| self.impairment()),
            )
            .deletion_protection(self.deletion_protection.as_str().into())
            .set_lifecycle_hook_specification_list(some(hooks)))
    }

    /// The subnets in the API's form.
    pub fn vpc_zone_identifier(&self) -> String {
        self.subnets.join(",")
    }

    /// The mixed instances policy, if the block is declared.
    pub fn mixed_instances_policy(&self) -> Result<Option<types::MixedInstancesPolicy>, Error> {
        let Some(mixed) = &self.mixed_instances else { return Ok(None) };
        let overrides = mixed.overrides.iter().map(|one| {
            types::LaunchTemplateOverrides::builder()
                .instance_type(&one.instance_type)
                .set_weighted_capacity(one.weighted_capacity.map(|units| units.to_string()))
                .build()
        });
        let template = types::LaunchTemplate::builder()
            .launch_template_specification(self.template()?.specification())
            .set_overrides(Some(overrides.collect()))
            .build();
        let distribution = mixed.instances_distribution.as_ref().map(|one| {
            types::InstancesDistribution::builder()
                .set_on_demand_allocation_strategy(one.on_demand_allocation_strategy.clone())
                .set_on_demand_base_capacity(one.on_demand_base_capacity)
                .set_on_demand_percentage_above_base_capacity(
                    one.on_demand_percentage_above_base_capacity.map(whole),
                )
                .set_spot_allocation_strategy(one.spot_allocation_strategy.clone())
                .set_spot_instance_pools(one.spot_instance_pools)
                .set_spot_max_price(one.spot_max_price.clone())
                .build()
        });
        let policy = types::MixedInstancesPolicy::builder()
            .launch_template(template)
            .set_instances_distribution(distribution);
        Ok(Some(policy.build()))
    }

    /// The policy of the group, or its clearing: -1 for both (API_InstanceMaintenancePolicy).
    pub fn maintenance(&self) -> types::InstanceMaintenancePolicy {
        let (min, max) = match &self.instance_maintenance_policy {
            Some(policy) => (whole(policy.min_healthy_percentage), whole(policy.max_healthy_percentage)),
            None => (-1, -1),
        };
        types::InstanceMaintenancePolicy::builder()
            .min_healthy_percentage(min)
            .max_healthy_percentage(max)
            .build()
    }

    pub fn distribution(&self) -> types::AvailabilityZoneDistribution {
        let strategy = self.availability_zone_distribution.as_deref().unwrap_or("balanced-best-effort");
        types::AvailabilityZoneDistribution::builder().capacity_distribution_strategy(strategy.into()).build()
    }

    pub fn impairment(&self) -> types::AvailabilityZoneImpairmentPolicy {
        let policy = self.availability_zone_impairment_policy.as_ref();
        types::AvailabilityZoneImpairmentPolicy::builder()
            .zonal_shift_enabled(policy.is_some_and(|policy| policy.zonal_shift_enabled))
            .set_impaired_zone_health_check_behavior(
                policy
                    .and_then(|policy| policy.impaired_zone_health_check_behavior.as_deref())
                    .map(Into::into),
            )
            .build()
    }
}

impl Hook {
    pub fn specification(&self) -> types::LifecycleHookSpecification {
        types::LifecycleHookSpecification::builder()
            .lifecycle_hook_name(&self.name)
            .lifecycle_transition(&self.transition)
            .default_result(&self.default_result)
            .heartbeat_timeout(self.heartbeat_timeout)
            .set_notification_metadata(self.notification_metadata.clone())
            .set_notification_target_arn(self.notification_target.clone())
            .set_role_arn(self.role.clone())
            .build()
    }
}

impl Policy {
    pub fn configuration(&self) -> types::TargetTrackingConfiguration {
        let predefined = self.predefined_metric.as_deref().map(|metric| {
            types::PredefinedMetricSpecification::builder()
                .predefined_metric_type(metric.into())
                .set_resource_label(self.resource_label.clone())
                .build()
        });
        let customized = self.customized_metric.as_ref().map(|metric| {
            let dimensions = metric.dimensions.iter();
            let dimensions = dimensions
                .map(|(name, value)| types::MetricDimension::builder().name(name).value(value).build());
            types::CustomizedMetricSpecification::builder()
                .set_metric_name(metric.metric_name.clone())
                .set_namespace(metric.namespace.clone())
                .set_statistic(metric.statistic.as_deref().map(Into::into))
                .set_dimensions(Some(dimensions.collect()))
                .set_unit(metric.unit.clone())
                .set_period(metric.period)
                .build()
        });
        types::TargetTrackingConfiguration::builder()
            .set_predefined_metric_specification(predefined)
            .set_customized_metric_specification(customized)
            .target_value(self.target_value)
            .disable_scale_in(self.disable_scale_in)
            .build()
    }
}

impl Refresh {
    /// All checkpoints: the last must be 100 for every instance to be replaced (API_RefreshPreferences).
    pub fn checkpoint_percentages(&self) -> Option<Vec<i32>> {
        let mut checkpoints: Vec<_> = self.checkpoints.as_ref()?.iter().copied().map(whole).collect();
        if checkpoints.is_empty() {
            return None;
        }
        if checkpoints.last() != Some(&100) {
            checkpoints.push(100);
        }
        Some(checkpoints)
    }

    pub fn preferences(&self) -> types::RefreshPreferences {
        let alarms = (!self.alarms.is_empty())
            .then(|| types::AlarmSpecification::builder().set_alarms(Some(self.alarms.clone())).build());
        let checkpoints = self.checkpoint_percentages();
        types::RefreshPreferences::builder()
            .min_healthy_percentage(whole(self.min_healthy))
            .set_max_healthy_percentage(self.max_healthy.map(whole))
            .set_checkpoint_delay(self.checkpoint_delay.filter(|_| checkpoints.is_some()))
            .set_checkpoint_percentages(checkpoints)
            .set_instance_warmup(self.instance_warmup)
            .set_bake_time(self.bake_time)
            .skip_matching(self.skip_matching)
            .auto_rollback(self.auto_rollback)
            .set_alarm_specification(alarms)
            .scale_in_protected_instances(self.scale_in_protected_instances.as_str().into())
            .standby_instances(self.standby_instances.as_str().into())
            .build()
    }
}

/// `None` for an empty list, which is not sent.
fn some<T>(items: Vec<T>) -> Option<Vec<T>> {
    (!items.is_empty()).then_some(items)
}

/// A percent in the API's form.
fn whole(percent: f64) -> i32 {
    percent.round() as i32
}
