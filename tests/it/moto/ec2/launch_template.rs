use std::collections::BTreeSet;

use bgform::address::Address;
use bgform::kind::Wanted;
use bgform::object;
use bgform::value::Value;

use super::{create, inputs, managed, read, record, update};
use crate::moto::conformance::{Ground, World};

fn block(image: &str) -> Value {
    object! { "image" => image, "instance_type" => "t3.small", "keep_versions" => 2 }
}

#[tokio::test]
async fn a_change_makes_one_version_and_makes_it_the_default_though_it_is_repeated() {
    let (world, address) = (World::new().await, Address::new("launch_template", "web"));
    let images = world.images().await;
    let id = create(&world.operation(&address, "create"), block(&images[0])).await;
    let op = world.operation(&address, "update");
    update(&op, &id, block(&images[1]), &["image"]).await;
    update(&op, &id, block(&images[1]), &["image"]).await;
    let live = read(&world, "launch_template", &id, None).await.expect("read");
    assert_eq!(live.outputs["latest_version"], 2.into());
    assert_eq!(live.outputs["default_version"], 2.into());
    let keeps = managed("launch_template").keeps(&record(&id, live));
    let expected: BTreeSet<_> = images[..2].iter().cloned().collect();
    assert_eq!(keeps.into_iter().collect::<BTreeSet<_>>(), expected);
}

#[tokio::test]
async fn old_versions_that_cannot_be_deleted_do_not_hold_up_a_release() {
    let (world, address) = (World::new().await, Address::new("launch_template", "web"));
    let images = world.images().await;
    let id = create(&world.operation(&address, "create"), block(&images[0])).await;
    for (number, image) in images.iter().enumerate().skip(1).take(3) {
        update(&world.operation(&address, &format!("update-{number}")), &id, block(image), &["image"]).await;
    }
    let live = read(&world, "launch_template", &id, None).await.expect("read");
    assert_eq!(live.outputs["default_version"], 4.into());
}

#[tokio::test]
async fn versions_beyond_those_that_are_kept_are_deleted() {
    let (world, address) = (World::on(Ground::Sandbox).await, Address::new("launch_template", "web"));
    let image = world.images().await.remove(0);
    let of =
        |size: &str| object! { "image" => image.as_str(), "instance_type" => size, "keep_versions" => 2 };
    let id = create(&world.operation(&address, "create"), of("t3.nano")).await;
    for size in ["t3.micro", "t3.small", "t3.medium"] {
        update(&world.operation(&address, size), &id, of(size), &["instance_type"]).await;
    }
    let versions = world.cloud.ec2.describe_launch_template_versions().launch_template_id(&id);
    let versions = versions.send().await.expect("versions").launch_template_versions.unwrap_or_default();
    let numbers: BTreeSet<_> = versions.iter().filter_map(|one| one.version_number()).collect();
    assert_eq!(numbers, BTreeSet::from([3, 4]));
}

#[tokio::test]
async fn templates_that_state_knows_are_read_in_one_call_and_a_missing_one_is_left_out() {
    let world = World::new().await;
    let addresses = ["one", "two", "gone"].map(|name| Address::new("launch_template", name));
    let images = world.images().await;
    let mut records = Vec::new();
    for address in &addresses {
        let id = create(&world.operation(address, "create"), block(&images[0])).await;
        let mut record = record(&id, read(&world, "launch_template", &id, None).await.expect("read"));
        record.inputs = inputs("launch_template", block(&images[0]));
        records.push(record);
    }
    let gone = records.last().expect("three");
    let op = world.operation(&addresses[2], "delete");
    managed("launch_template").delete(&op, gone).await.expect("deleted");
    let declared = BTreeSet::new();
    let wanted: Vec<_> = addresses
        .iter()
        .zip(&records)
        .map(|(address, record)| Wanted { address, id: &record.id, declared: &declared, last: Some(record) })
        .collect();
    let before = world.cloud.calls();
    let live = managed("launch_template").read(&world.cloud, &wanted).await.expect("read");
    assert_eq!(world.cloud.calls() - before, 1);
    assert_eq!(live.len(), 2);
    assert_eq!(live[&records[0].id].inputs["image"], images[0].as_str().into());
    assert_eq!(live[&records[0].id].outputs["versions"], records[0].outputs["versions"]);
}
