use std::time::Duration;

use bgform::object;
use bgform::value::Value;

use super::{Case, Ground, Trial, World, conform, conform_on};
use crate::moto::autoscaling_group::{target_group, template, version};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("a group of one launch template", |world| Box::pin(plain(world))),
        Case::new("a group of mixed instances", |world| Box::pin(mixed(world))),
        Case::new("an empty group with hooks", |world| Box::pin(hooked(world))),
    ]
}

async fn plain(world: &World) -> Trial {
    let template = template(world, 2).await;
    let subnets = world.subnets().await;
    let (first, second) = (target_group(world, "one").await, target_group(world, "two").await);
    let policy = |name: &str, target: i32| {
        object! {
            "name" => world.name(name),
            "predefined_metric" => "ASGAverageCPUUtilization",
            "target_value" => target,
        }
    };
    let customized = object! {
        "name" => world.name("queue"),
        "customized_metric" => object! {
            "metric_name" => "Depth", "namespace" => "Shop", "statistic" => "Average",
            "dimensions" => object! { "queue" => "orders" },
        },
        "target_value" => 10.5,
        "estimated_instance_warmup" => Duration::from_secs(30),
        "disable_scale_in" => true,
    };
    let base = object! {
        "launch_template" => version(&template, 1),
        "subnets" => vec![subnets[0].clone(), subnets[1].clone()],
        "min_size" => 1,
        "max_size" => 4,
        "desired_capacity" => 2,
        "target_groups" => vec![first.clone()],
        "tags" => object! { "team" => "web" },
        "enabled_metrics" => vec!["GroupMinSize"],
        "scaling_policy" => vec![policy("cpu", 50)],
    };
    let not_updated = "moto updates sizes, subnets, health checks and what is launched, and nothing else";
    let not_kept = "moto keeps nothing of it";
    Trial::new(base)
        .change("name", world.name("group"))
        .change("launch_template", version(&template, 2))
        .change("subnets", vec![subnets[1].clone(), subnets[2].clone()])
        .change("min_size", 0)
        .change("max_size", 5)
        .change("desired_capacity", 3)
        .change("target_groups", vec![first, second])
        .change("health_check_type", "ELB")
        .change("health_check_grace_period", Duration::from_secs(60))
        .change("tags", object! { "team" => "shop", "tier" => "1" })
        .change("propagate_tags", false)
        .change("suspended_processes", vec!["AZRebalance", "ScheduledActions"])
        .change("new_instances_protected_from_scale_in", true)
        .change("scaling_policy", vec![policy("cpu", 70), customized])
        .drift("desired_capacity", 4, |world, id| {
            Box::pin(async move {
                let call = world.cloud.autoscaling.set_desired_capacity().auto_scaling_group_name(id);
                call.desired_capacity(4).send().await.expect("set");
            })
        })
        .on_sandbox("enabled_metrics", vec!["GroupMaxSize"], "moto cannot disable metrics")
        .on_sandbox("default_cooldown", Duration::from_secs(60), not_updated)
        .on_sandbox("termination_policies", vec!["OldestInstance", "Default"], not_updated)
        .on_sandbox("capacity_rebalance", true, not_updated)
        .untold("placement_group", not_updated)
        .untold("service_linked_role", not_updated)
        .on_sandbox("deletion_protection", "prevent-force-deletion", not_kept)
        .on_sandbox("default_instance_warmup", Duration::from_secs(30), not_kept)
        .on_sandbox("max_instance_lifetime", Duration::from_secs(86_400), not_kept)
        .on_sandbox(
            "instance_maintenance_policy",
            object! { "min_healthy_percentage" => Value::Percent(90.0), "max_healthy_percentage" => Value::Percent(110.0) },
            not_kept,
        )
        .on_sandbox("availability_zone_distribution", "balanced-only", not_kept)
        .on_sandbox(
            "availability_zone_impairment_policy",
            object! { "zonal_shift_enabled" => true, "impaired_zone_health_check_behavior" => "IgnoreUnhealthy" },
            not_kept,
        )
        .untold("instance_refresh", "it is bgform's own, and no setting of the group")
        .untold("ready_timeout", "it is bgform's own, and no setting of the group")
        .untold("outdated_instances", "it is bgform's own, and no setting of the group")
        .twin(object! { "scaling_policy" => vec![policy("twin", 50)] })
}

async fn mixed(world: &World) -> Trial {
    let template = template(world, 1).await;
    let subnets = world.subnets().await;
    let of = |instance_type: &str, units: i32| {
        object! { "instance_type" => instance_type, "weighted_capacity" => units }
    };
    let mixed = |overrides: Vec<Value>, share| {
        object! {
            "override" => overrides,
            "instances_distribution" => object! {
                "on_demand_base_capacity" => 1,
                "on_demand_percentage_above_base_capacity" => Value::Percent(share),
            },
        }
    };
    Trial::new(object! {
        "launch_template" => version(&template, 1),
        "subnets" => vec![subnets[0].clone()],
        "min_size" => 1,
        "max_size" => 4,
        "desired_capacity" => 2,
        "mixed_instances" => mixed(vec![of("t3.micro", 1), of("t3.small", 2)], 100.0),
    })
    .change("mixed_instances", mixed(vec![of("t3.micro", 1)], 100.0))
    .change("max_size", 5)
}

/// Without instances: each would wait for somebody to let it go on.
async fn hooked(world: &World) -> Trial {
    let template = template(world, 1).await;
    let hook = |name: &str, wait: u64| {
        object! {
            "name" => name,
            "transition" => "autoscaling:EC2_INSTANCE_LAUNCHING",
            "heartbeat_timeout" => Duration::from_secs(wait),
        }
    };
    Trial::new(object! {
        "launch_template" => version(&template, 1),
        "subnets" => vec![world.subnets().await.remove(0)],
        "min_size" => 0,
        "max_size" => 4,
        "lifecycle_hook" => vec![hook("warm", 60), hook("load", 60)],
    })
    .change("lifecycle_hook", vec![hook("warm", 90), hook("drain", 60)])
}

#[tokio::test]
async fn an_autoscaling_group_is_what_its_schema_says() {
    conform("autoscaling_group", cases()).await;
}

#[tokio::test]
async fn an_autoscaling_group_is_so_on_the_sandbox() {
    conform_on(Ground::Sandbox, "autoscaling_group", cases()).await;
}
