use std::collections::BTreeMap;

use aws_sdk_ec2::types::Filter;
use bgform::address::Address;
use bgform::object;
use bgform::value::Value;

use super::{create, read, record, update};
use crate::moto::conformance::{Ground, World};

/// Rule ids by port of the group's ingress.
async fn ingress(world: &World, id: &str) -> BTreeMap<i32, String> {
    let of = Filter::builder().name("group-id").values(id).build();
    let rules = world.cloud.ec2.describe_security_group_rules().filters(of).send().await.expect("rules");
    let ingress = rules.security_group_rules().iter().filter(|rule| rule.is_egress() != Some(true));
    ingress
        .map(|rule| (rule.from_port().unwrap(), rule.security_group_rule_id().unwrap().to_owned()))
        .filter(|(port, _)| *port > 0)
        .collect()
}

fn block(ports: &[i32]) -> Value {
    let rule = |port: &i32| object! { "protocol" => "tcp", "port" => *port, "cidr" => vec!["10.0.0.0/8"] };
    object! { "ingress" => ports.iter().map(rule).collect::<Vec<_>>() }
}

#[tokio::test]
async fn a_rule_that_stays_is_not_touched() {
    let (world, address) = (World::new().await, Address::new("security_group", "web"));
    let id = create(&world.operation(&address, "create"), block(&[80, 443])).await;
    let before = ingress(&world, &id).await;
    update(&world.operation(&address, "update"), &id, block(&[443, 8080]), &["ingress"]).await;
    let after = ingress(&world, &id).await;
    assert_eq!(after.keys().collect::<Vec<_>>(), [&443, &8080]);
    assert_eq!(after[&443], before[&443]);
}

#[tokio::test]
async fn a_crash_between_a_groups_creation_and_its_rules_is_mended_when_it_is_looked_for() {
    let (world, address) = (World::new().await, Address::new("security_group", "web"));
    let op = world.operation(&address, "create");
    let id = create(&op, block(&[80])).await;
    let wanted = super::inputs("security_group", block(&[80, 443]));
    let found = super::managed("security_group").find(&op, &wanted);
    assert_eq!(found.await.expect("looked for").as_deref(), Some(id.as_str()));
    assert_eq!(ingress(&world, &id).await.into_keys().collect::<Vec<_>>(), [80, 443]);
}

#[tokio::test]
async fn blocks_read_back_as_they_were_grouped_by_the_author() {
    let (world, address) = (World::new().await, Address::new("security_group", "web"));
    let rule = |cidr: &str| object! { "protocol" => "tcp", "port" => 80, "cidr" => vec![cidr] };
    let block = object! { "ingress" => vec![rule("10.0.0.0/8"), rule("192.168.0.0/16")] };
    let id = create(&world.operation(&address, "create"), block.clone()).await;
    let mut record = record(&id, read(&world, "security_group", &id, None).await.expect("read"));
    assert_eq!(record.inputs["ingress"].as_list().unwrap().len(), 1);
    record.inputs = super::inputs("security_group", block);
    let live = read(&world, "security_group", &id, Some(&record)).await.expect("read");
    assert_eq!(live.inputs["ingress"], record.inputs["ingress"]);
}

#[tokio::test]
async fn without_an_egress_block_everything_may_go_out() {
    let (world, address) = (World::new().await, Address::new("security_group", "web"));
    let id = create(&world.operation(&address, "create"), block(&[80])).await;
    let live = read(&world, "security_group", &id, None).await.expect("read");
    let all = object! { "protocol" => "all", "cidr" => vec!["0.0.0.0/0"], "self" => false };
    assert_eq!(live.inputs["egress"], Value::List(vec![all]));
}

#[tokio::test]
async fn a_group_is_deleted_once_its_last_instance_is_gone() {
    let (world, address) = (World::on(Ground::Sandbox).await, Address::new("security_group", "web"));
    let id = create(&world.operation(&address, "create"), block(&[80])).await;
    let image = world.images().await.remove(0);
    let ec2 = &world.cloud.ec2;
    let run = ec2.run_instances().image_id(image).instance_type("t3.micro".into()).security_group_ids(&id);
    let made = run.min_count(1).max_count(1).send().await.expect("an instance");
    let instance = made.instances()[0].instance_id().expect("an id");
    ec2.terminate_instances().instance_ids(instance).send().await.expect("terminated");
    let held = ec2.delete_security_group().group_id(&id).send().await.expect_err("it is held");
    assert!(format!("{held:?}").contains("DependencyViolation"), "{held:?}");
    let record = record(&id, read(&world, "security_group", &id, None).await.expect("read"));
    let op = world.operation(&address, "delete");
    super::managed("security_group").delete(&op, &record).await.expect("deleted");
    assert!(read(&world, "security_group", &id, None).await.is_none());
}
