use bgform::object;
use bgform::value::Value;

use super::{Case, Ground, Trial, World, conform, conform_on};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("a template with everything", |world| Box::pin(everything(world))),
        Case::new("a template with interfaces of its own", |world| Box::pin(interfaces(world))),
    ]
}

async fn everything(world: &World) -> Trial {
    let images = world.images().await;
    let (web, other) = (world.security_group("web").await, world.security_group("other").await);
    let device = |size: i32| {
        object! {
            "device_name" => "/dev/xvda", "size" => size, "type" => "gp3", "iops" => 4000, "throughput" => 200,
            "encrypted" => true, "delete_on_termination" => true,
        }
    };
    let base = object! {
        "name" => world.name("template"),
        "image" => images[0].as_str(),
        "instance_type" => "t3.small",
        "key_name" => "ops",
        "security_groups" => vec![web.as_str()],
        "user_data" => "#!/bin/sh\necho \u{fc}ber\n",
        "iam_instance_profile" => "web",
        "ebs_optimized" => true,
        "monitoring" => true,
        "block_device" => vec![device(20), object! { "device_name" => "/dev/sdb", "no_device" => true }],
        "metadata_options" => object! { "http_put_response_hop_limit" => 2 },
        "placement" => object! { "tenancy" => "default", "group_name" => "together" },
        "cpu_credits" => "standard",
        "cpu_options" => object! { "core_count" => 1, "threads_per_core" => 2 },
        "instance_initiated_shutdown_behavior" => "terminate",
        "instance_tags" => object! { "app" => "shop" },
        "volume_tags" => object! { "app" => "shop" },
        "tags" => object! { "team" => "web" },
    };
    Trial::new(base)
        .change("name", world.name("renamed"))
        .change("image", images[1].as_str())
        .change("instance_type", "t3.large")
        .change("key_name", "other")
        .change("security_groups", vec![web, other])
        .change("user_data", "#!/bin/sh\ntrue\n")
        .change("iam_instance_profile", "arn:aws:iam::123456789012:instance-profile/web")
        .change("ebs_optimized", false)
        .change("monitoring", false)
        .change("block_device", vec![device(30)])
        .change("metadata_options", object! { "http_tokens" => "optional" })
        .change("placement", object! { "tenancy" => "dedicated" })
        .change("spot", object! { "max_price" => "0.01", "spot_instance_type" => "one-time" })
        .change("cpu_credits", "unlimited")
        .change("cpu_options", object! { "core_count" => 2, "threads_per_core" => 1 })
        .change("capacity_reservation", object! { "preference" => "none" })
        .change(
            "licenses",
            vec!["arn:aws:license-manager:us-east-1:123456789012:license-configuration:lic-1"],
        )
        .change("hibernation", true)
        .change("enclave", true)
        .change("private_dns_name_options", object! { "hostname_type" => "resource-name" })
        .change("auto_recovery", "disabled")
        .change("bandwidth_weighting", "vpc-1")
        .change("instance_initiated_shutdown_behavior", "stop")
        .change("disable_api_stop", true)
        .change("disable_api_termination", true)
        .change("instance_tags", object! { "app" => "cart" })
        .change("volume_tags", object! { "app" => "cart" })
        .untold("keep_versions", "no API holds it; moto has no call to delete versions")
        .on_sandbox(
            "tags",
            object! { "team" => "shop", "tier" => "1" },
            "moto answers the tags of the creation for ever",
        )
        // Without a name in state, a new version of each costs a call of its own.
        .no_twin()
}

async fn interfaces(world: &World) -> Trial {
    let group = world.security_group("interface").await;
    let interface = |public: bool| {
        object! {
            "device_index" => 0, "security_groups" => vec![group.as_str()], "delete_on_termination" => true,
            "associate_public_ip_address" => public,
        }
    };
    let base = object! {
        "image" => world.images().await.remove(0),
        "network_interface" => vec![interface(true)],
    };
    Trial::new(base).change("network_interface", Value::List(vec![interface(false)])).no_twin()
}

#[tokio::test]
async fn a_launch_template_is_what_its_schema_says() {
    conform("launch_template", cases()).await;
}

#[tokio::test]
async fn a_launch_template_is_so_on_the_sandbox() {
    conform_on(Ground::Sandbox, "launch_template", cases()).await;
}
