//! What the EC2 kinds do beyond their schemas: bakes, rules, versions, and what they leave behind.

use std::collections::BTreeSet;

use bgform::address::Address;
use bgform::kind::operation::Operation;
use bgform::kind::{self, AnyKind, Live, Wanted};
use bgform::state::Record;
use bgform::value::{Object, Value};

use crate::moto::conformance::World;

mod bake;
mod existing;
mod instance;
mod launch_template;
mod proxy;
mod security_group;

fn managed(kind: &str) -> &'static dyn AnyKind {
    kind::find_managed(kind).expect("in the registry")
}

/// Canonical inputs of a block.
fn inputs(kind: &str, block: Value) -> Object {
    managed(kind).schema().canonical(block.as_object().expect("an object"))
}

async fn create(op: &Operation<'_>, block: Value) -> String {
    let kind = op.address.kind.clone();
    managed(&kind).create(op, &inputs(&kind, block)).await.expect("created")
}

async fn read(world: &World, kind: &str, id: &str, last: Option<&Record>) -> Option<Live> {
    let (address, declared) = (Address::new(kind, "main"), BTreeSet::from(["root_volume".to_owned()]));
    let wanted = [Wanted { address: &address, id, declared: &declared, last }];
    managed(kind).read(&world.cloud, &wanted).await.expect("read").remove(id)
}

/// Updates from what is live to `block`, whose `changed` attributes differ.
async fn update(op: &Operation<'_>, id: &str, block: Value, changed: &[&str]) {
    let kind = op.address.kind.clone();
    let world = op.cloud;
    let (address, declared) =
        (Address::new(&kind, "main"), changed.iter().map(|name| (*name).to_owned()).collect());
    let wanted = [Wanted { address: &address, id, declared: &declared, last: None }];
    let before = managed(&kind).read(world, &wanted).await.expect("read").remove(id).expect("there");
    managed(&kind).update(op, id, &before, &inputs(&kind, block), &declared).await.expect("updated");
}

fn record(id: &str, live: Live) -> Record {
    Record { id: id.to_owned(), inputs: live.inputs, outputs: live.outputs, ..Record::default() }
}
