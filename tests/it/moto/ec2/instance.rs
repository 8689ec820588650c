use bgform::address::Address;
use bgform::object;
use bgform::value::Value;

use super::{create, inputs, managed, read, update};
use crate::moto::conformance::World;

async fn block(world: &World, size: i32) -> Value {
    let volume = object! { "size" => size, "type" => "gp3" };
    object! {
        "image" => world.images().await.remove(0), "instance_type" => "t3.small", "state" => "stopped",
        "root_volume" => volume,
    }
}

#[tokio::test]
async fn an_instance_that_is_to_be_stopped_is_made_and_stopped() {
    let (world, address) = (World::new().await, Address::new("instance", "source"));
    let op = world.operation(&address, "create");
    let id = create(&op, block(&world, 20).await).await;
    let live = read(&world, "instance", &id, None).await.expect("read");
    assert_eq!(live.inputs["state"], "stopped".into());
    // A crash before it was stopped: whoever looks for it leaves that to the plan.
    world.cloud.ec2.start_instances().instance_ids(&id).send().await.expect("started");
    let found =
        managed("instance").find(&op, &inputs("instance", block(&world, 20).await)).await.expect("found");
    assert_eq!(found.as_deref(), Some(id.as_str()));
    let live = read(&world, "instance", &id, None).await.expect("read");
    assert_eq!(live.inputs["state"], "running".into());
    let changed = ["state".to_owned()].into();
    let stopped = inputs("instance", block(&world, 20).await);
    managed("instance").update(&op, &id, &live, &stopped, &changed).await.expect("stopped");
    assert_eq!(read(&world, "instance", &id, None).await.expect("read").inputs["state"], "stopped".into());
}

#[tokio::test]
async fn a_root_volume_grows_and_never_shrinks() {
    let (world, address) = (World::new().await, Address::new("instance", "source"));
    let id = create(&world.operation(&address, "create"), block(&world, 20).await).await;
    let op = world.operation(&address, "update");
    let changed = ["root_volume"];
    update(&op, &id, block(&world, 30).await, &changed).await;
    let live = read(&world, "instance", &id, None).await.expect("read");
    assert_eq!(live.inputs["root_volume"].get("size"), &Value::from(30));
    let back = inputs("instance", block(&world, 20).await);
    let changed = changed.map(str::to_owned).into();
    let error = managed("instance").update(&op, &id, &live, &back, &changed).await.unwrap_err();
    assert!(error.to_string().ends_with("has 30 GiB and cannot shrink to 20"), "{error}");
}
