use bgform::object;

use super::{Case, Ground, Trial, World, conform, conform_on};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("a machine that runs", |world| Box::pin(running(world))),
        Case::new("a machine with an address of its own", |world| Box::pin(addressed(world))),
    ]
}

async fn running(world: &World) -> Trial {
    let (images, subnets) = (world.images().await, world.subnets().await);
    let (web, other) = (world.security_group("web").await, world.security_group("other").await);
    let volume = |kind: &str| object! { "size" => 20, "type" => kind, "delete_on_termination" => true };
    let base = object! {
        "image" => images[0].as_str(),
        "instance_type" => "t3.small",
        "subnet" => subnets[0].as_str(),
        "security_groups" => vec![web.as_str()],
        "key_name" => "ops",
        "user_data" => "#!/bin/sh\necho \u{fc}ber\n",
        "iam_instance_profile" => world.instance_profile("web").await,
        "root_volume" => volume("gp3"),
        "metadata_options" => object! { "http_put_response_hop_limit" => 2 },
        "monitoring" => false,
        "ebs_optimized" => false,
        "instance_initiated_shutdown_behavior" => "stop",
        "tags" => object! { "team" => "web" },
    };
    Trial::new(base)
        .change("image", images[1].as_str())
        .change("instance_type", "t3.large")
        .change("subnet", subnets[1].as_str())
        .change("security_groups", vec![web, other])
        .change("key_name", "other")
        .change("user_data", "#!/bin/sh\ntrue\n")
        // Only of the type: a volume that has grown does not shrink back.
        .change("root_volume", volume("gp2"))
        .change("metadata_options", object! { "http_tokens" => "optional", "http_endpoint" => "disabled" })
        .on_sandbox("monitoring", true, "moto has no MonitorInstances")
        .change("ebs_optimized", true)
        .change("instance_initiated_shutdown_behavior", "terminate")
        .change("state", "stopped")
        .change("tags", object! { "team" => "shop", "tier" => "1" })
        .no_twin()
}

async fn addressed(world: &World) -> Trial {
    let base = object! {
        "image" => world.images().await.remove(0),
        "instance_type" => "t3.small",
        "subnet" => world.subnets().await.remove(2),
        "private_ip_address" => world.address(40).await,
        "associate_public_ip_address" => true,
    };
    Trial::new(base)
        .change("private_ip_address", world.address(41).await)
        .change("associate_public_ip_address", false)
        // From none: moto shows the old profile after a replacement.
        .change("iam_instance_profile", world.instance_profile("late").await)
        .twin(object! { "private_ip_address" => world.address(42).await })
}

#[tokio::test]
async fn an_instance_is_what_its_schema_says() {
    conform("instance", cases()).await;
}

#[tokio::test]
async fn an_instance_is_so_on_the_sandbox() {
    conform_on(Ground::Sandbox, "instance", cases()).await;
}
