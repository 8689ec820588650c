//! The schema of an `autoscaling_group` block. Makes no call.
//!
//! Bounds are those of API_CreateAutoScalingGroup, API_RefreshPreferences, API_LifecycleHookSpecification and
//! API_TargetTrackingConfiguration.

use std::sync::LazyLock;

use super::blocks::{distribution, hooks, own, policies};
use crate::kind::rules::{filled, form, instance_type};
use crate::kind::schema::{Attribute, By, NOT_AT_CREATE, Schema, Type, attribute, output, tags_attribute};
use crate::value::Value;

pub const HEALTH_CHECK_TYPES: &[&str] = &["EC2", "ELB", "EBS", "VPC_LATTICE"];
pub const LAUNCHING: &str = "autoscaling:EC2_INSTANCE_LAUNCHING";
pub const TERMINATING: &str = "autoscaling:EC2_INSTANCE_TERMINATING";
/// The one predefined metric that needs a `resource_label`.
pub const REQUESTS_PER_TARGET: &str = "ALBRequestCountPerTarget";

const PROCESSES: &[&str] = &[
    "Launch",
    "Terminate",
    "AddToLoadBalancer",
    "AlarmNotification",
    "AZRebalance",
    "HealthCheck",
    "InstanceRefresh",
    "ReplaceUnhealthy",
    "ScheduledActions",
];
/// [model] CreateAutoScalingGroupType.
const POLICIES: &[&str] = &[
    "Default",
    "AllocationStrategy",
    "ClosestToNextInstanceHour",
    "NewestInstance",
    "OldestInstance",
    "OldestLaunchConfiguration",
    "OldestLaunchTemplate",
];
/// API_EnableMetricsCollection.
pub const METRICS: &[&str] = &[
    "GroupMinSize",
    "GroupMaxSize",
    "GroupDesiredCapacity",
    "GroupInServiceInstances",
    "GroupPendingInstances",
    "GroupStandbyInstances",
    "GroupTerminatingInstances",
    "GroupTotalInstances",
    "GroupInServiceCapacity",
    "GroupPendingCapacity",
    "GroupStandbyCapacity",
    "GroupTerminatingCapacity",
    "GroupTotalCapacity",
    "WarmPoolDesiredCapacity",
    "WarmPoolWarmedCapacity",
    "WarmPoolPendingCapacity",
    "WarmPoolTerminatingCapacity",
    "WarmPoolTotalCapacity",
    "GroupAndWarmPoolDesiredCapacity",
    "GroupAndWarmPoolTotalCapacity",
];
/// The largest size is ours: no page has one.
pub const SIZE: Type = Type::Integer { min: 0, max: 10_000 };
pub const YEAR: u64 = 365 * 24 * 3600;

const NOT_OFFERED: &[(&str, &str)] = &[
    ("launch_configuration_name", "launch configurations are superseded by launch templates"),
    ("instance_id", "it makes a launch configuration; write a launch_template"),
    ("availability_zones", "the subnets say it"),
    ("load_balancer_names", "Classic Load Balancers have no target groups to shift between"),
    ("traffic_sources", "target_groups are the same in the terms of this stack"),
    ("context", "reserved by AWS"),
    (
        "desired_capacity_type",
        "only for attribute-based instance types, which mixed_instances does not offer",
    ),
    ("skip_zonal_shift_validation", "a validation of the call, not a setting of the group"),
    ("capacity_reservation_specification", "capacity reservations are set in the launch template"),
    ("instance_lifecycle_policy", "retained instances would outlive the group that has to be replaced"),
];

pub static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema {
    kind: "autoscaling_group",
    doc: "A group of instances that are launched from one version of a launch template, kept at a size \
          and registered with target groups.",
    attributes: [sizes(), launching(), health(), behaviour(), own()].into_iter().flatten().collect(),
    outputs: vec![
        output("id", "The group's name, which is what the API knows it by."),
        output("name", "The group's name, such as for a CloudWatch dimension."),
        output("arn", "The ARN."),
    ],
    not_offered: NOT_OFFERED,
    unique: &["name"],
});

fn empty() -> Value {
    Value::List(Vec::new())
}

fn sizes() -> Vec<Attribute> {
    vec![
        attribute("name", Type::String { max: 255 }, "The group's name; made up if not given.")
            .replaces()
            .api(&["auto_scaling_group_name"]),
        attribute("min_size", SIZE, "The least number of instances.").required(),
        attribute("max_size", SIZE, "The largest number of instances.").required(),
        attribute(
            "desired_capacity",
            SIZE,
            "The number of instances to keep. Left out, it begins at min_size and then belongs to scaling \
             policies.",
        ),
    ]
}

fn launching() -> Vec<Attribute> {
    let template = Type::Ref { kinds: &["launch_template"], by: By::Outputs(&["id", "latest_version"]) };
    vec![
        attribute(
            "launch_template",
            template,
            "What instances are launched from. The group is pinned to the number of its latest version; a \
             new version replaces the running instances.",
        )
        .required(),
        attribute("subnets", Type::id_of(&["subnet"]).set(), "Where instances are launched.")
            .required()
            .rule(filled)
            .api(&["vpc_zone_identifier"]),
        attribute(
            "mixed_instances",
            Type::Block(vec![
                attribute(
                    "override",
                    Type::Blocks {
                        attributes: vec![
                            attribute("instance_type", Type::String { max: 255 }, "An instance type.")
                                .required()
                                .rule(instance_type),
                            attribute(
                                "weighted_capacity",
                                Type::Integer { min: 1, max: 999 },
                                "How many units of the group's sizes one such instance counts.",
                            ),
                        ],
                        ordered: true,
                        max: 40,
                    },
                    "An instance type to launch in place of the template's, the preferred first.",
                ),
                attribute("instances_distribution", Type::Block(distribution()), "On-Demand and Spot."),
            ]),
            "Several instance types and purchase options on top of the launch template.",
        )
        .api(&["mixed_instances_policy"]),
        attribute("placement_group", Type::String { max: 255 }, "The name of a placement group."),
        attribute(
            "availability_zone_distribution",
            Type::Choice(&["balanced-best-effort", "balanced-only", "reservations-then-balanced"]),
            "Whether a zone that cannot launch is made up for in the others.",
        ),
    ]
}

fn health() -> Vec<Attribute> {
    vec![
        attribute(
            "target_groups",
            Type::arn_of(&["target_group"]).set(),
            "Target groups that every instance is registered with.",
        )
        .default(empty())
        .api(&["target_group_arns"]),
        attribute(
            "health_check_type",
            Type::Choice(HEALTH_CHECK_TYPES),
            "What makes an instance unhealthy, beside EC2's own checks: with ELB, its target groups.",
        )
        .default("EC2"),
        attribute(
            "health_check_grace_period",
            Type::Duration { min: 0, max: YEAR },
            "How long after it came into service an instance is not judged. The API's own default is none, \
             which ends instances that are still starting.",
        )
        .default_seconds(300),
        attribute(
            "instance_maintenance_policy",
            Type::Block(vec![
                attribute("min_healthy_percentage", Type::Percent { min: 0.0, max: 100.0 }, "Least healthy.")
                    .required(),
                attribute("max_healthy_percentage", Type::Percent { min: 100.0, max: 200.0 }, "Most in all.")
                    .required(),
            ]),
            "How much of the group AWS may replace at once.",
        ),
        attribute(
            "availability_zone_impairment_policy",
            Type::Block(vec![
                attribute("zonal_shift_enabled", Type::Bool, "Whether zonal shift applies.").required(),
                attribute(
                    "impaired_zone_health_check_behavior",
                    Type::Choice(&["ReplaceUnhealthy", "IgnoreUnhealthy"]),
                    "What happens to unhealthy instances in an impaired zone.",
                ),
            ]),
            "What the group does when a zone is impaired.",
        ),
    ]
}

fn behaviour() -> Vec<Attribute> {
    vec![
        attribute(
            "default_cooldown",
            Type::Duration { min: 0, max: YEAR },
            "The pause between two activities of simple scaling policies.",
        )
        .default_seconds(300),
        // Users' guide, enable-default-instance-warmup.
        attribute(
            "default_instance_warmup",
            Type::Duration { min: 0, max: 3600 },
            "How long a new instance's metrics are left out.",
        ),
        tags_attribute(&["tags"]),
        attribute("propagate_tags", Type::Bool, "Whether instances get the group's tags too.")
            .default(true)
            .api(NOT_AT_CREATE),
        attribute("suspended_processes", Type::Choice(PROCESSES).set(), "Processes that are halted.")
            .default(empty())
            .api(NOT_AT_CREATE),
        attribute(
            "termination_policies",
            Type::String { max: 1600 }.list(),
            "Which instance goes first at scale-in.",
        )
        .rule(|policies| {
            let fits = |policy: &str| POLICIES.contains(&policy) || policy.starts_with("arn:");
            let words = format!("write one of {}, or the ARN of a function", POLICIES.join(", "));
            filled(policies).into_iter().chain(form("termination policy", policies, fits, &words)).collect()
        })
        .default(Value::List(vec![Value::string("Default")])),
        attribute("capacity_rebalance", Type::Bool, "Replace Spot instances that are about to go.")
            .default(false),
        attribute("new_instances_protected_from_scale_in", Type::Bool, "Never scale in new instances.")
            .default(false),
        attribute(
            "max_instance_lifetime",
            Type::Duration { min: 0, max: YEAR },
            "How old an instance may become: none (0s), or a day or more.",
        ),
        attribute(
            "service_linked_role",
            Type::String { max: 1600 },
            "The ARN of the role that the group acts as.",
        )
        .api(&["service_linked_role_arn"]),
        attribute(
            "deletion_protection",
            Type::Choice(&["none", "prevent-force-deletion", "prevent-all-deletion"]),
            "What AWS refuses to delete.",
        )
        .default("none"),
        attribute("enabled_metrics", Type::Choice(METRICS).set(), "Group metrics to publish, every minute.")
            .default(empty())
            .api(NOT_AT_CREATE),
        attribute(
            "lifecycle_hook",
            hooks(),
            "A pause at launch or at termination, for something to be done.",
        )
        .api(&["lifecycle_hook_specification_list"]),
        attribute("scaling_policy", policies(), "A metric that is kept at a target by scaling.")
            .api(NOT_AT_CREATE),
    ]
}
