//! A state in S3, from the first apply to the last; and its way there and back.

use std::process::Stdio;

use bgform::state::{Snapshot, Store};

use crate::kit::wire::{Counted, Moment};

use super::{groups, stack};
use crate::kit::product::{Product, Run};

/// A stack whose `state` is in a bucket of the server's.
fn in_bucket(settings: &str) -> Product {
    let product = Product::on_moto();
    let place = product.bucket("acme-state") + settings;
    let region = "region = \"us-east-1\"";
    product.write("small.deploy", &stack(3).replace(region, &format!("{region}\n  state = \"{place}\"")));
    product
}

fn apply(product: &Product) -> Run {
    product.run(&["apply", "--auto-approve"])
}

#[tokio::test]
async fn a_state_in_s3_lives_a_whole_life() {
    let product = in_bucket("&sse=AES256");
    apply(&product).exits(0).says("3 created");
    assert!(!product.path("state").exists());
    apply(&product).exits(0).says("Nothing to do");
    product.run(&["state", "list"]).exits(0).says("security_group.g[\"g00\"]");
    product.run(&["state", "rm", "security_group.g[\"g00\"]"]).exits(0).says("Kept as serial 2");
    product.run(&["state", "history"]).exits(0).says("bgform state rm").says("bgform apply");
    product.run(&["state", "show", "--serial", "1"]).exits(0).says("security_group.g[\"g00\"]");
    product.run(&["state", "restore", "--serial", "1", "--auto-approve"]).exits(0).says("as serial 3");
    product.run(&["plan", "--detailed-exitcode"]).exits(0);
    product.run(&["destroy", "--auto-approve"]).exits(0);
    assert_eq!(groups(&product).await, 0);
    let policy = product.run(&["permissions", "--json"]).exits(0);
    policy.says("s3:ListBucket").says("arn:aws:s3:::acme-state/prod/small/*");
    let history = product.run(&["state", "history"]).exits(0).out;
    assert_eq!(history.lines().count(), 6, "{history}");
}

#[tokio::test]
async fn a_state_moves_into_s3_and_back_and_leaves_a_note() {
    let product = Product::on_moto();
    product.write("small.deploy", &stack(3));
    apply(&product).exits(0);
    let place = product.bucket("acme-state");
    let to = |place: &str| product.run(&["state", "migrate", "--to", place]);
    to("state").exits(2).says("the state is in `").says("already");
    to(&place).exits(0).says("Moved serial 2 with 3 resources").says("into the `stack` block");
    // Who does not know of it yet makes nothing again.
    apply(&product).exits(1).says("bgform::state::moved").says("or pass --state");
    product.run(&["plan", "--state", &place, "--detailed-exitcode"]).exits(0);
    product.run(&["state", "history", "--state", &place]).exits(0).says("bgform apply");
    product.run(&["state", "rm", "security_group.g[\"g00\"]", "--state", &place]).exits(0);

    let back = product.path("state");
    let back = back.to_str().unwrap();
    product.run(&["state", "migrate", "--state", &place, "--to", back]).exits(0).says("2 resources");
    product.run(&["state", "list"]).exits(0).says("security_group.g[\"g01\"]");
    product.run(&["plan", "--state", &place]).exits(1).says("has been moved to");
    // A place that another state is in is not taken.
    let other = Store::at(product.path("elsewhere/small"));
    let lock = other.lock("bgform apply").unwrap();
    drop(other.begin_session(&lock, Snapshot::new("small", "123456789012", "us-east-1", None)).unwrap());
    drop(lock);
    let taken = product.run(&["state", "migrate", "--to", product.path("elsewhere").to_str().unwrap()]);
    taken.exits(1).says("there is a state in").says("serial 0 of stack \"small\"");
    product.run(&["state", "list"]).exits(0);
}

#[tokio::test]
async fn what_s3_refuses_is_said_with_what_helps() {
    let product = in_bucket("");
    let endpoint = product.moto.as_ref().unwrap().endpoint.clone();
    let there = |place: String| product.run(&["apply", "--auto-approve", "--state", &place]).exits(1);
    there(format!("s3://nowhere/prod?endpoint={endpoint}"))
        .says("NoSuchBucket")
        .says("aws s3 mb s3://nowhere");
    there("s3://acme-state/prod?endpoint=http://127.0.0.1:9".to_owned()).says("When S3 answers again");
    product.run(&["plan", "--state", "s3://acme-state?sse=rot13"]).exits(2).says("sse is AES256, aws:kms");
    assert_eq!(groups(&product).await, 0);
}

#[tokio::test]
async fn a_server_without_conditional_writes_is_refused_by_the_first_lock() {
    let product = Product::on_moto();
    product.write("small.deploy", &stack(2));
    product.bucket("acme-state");
    let place = format!("s3://acme-state/prod?endpoint={}", product.wire.endpoint);
    let apply = || product.run(&["apply", "--auto-approve", "--state", &place]);
    for header in ["If-None-Match", "If-Match"] {
        product.wire.without_header(Some(header));
        let refused = apply().exits(1).says("does not keep two writers apart");
        refused.says(&format!("({header})")).says("nothing was changed in the account");
        assert_eq!(groups(&product).await, 0);
    }
    product.wire.without_header(None);
    apply().exits(0).says("2 created");
    // The lock was given back, as far as it was taken.
    apply().exits(0).says("Nothing to do");
}

/// Killed after a write to S3, the same command does the move again.
#[tokio::test]
async fn a_move_into_s3_that_is_cut_short_is_done_by_the_same_command() {
    let product = Product::on_moto();
    product.write("small.deploy", &stack(2));
    apply(&product).exits(0);
    product.run(&["state", "rm", "security_group.g[\"g00\"]"]).exits(0);
    product.bucket("acme-state");
    let home = product.path("state");
    let points =
        [("PutObject history/#.json", 0), ("PutObject history/#.json", 2), ("PutObject snapshot.json", 0)];
    for (number, (write, at)) in points.into_iter().enumerate() {
        let place = format!("s3://acme-state/{number}?lease=1s&endpoint={}", product.wire.endpoint);
        let migrate = ["state", "migrate", "--to", &place];
        let child = product.command(&migrate).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let counted = Counted::Of(write.to_owned());
        product.wire.kill_around(child, counted, at, Moment::AfterItsAnswer).expect("it is killed");
        product.run(&migrate).exits(0).says("Moved serial").says("with 1 resources");
        product.run(&["state", "list", "--state", &place]).exits(0).says("security_group.g[\"g01\"]");
        // Whose note has been left says where the state is.
        product.run(&migrate).exits(0).says("already").says("into the `stack` block");
        let back = product.run(&["state", "migrate", "--state", &place, "--to", home.to_str().unwrap()]);
        back.exits(0);
    }
}

/// Two checkouts with one state: what is typed in one reaches the apply that runs in the other.
#[tokio::test]
async fn a_release_is_led_from_another_machine() {
    let product = Product::on_moto();
    let place = product.bucket("acme-state");
    let region = "region = \"us-east-1\"";
    let stack = crate::moto::deployment::SERVICE
        .replace(region, &format!("{region}\n  state = \"{place}\""))
        .replace("strategy \"blue_green\" {", "strategy \"canary\" {\n    steps = [25%]\n    interval = 1h");
    product.write("web.deploy", &stack);
    product.run(&["apply", "--auto-approve", "--var", "release=1.0"]).exits(0);
    let mut under = product.begin(&["apply", "--auto-approve", "--var", "release=2.0"]);
    under.until("has 25% of the traffic");
    let elsewhere = tempfile::tempdir().unwrap();
    #[allow(clippy::disallowed_methods, reason = "a test's own file")]
    std::fs::write(elsewhere.path().join("web.deploy"), &stack).unwrap();
    let type_in = |arguments: &[&str]| {
        crate::kit::product::ended(product.command(arguments).current_dir(elsewhere.path()))
    };
    type_in(&["status"]).exits(0).says("2.0 on green");
    type_in(&["promote"]).exits(0).says("has taken it");
    under.end().exits(0).says("2.0 is live on green");
    type_in(&["rollback"]).exits(0).says("1.0 is live on blue");
}
