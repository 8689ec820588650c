use bgform::object;

use super::{Case, Ground, Trial, World, conform, conform_on};

pub fn cases() -> Vec<Case> {
    vec![Case::new("a cluster with everything", |world| Box::pin(everything(world)))]
}

async fn everything(world: &World) -> Trial {
    let provider = |name: &str, weight: i32, base: i32| object! { "provider" => name, "weight" => weight, "base" => base };
    Trial::new(object! {
        "container_insights" => "enabled",
        "capacity_providers" => vec!["FARGATE", "FARGATE_SPOT"],
        "default_capacity_provider" => vec![provider("FARGATE", 1, 0)],
        "execute_command" => object! { "logging" => "DEFAULT" },
        "tags" => object! { "team" => "web" },
    })
    .change("name", world.name("cluster"))
    .change("container_insights", "disabled")
    .change("capacity_providers", vec!["FARGATE"])
    .change("default_capacity_provider", vec![provider("FARGATE", 3, 1), provider("FARGATE_SPOT", 1, 0)])
    .change(
        "execute_command",
        object! { "logging" => "OVERRIDE", "log_group" => "/ecs/exec", "log_group_encrypted" => true },
    )
    .change("storage_kms_key", "arn:aws:kms:us-east-1:123456789012:key/1")
    .change("fargate_storage_kms_key", "arn:aws:kms:us-east-1:123456789012:key/2")
    .change("service_connect_namespace", "arn:aws:servicediscovery:us-east-1:123456789012:namespace/ns-1")
    .change("tags", object! { "team" => "shop", "tier" => "1" })
}

#[tokio::test]
async fn an_ecs_cluster_is_what_its_schema_says() {
    conform("ecs_cluster", cases()).await;
}

#[tokio::test]
async fn an_ecs_cluster_is_so_on_the_sandbox() {
    conform_on(Ground::Sandbox, "ecs_cluster", cases()).await;
}
