//! The schema of an `ecs_service` block. Bounds are those of API_CreateService and API_RegisterScalableTarget. Makes
//! no call.

use std::sync::LazyLock;

use crate::kind::ecs::{self, NAME};
use crate::kind::rules::filled;
use crate::kind::schema::{Attribute, By, NOT_AT_CREATE, Schema, Type, attribute, output, tags_attribute};
use crate::value::Value;

/// The largest number of tasks of a service (service quotas of ECS: 5000 tasks a service).
const COUNT: Type = Type::Integer { min: 0, max: 5000 };

const NOT_OFFERED: &[(&str, &str)] = &[
    ("client_token", "bgform sets its own, so that a repeat makes nothing twice"),
    ("role", "the service-linked role registers targets; another one is for network modes of old"),
    (
        "scheduling_strategy",
        "a daemon has no number of tasks, and so no size in which one colour follows the other",
    ),
    ("deployment_controller", "it is ECS itself; the others shift the traffic by themselves"),
    (
        "service_connect_configuration",
        "its proxies choose among tasks beside the load balancer, so that no weight would hold",
    ),
    ("vpc_lattice_configurations", "VPC Lattice has weights of its own, which no listener rule moves"),
    ("volume_configurations", "a volume of EBS is made and deleted with each task"),
];

pub static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema {
    kind: "ecs_service",
    doc: "Tasks of one revision of a task definition, kept at a number and registered with target groups. Its \
          least and largest number are a scalable target of Application Auto Scaling, which belongs to it.",
    attributes: [sizes(), tasks(), network(), reached(), behaviour()].into_iter().flatten().collect(),
    outputs: vec![
        output("id", "The ARN."),
        output("arn", "The ARN."),
        output("name", "The name, such as for a CloudWatch dimension."),
    ],
    not_offered: NOT_OFFERED,
    unique: &["cluster", "name"],
});

fn sizes() -> Vec<Attribute> {
    vec![
        attribute(
            "name",
            Type::String { max: NAME },
            "Its name, unique in its cluster; made up if not given.",
        )
        .rule(|name| ecs::name("a service's name", name))
        .replaces()
        .api(&["service_name"]),
        attribute("cluster", Type::arn_of(&["ecs_cluster"]), "The cluster that it is in.")
            .required()
            .replaces(),
        attribute("min_count", COUNT, "The least number of tasks.").required().api(NOT_AT_CREATE),
        attribute("max_count", COUNT, "The largest number of tasks.").required().api(NOT_AT_CREATE),
        attribute(
            "desired_count",
            COUNT,
            "The number of tasks to keep. Left out, it begins at min_count and then belongs to scaling policies.",
        ),
    ]
}

fn tasks() -> Vec<Attribute> {
    let definition = Type::Ref { kinds: &["task_definition"], by: By::Outputs(&["id", "revision"]) };
    vec![
        attribute(
            "task_definition",
            definition,
            "What its tasks run. The service is pinned to the number of the newest revision; a new one replaces \
             the running tasks.",
        )
        .required(),
        attribute(
            "launch_type",
            Type::Choice(&["FARGATE", "EC2", "EXTERNAL"]),
            "What its tasks run on, where no capacity provider says it.",
        )
        .replaces(),
        attribute("capacity_provider", ecs::strategy_blocks(), "What its tasks run on, by shares.")
            .api(&["capacity_provider_strategy"]),
        attribute("platform_version", Type::string(), "The version of Fargate's platform; the latest if not given.")
            .rule(|version| {
                let fits = |text: &str| text == "LATEST" || text.split('.').count() == 3;
                crate::kind::rules::form("platform version", version, fits, "write `LATEST`, or one such as `1.4.0`")
            }),
        attribute(
            "placement_constraint",
            Type::Blocks {
                attributes: vec![
                    attribute("type", Type::Choice(&["distinctInstance", "memberOf"]), "What it demands.").required(),
                    attribute("expression", Type::String { max: 2000 }, "The instances of memberOf."),
                ],
                ordered: false,
                max: 10,
            },
            "The container instances on which tasks may run.",
        )
        .api(&["placement_constraints"]),
        attribute(
            "placement_strategy",
            Type::Blocks {
                attributes: vec![
                    attribute("type", Type::Choice(&["random", "spread", "binpack"]), "How they are chosen.")
                        .required(),
                    attribute("field", Type::string(), "By what, such as instanceId or memory."),
                ],
                ordered: true,
                max: 5,
            },
            "How container instances are chosen for tasks, the first one first.",
        ),
    ]
}

fn network() -> Vec<Attribute> {
    vec![
        attribute("subnets", Type::id_of(&["subnet"]).set(), "Where its tasks get their addresses.")
            .rule(filled)
            .api(&["network_configuration"]),
        attribute(
            "security_groups",
            Type::id_of(&["security_group"]).set(),
            "The security groups of its tasks; the VPC's default one if not given.",
        )
        .api(&["network_configuration"]),
        attribute("assign_public_ip", Type::Bool, "Whether its tasks get public addresses.")
            .default(false)
            .api(&["network_configuration"]),
    ]
}

fn reached() -> Vec<Attribute> {
    let registry = vec![
        attribute("registry", Type::string(), "The ARN of the service of Cloud Map.").required(),
        attribute("port", Type::Integer { min: 1, max: 65_535 }, "The port of SRV records."),
        attribute("container", Type::String { max: NAME }, "The container of SRV records."),
        attribute("container_port", Type::Integer { min: 1, max: 65_535 }, "The port of that container."),
    ];
    vec![
        attribute(
            "target_groups",
            Type::arn_of(&["target_group"]).set(),
            "Target groups with which its tasks are registered. AWS takes one only once a listener or a rule \
             forwards to it.",
        )
        .default(Value::List(Vec::new()))
        .api(&["load_balancers"]),
        attribute("container", Type::String { max: NAME }, "The container that the target groups reach.")
            .api(&["load_balancers"]),
        attribute("container_port", Type::Integer { min: 1, max: 65_535 }, "The port of that container.")
            .api(&["load_balancers"]),
        attribute(
            "health_check_grace_period",
            Type::Duration { min: 0, max: 2_147_483_647 },
            "How long a new task may fail its health checks.",
        )
        .api(&["health_check_grace_period_seconds"]),
        attribute(
            "service_registry",
            Type::Blocks { attributes: registry, ordered: false, max: 1 },
            "Service discovery by Cloud Map.",
        )
        .api(&["service_registries"]),
    ]
}

fn behaviour() -> Vec<Attribute> {
    let update = vec![
        attribute(
            "min_healthy",
            Type::Percent { min: 0.0, max: 100.0 },
            "What runs at least while tasks are replaced.",
        )
        .default(Value::Percent(100.0)),
        attribute(
            "max_healthy",
            Type::Percent { min: 100.0, max: 200.0 },
            "How much runs at most while tasks are replaced.",
        )
        .default(Value::Percent(200.0)),
        attribute("circuit_breaker", Type::Bool, "Whether tasks that do not start end the update.")
            .default(true),
        attribute("auto_rollback", Type::Bool, "Whether ECS goes back by itself when the update failed.")
            .default(false),
    ];
    vec![
        attribute("rolling_update", Type::Block(update), "How tasks are replaced.")
            .default(Value::Object(crate::value::Object::new()))
            .api(&["deployment_configuration"]),
        attribute(
            "availability_zone_rebalancing",
            Type::Choice(&["ENABLED", "DISABLED"]),
            "Whether tasks are moved when one zone has more of them than another.",
        ),
        attribute("enable_execute_command", Type::Bool, "Whether ECS Exec may run commands in its tasks.")
            .default(false),
        attribute("enable_ecs_managed_tags", Type::Bool, "Whether tasks get the tags of ECS.").default(false),
        attribute(
            "propagate_tags",
            Type::Choice(&["SERVICE", "TASK_DEFINITION", "NONE"]),
            "Whose tags its tasks get.",
        )
        .default("SERVICE"),
        attribute(
            "ready_timeout",
            Type::Duration { min: 1, max: 12 * 3600 },
            "How long tasks may take until they run and their targets are healthy.",
        )
        .default_seconds(600)
        .api(NOT_AT_CREATE),
        tags_attribute(&["tags"]),
    ]
}
