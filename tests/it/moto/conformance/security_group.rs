use bgform::object;
use bgform::value::Value;

use super::{Case, Ground, Trial, World, conform, conform_on};

pub fn cases() -> Vec<Case> {
    vec![Case::new("a group with rules", |world| Box::pin(rules(world)))]
}

async fn rules(world: &World) -> Trial {
    let vpc = world.default_vpc().await;
    let other_vpc = world.other_vpc().await;
    let peer = world.security_group("peer").await;
    let http = || object! { "protocol" => "tcp", "port" => 80, "cidr" => vec!["10.0.0.0/8"] };
    let range = object! {
        "protocol" => "udp", "from_port" => 100, "to_port" => 200, "self" => true,
        "security_groups" => vec![peer], "description" => "peers",
    };
    let base = object! {
        "name" => world.name("group"),
        "description" => "what it is for",
        "vpc" => vpc,
        "ingress" => vec![http(), range.clone()],
        "egress" => vec![object! { "protocol" => "icmp", "cidr" => vec!["0.0.0.0/0"] }],
        "tags" => object! { "team" => "web" },
    };
    Trial::new(base)
        .change("name", world.name("other"))
        .change("description", "another thing")
        .change("vpc", other_vpc)
        .change("ingress", vec![range])
        .change("egress", vec![object! { "protocol" => "all", "cidr" => vec!["0.0.0.0/0"] }])
        .change("tags", object! { "team" => "shop", "tier" => "1" })
        .drift("ingress", Value::List(vec![http()]), |world, id| {
            Box::pin(async move {
                let group =
                    world.cloud.ec2.describe_security_groups().group_ids(id).send().await.expect("it");
                let permissions = group.security_groups()[0].ip_permissions();
                let udp =
                    permissions.iter().find(|one| one.ip_protocol() == Some("udp")).expect("udp").clone();
                let revoke = world.cloud.ec2.revoke_security_group_ingress().group_id(id).ip_permissions(udp);
                revoke.send().await.expect("revoked");
            })
        })
        .twin(object! { "name" => world.name("twin") })
}

#[tokio::test]
async fn a_security_group_is_what_its_schema_says() {
    conform("security_group", cases()).await;
}

#[tokio::test]
async fn a_security_group_is_so_on_the_sandbox() {
    conform_on(Ground::Sandbox, "security_group", cases()).await;
}
