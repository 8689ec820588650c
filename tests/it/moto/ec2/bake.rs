use aws_sdk_ec2::types::{Filter, Tag};
use bgform::address::Address;
use bgform::object;
use bgform::value::Value;

use super::{create, inputs, managed, proxy, read, record};
use crate::moto::conformance::World;

fn block(source: &str, name: &str) -> Value {
    object! { "source" => source, "name" => name, "run" => vec!["/opt/install.sh", "sync"] }
}

fn address(name: &str) -> Address {
    Address::new("image", name)
}

/// The source's state, and whether a bake's mark is on it.
async fn source_state(world: &World, id: &str) -> (String, bool) {
    let found = world.cloud.ec2.describe_instances().instance_ids(id).send().await.expect("it");
    let instance = &found.reservations()[0].instances()[0];
    let state = instance.state().and_then(|state| state.name()).expect("a state").as_str().to_owned();
    (state, instance.tags().iter().any(|tag| tag.key() == Some("bgform:started")))
}

/// The world's commands. Not asked for by instance: moto says of each that it was for all of them.
async fn commands(world: &World) -> Vec<(String, Vec<String>)> {
    let sent = world.cloud.ssm.list_commands().send().await.expect("commands");
    let commands = sent.commands().iter().map(|one| {
        let script = one.parameters().and_then(|parameters| parameters.get("commands")).cloned();
        (one.comment().unwrap_or_default().to_owned(), script.unwrap_or_default())
    });
    let own = format!("bgform {}-", world.lineage);
    commands.filter(|(comment, _)| comment.starts_with(&own)).collect()
}

#[tokio::test]
async fn a_bake_runs_its_commands_on_a_stopped_source_and_leaves_it_stopped() {
    let world = World::new().await;
    let (source, address) = (world.source("source").await, address("shop"));
    let op = world.operation(&address, "bake");
    let id = create(&op, block(&source, "shop-1")).await;
    assert_eq!(source_state(&world, &source).await, ("stopped".to_owned(), false));
    let outputs = read(&world, "image", &id, None).await.expect("read").outputs;
    let (name, hash) = (outputs["name"].as_str().unwrap(), outputs["bake"].as_str().unwrap());
    let script = ["set -e", "/opt/install.sh", "sync"].map(str::to_owned).to_vec();
    assert_eq!(commands(&world).await, [(format!("bgform {} {hash}", op.id), script)]);
    assert_eq!((name, hash.len()), (format!("shop-1-{}", &hash[..8]).as_str(), 64));
}

#[tokio::test]
async fn what_was_baked_once_is_not_baked_again() {
    let world = World::new().await;
    let (source, first, second) = (world.source("source").await, address("first"), address("second"));
    let id = create(&world.operation(&first, "bake"), block(&source, "shop-1")).await;
    let again = create(&world.operation(&second, "bake"), block(&source, "shop-1")).await;
    let other = create(&world.operation(&second, "other"), block(&source, "shop-2")).await;
    assert_eq!((again, other == id), (id, false));
    assert_eq!(commands(&world).await.len(), 2);
}

#[tokio::test]
async fn a_running_source_keeps_running() {
    let world = World::new().await;
    let (source, address) = (world.source("source").await, address("shop"));
    world.cloud.ec2.start_instances().instance_ids(&source).send().await.expect("started");
    create(&world.operation(&address, "bake"), block(&source, "shop-1")).await;
    assert_eq!(source_state(&world, &source).await, ("running".to_owned(), false));
}

#[tokio::test]
async fn failing_commands_show_what_they_said_and_the_source_is_stopped() {
    let failed = |action: &str, _| {
        let body = r#"{"Status":"Failed","StatusDetails":"Failed","ResponseCode":7,
            "StandardOutputContent":"fetching\n","StandardErrorContent":"no such release\n"}"#;
        (action == "GetCommandInvocation").then(|| (200, body.to_owned()))
    };
    let world = World::through(&proxy::start(failed)).await;
    let (source, address) = (world.source("source").await, address("shop"));
    let op = world.operation(&address, "bake");
    let error = managed("image").create(&op, &inputs("image", block(&source, "shop-1"))).await.unwrap_err();
    let said = "ended with Failed, exit code 7\nstdout:\n  fetching\nstderr:\n  no such release";
    assert_eq!(error.to_string(), format!("the commands on the source `{source}` {said}"));
    assert_eq!(source_state(&world, &source).await, ("stopped".to_owned(), false));
    let own = Filter::builder().name("source-instance-id").values(&source).build();
    let images = world.cloud.ec2.describe_images().filters(own).send().await.expect("images");
    assert_eq!(images.images().len(), 0);
}

#[tokio::test]
async fn commands_wait_until_systems_manager_knows_the_source() {
    let late = |action: &str, before| {
        let unknown = r#"{"__type":"InvalidInstanceId","message":"not in a valid state"}"#;
        (action == "SendCommand" && before < 2).then(|| (400, unknown.to_owned()))
    };
    let world = World::through(&proxy::start(late)).await;
    let (source, address) = (world.source("source").await, address("shop"));
    create(&world.operation(&address, "bake"), block(&source, "shop-1")).await;
    assert_eq!(commands(&world).await.len(), 1);
}

#[tokio::test]
async fn a_source_that_is_never_reached_is_stopped_and_the_error_says_what_it_lacks() {
    let never = |action: &str, _| {
        let unknown = r#"{"__type":"InvalidInstanceId","message":"not in a valid state"}"#;
        (action == "SendCommand").then(|| (400, unknown.to_owned()))
    };
    let world = World::through(&proxy::start(never)).await;
    let (source, address) = (world.source("source").await, address("shop"));
    let block = object! {
        "source" => source.as_str(), "name" => "shop", "run" => vec!["true"],
        "ready_timeout" => std::time::Duration::from_secs(1),
    };
    let op = world.operation(&address, "bake");
    let error = managed("image").create(&op, &inputs("image", block)).await.unwrap_err();
    assert!(error.to_string().contains("did not reach the source"), "{error}");
    assert!(error.help(None).unwrap().contains("AmazonSSMManagedInstanceCore"));
    assert_eq!(source_state(&world, &source).await, ("stopped".to_owned(), false));
}

#[tokio::test]
async fn a_source_that_a_crash_left_running_is_stopped_when_the_bake_is_looked_for() {
    let world = World::new().await;
    let (source, address) = (world.source("source").await, address("shop"));
    let mark = Tag::builder().key("bgform:started").value("some operation").build();
    world.cloud.ec2.create_tags().resources(&source).tags(mark).send().await.expect("tagged");
    world.cloud.ec2.start_instances().instance_ids(&source).send().await.expect("started");
    let op = world.operation(&address, "bake");
    let found =
        managed("image").find(&op, &inputs("image", block(&source, "shop-1"))).await.expect("looked for");
    assert_eq!(found, None);
    assert_eq!(source_state(&world, &source).await, ("stopped".to_owned(), false));
}

#[tokio::test]
async fn a_deleted_image_leaves_no_snapshot_and_another_stacks_image_stays() {
    let world = World::new().await;
    let (source, address) = (world.source("source").await, address("shop"));
    let id = create(&world.operation(&address, "bake"), block(&source, "shop-1")).await;
    let live = read(&world, "image", &id, None).await.expect("read");
    let snapshot = live.outputs["snapshots"].as_list().unwrap()[0].as_str().unwrap().to_owned();
    let record = record(&id, live);
    let own_stack = |stack: &str| Tag::builder().key("bgform:stack").value(stack).build();
    let delete = world.operation(&address, "delete");
    for (stack, left) in [("another", 1), ("trial", 0)] {
        world.cloud.ec2.create_tags().resources(&id).tags(own_stack(stack)).send().await.expect("tagged");
        managed("image").delete(&delete, &record).await.expect("deleted");
        let of = |name: &str, value: &str| Filter::builder().name(name).values(value).build();
        let images = world.cloud.ec2.describe_images().filters(of("image-id", &id)).send().await.unwrap();
        let snapshots =
            world.cloud.ec2.describe_snapshots().filters(of("snapshot-id", &snapshot)).send().await.unwrap();
        assert_eq!((images.images().len(), snapshots.snapshots().len()), (left, left), "{stack}");
    }
}

#[test]
fn bakes_of_one_source_take_turns() {
    let turn = |source: &str| managed("image").turn(&inputs("image", block(source, "shop")));
    assert_eq!(turn("i-1").as_deref(), Some("i-1"));
    assert_ne!(turn("i-1"), turn("i-2"));
}
