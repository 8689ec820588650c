use std::time::Duration;

use aws_sdk_ecs::types as t;
use bgform::object;
use bgform::value::Value;

use super::{Case, Ground, Trial, World, conform, conform_on};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("a service of Fargate", |world| Box::pin(of_fargate(world))),
        Case::new("a service of capacity providers", |world| Box::pin(of_providers(world))),
    ]
}

async fn cluster(world: &World, name: &str) -> String {
    let create = world.cloud.ecs.create_cluster().cluster_name(world.name(name));
    let create = create.capacity_providers("FARGATE").capacity_providers("FARGATE_SPOT");
    let made = create.send().await.expect("a cluster");
    made.cluster().and_then(|one| one.cluster_arn()).expect("an ARN").to_owned()
}

/// Two revisions of a family, whose containers listen at 8080 and 9090.
async fn family(world: &World) -> String {
    let family = world.name("web");
    for image in ["bgform-hello:1.0", "bgform-hello:2.0"] {
        let port = |port| t::PortMapping::builder().container_port(port).build();
        let container = t::ContainerDefinition::builder().name("web").image(image);
        let container = container.port_mappings(port(8080)).port_mappings(port(9090)).build();
        let side =
            t::ContainerDefinition::builder().name("side").image(image).port_mappings(port(9091)).build();
        let register = world.cloud.ecs.register_task_definition().family(&family).cpu("256").memory("512");
        let register = register.network_mode(t::NetworkMode::Awsvpc);
        let register = register.requires_compatibilities(t::Compatibility::Fargate);
        register
            .container_definitions(container)
            .container_definitions(side)
            .send()
            .await
            .expect("a revision");
    }
    family
}

/// Target groups for addresses, to which a listener forwards.
async fn target_groups(world: &World) -> Vec<String> {
    use aws_sdk_elasticloadbalancingv2::types::{
        Action, ActionTypeEnum, ForwardActionConfig, ProtocolEnum, TargetGroupTuple, TargetTypeEnum,
    };
    let (elbv2, vpc) = (&world.cloud.elbv2, world.default_vpc().await);
    let mut groups = Vec::new();
    for name in ["one", "two"] {
        let create =
            elbv2.create_target_group().name(world.name(name)).port(8080).protocol(ProtocolEnum::Http);
        let made = create.vpc_id(&vpc).target_type(TargetTypeEnum::Ip).send().await.expect("a target group");
        groups.push(made.target_groups()[0].target_group_arn().expect("an ARN").to_owned());
    }
    let forward =
        groups.iter().map(|arn| TargetGroupTuple::builder().target_group_arn(arn).weight(1).build());
    let forward = ForwardActionConfig::builder().set_target_groups(Some(forward.collect())).build();
    let action = Action::builder().r#type(ActionTypeEnum::Forward).forward_config(forward).build();
    let create = elbv2.create_listener().load_balancer_arn(world.load_balancer("ecs", "application").await);
    create.port(80).protocol(ProtocolEnum::Http).default_actions(action).send().await.expect("a listener");
    groups
}

/// Without tasks: moto runs none.
async fn of_fargate(world: &World) -> Trial {
    let (main, other) = (cluster(world, "main").await, cluster(world, "other").await);
    let family = family(world).await;
    let revision = |number: i32| object! { "id" => family.as_str(), "revision" => number };
    let (subnets, groups) = (world.subnets().await, target_groups(world).await);
    let (web, more) = (world.security_group("web").await, world.security_group("more").await);
    let rolling = |min: f64, max: f64, back: bool| {
        object! { "min_healthy" => Value::Percent(min), "max_healthy" => Value::Percent(max), "auto_rollback" => back }
    };
    let not_kept = "moto keeps nothing of it";
    let base = object! {
        "cluster" => main,
        "task_definition" => revision(1),
        "launch_type" => "FARGATE",
        "min_count" => 0,
        "max_count" => 4,
        "subnets" => vec![subnets[0].clone(), subnets[1].clone()],
        "security_groups" => vec![web.clone()],
        "target_groups" => vec![groups[0].clone()],
        "container" => "web",
        "container_port" => 8080,
        "tags" => object! { "team" => "web" },
    };
    Trial::new(base)
        .change("name", world.name("service"))
        .change("cluster", other)
        .change("task_definition", revision(2))
        .change("max_count", 6)
        .change("launch_type", "EC2")
        .change("subnets", vec![subnets[1].clone(), subnets[2].clone()])
        .change("security_groups", vec![web, more])
        .change("assign_public_ip", true)
        .change("target_groups", groups)
        .change("container_port", 9090)
        .change_with("container", object! { "container" => "side", "container_port" => 9091 })
        .change("platform_version", "1.3.0")
        .on_sandbox("health_check_grace_period", Duration::from_secs(60), not_kept)
        .on_sandbox("rolling_update", rolling(50.0, 150.0, true), not_kept)
        .on_sandbox("availability_zone_rebalancing", "ENABLED", not_kept)
        .on_sandbox("enable_execute_command", true, not_kept)
        .on_sandbox("enable_ecs_managed_tags", true, not_kept)
        .change("propagate_tags", "NONE")
        .change("tags", object! { "team" => "shop", "tier" => "1" })
        .untold("ready_timeout", "it is bgform's own, and no setting of the service")
        // From here on there are tasks.
        .drift("min_count", 1, |world, arn| {
            Box::pin(async move {
                use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};
                let service = arn.split_once(":service/").map(|(_, path)| format!("service/{path}"));
                let register = world.cloud.application_autoscaling.register_scalable_target();
                let register = register.service_namespace(ServiceNamespace::Ecs).min_capacity(1);
                let register = register.scalable_dimension(ScalableDimension::EcsServiceDesiredCount);
                register.resource_id(service.expect("a service")).send().await.expect("registered");
            })
        })
        .on_sandbox("desired_count", 2, "moto runs no tasks")
}

async fn of_providers(world: &World) -> Trial {
    let provider = |name: &str, weight: i32, base: i32| {
        object! { "provider" => name, "weight" => weight, "base" => base }
    };
    let registry = |port: i32| {
        vec![
            object! { "registry" => "arn:aws:servicediscovery:us-east-1:123456789012:service/srv-1", "port" => port },
        ]
    };
    let base = object! {
        "cluster" => cluster(world, "main").await,
        "task_definition" => object! { "id" => family(world).await, "revision" => 1 },
        "capacity_provider" => vec![provider("FARGATE", 1, 0)],
        "min_count" => 0,
        "max_count" => 4,
        "subnets" => vec![world.subnets().await.remove(0)],
        "security_groups" => vec![world.security_group("web").await],
        "service_registry" => registry(80),
    };
    let not_kept = "moto keeps nothing of it";
    let spot = vec![provider("FARGATE", 1, 1), provider("FARGATE_SPOT", 3, 0)];
    Trial::new(base)
        .on_sandbox("capacity_provider", spot, not_kept)
        .on_sandbox("placement_constraint", vec![object! { "type" => "distinctInstance" }], not_kept)
        .on_sandbox(
            "placement_strategy",
            vec![object! { "type" => "spread", "field" => "attribute:ecs.availability-zone" }],
            not_kept,
        )
        .change("service_registry", registry(8080))
}

#[tokio::test]
async fn an_ecs_service_is_what_its_schema_says() {
    conform("ecs_service", cases()).await;
}

#[tokio::test]
async fn an_ecs_service_is_so_on_the_sandbox() {
    conform_on(Ground::Sandbox, "ecs_service", cases()).await;
}
