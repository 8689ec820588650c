use bgform::kind;
use bgform::object;
use bgform::value::{Object, Value};

use crate::moto::conformance::World;

async fn existing(world: &World, kind: &str, filters: Value) -> Vec<Object> {
    let kind = kind::find_existing(kind).expect("in the registry");
    let found = kind.read(&world.cloud, filters.as_object().expect("an object")).await.expect("read");
    for member in &found {
        let said: Vec<_> = member.keys().map(String::as_str).collect();
        let declared: Vec<_> = kind.schema().outputs.iter().map(|output| output.name).collect();
        assert_eq!(said, declared, "outputs of `{}`", kind.schema().kind);
    }
    found
}

fn text<'a>(member: &'a Object, name: &str) -> &'a str {
    member[name].as_str().unwrap_or_else(|| panic!("`{name}` is {:?}", member[name]))
}

#[tokio::test]
async fn the_default_vpc_and_its_subnets_are_found_in_the_order_of_zones() {
    let world = World::new().await;
    let vpcs = existing(&world, "vpc", object! { "default" => true }).await;
    let vpc = world.default_vpc().await;
    assert_eq!(vpcs.iter().map(|one| text(one, "id")).collect::<Vec<_>>(), [vpc.as_str()]);
    assert!(text(&vpcs[0], "arn").ends_with(&format!(":vpc/{vpc}")));
    let subnets = existing(&world, "subnets", object! { "vpc" => vpc, "default_for_az" => true }).await;
    let ids: Vec<_> = subnets.iter().map(|one| text(one, "id").to_owned()).collect();
    assert_eq!(ids, world.subnets().await);
    let zones = object! { "vpc" => text(&vpcs[0], "id"), "availability_zones" => vec!["us-east-1b"] };
    let in_zone = existing(&world, "subnets", zones).await;
    assert!(in_zone.iter().all(|one| text(one, "availability_zone") == "us-east-1b") && !in_zone.is_empty());
    let one = existing(&world, "subnet", object! { "id" => ids[0].as_str() }).await;
    assert_eq!(one.len(), 1);
}

#[tokio::test]
async fn the_newest_image_of_a_name_is_one_and_moves() {
    let world = World::new().await;
    let filters = |most_recent: bool| {
        object! { "owners" => vec!["amazon"], "name" => "amzn2-ami-hvm-2.0.*-x86_64-gp2", "most_recent" => most_recent }
    };
    let all = existing(&world, "image", filters(false)).await;
    let newest = existing(&world, "image", filters(true)).await;
    assert!(all.len() > 1);
    assert_eq!(newest, all[..1]);
    let image = kind::find_existing("image").expect("in the registry");
    let moves = |most_recent| image.moves(filters(most_recent).as_object().expect("an object"));
    assert_eq!((moves(true), moves(false)), (true, false));
}

#[tokio::test]
async fn instances_and_groups_are_found_by_name_and_terminated_ones_are_not() {
    let world = World::new().await;
    let source = world.source("found").await;
    let by_name = || object! { "name" => world.name("found") };
    let found = existing(&world, "instance", by_name()).await;
    assert_eq!(found.iter().map(|one| text(one, "id")).collect::<Vec<_>>(), [source.as_str()]);
    assert_eq!(text(&found[0], "state"), "stopped");
    world.cloud.ec2.terminate_instances().instance_ids(&source).send().await.expect("terminated");
    assert_eq!(existing(&world, "instance", by_name()).await.len(), 0);
    let group = world.security_group("found").await;
    let found = existing(&world, "security_group", by_name()).await;
    assert_eq!(found.iter().map(|one| text(one, "id")).collect::<Vec<_>>(), [group.as_str()]);
}
