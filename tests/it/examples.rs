//! The other example stacks: from their first release to the third, and away again.

use std::io::{Read, Write};
use std::net::TcpListener;

use bgform::cloud::Cloud;

use crate::product::Product;
use crate::wire::{Fault, is_read};

#[test]
fn the_shop_is_valid_and_planned() {
    let product = Product::on_moto();
    product.copy_stack("shop.deploy");
    product.run(&["validate", "shop.deploy"]).exits(2).says("variable `release` has no value");
    product.run(&["validate", "shop.deploy", "--var", "release=1.0.1"]).exits(0);
    assert!(product.wire.take().is_empty(), "validate makes no call");
    let plan = product.run(&["plan", "shop.deploy", "--var", "release=1.0.1"]).exits(0);
    plan.says("web: first release 1.0.1 on blue").says("Plan: 12 to create.");
    assert!(product.wire.take().iter().all(|call| is_read(call)));
}

#[test]
fn the_shop_ships_three_releases_and_goes() {
    let product = Product::on_moto();
    product.copy_stack("shop.deploy");
    let apply = |release: &str| {
        let release = format!("release={release}");
        product.run(&["apply", "shop.deploy", "--auto-approve", "--var", &release]).exits(0)
    };
    apply("1.0.1").says("web: 1.0.1 is live on blue.");
    apply("1.0.2")
        .says("web: 1.0.1 on blue, live → 1.0.2 on green, blue_green 100%")
        .says("raise green to 2 instances of 1.0.2, as many as blue has; all healthy")
        .says("retire blue in 30m, by a scheduled action")
        .says("web: 1.0.2 is live on green. blue stands by until");
    apply("1.0.3")
        .says("web: 1.0.2 on green, live → 1.0.3 on blue, blue_green 100%")
        .says("empty blue of 1.0.1, which is no way back from then on")
        .says("web: 1.0.3 is live on blue. green stands by until");
    apply("1.0.3").says("Nothing to do: the 12 resources of stack \"shop\" are as the stack says.");
    product.run(&["destroy", "shop.deploy", "--auto-approve", "--var", "release=1.0.3"]).exits(0);
    apply("1.0.4").says("web: first release 1.0.4 on blue");
}

#[tokio::test]
async fn the_checkout_reads_somebody_elses_load_balancer_and_ships_behind_its_gates() {
    let product = Product::on_moto();
    let text = include_str!("../../stacks/canary.deploy");
    // The waits of the example are those of a service that people use.
    let short = [("interval     = 10m", "interval     = 1s"), ("retire_after = 1h", "retire_after = 2s")];
    let text = short.iter().fold(text.to_owned(), |text, (long, short)| {
        assert!(text.contains(long));
        text.replace(long, short)
    });
    product.write("canary.deploy", &without_watch(&text));
    let script =
        product.write("migrate.sh", "#!/bin/sh\necho \"$1 $BGFORM_RELEASE $BGFORM_COLOUR\" >> migrations\n");
    crate::product::ended(std::process::Command::new("chmod").arg("+x").arg(script)).exits(0);
    product.run(&["validate", "canary.deploy", "--var", "release=1.0.1"]).exits(0);
    let plan = ["plan", "canary.deploy", "--var", "release=1.0.1"];
    product.run(&plan).exits(2).says("`existing load_balancer` must find one, and nothing");

    somebody_elses(&product.cloud().await).await;
    product.wire.record();
    product.run(&plan).exits(0).says("Plan: 6 to create.");
    let listening = answering();
    let found = product.wire.recorded().into_iter().rev().find(|call| call.action == "DescribeLoadBalancers");
    let found =
        found.expect("it is looked for").answer.replace("edge-1.us-east-1.elb.amazonaws.com", &listening);
    assert!(found.contains(&listening), "{found}");
    product.wire.fault_always("DescribeLoadBalancers", Fault::Answer(200, found));

    let apply = |release: &str| {
        let release = format!("release={release}");
        product.run(&["apply", "canary.deploy", "--auto-approve", "--var", &release]).exits(0)
    };
    let migrations = || std::fs::read_to_string(product.path("migrations")).unwrap_or_default();
    apply("1.0.1").says("gate \"smoke\" passed").says("checkout: 1.0.1 is live on blue.");
    assert_eq!(migrations(), "expand 1.0.1 blue\n");
    let second = apply("1.0.2")
        .says("checkout: 1.0.1 on blue, live → 1.0.2 on green, canary 5% → 25% → 50% → 100%")
        .says("gate expand schema (./migrate.sh expand)")
        .says("show green to requests with the preview's header")
        .says("gate contract schema (./migrate.sh contract; no way back once it has passed)");
    let after: Vec<_> = ["5%", "25%", "50%", "100%"]
        .map(|share| second.err.find(&format!("green has {share} of the traffic")).expect(share))
        .into();
    assert!(after.is_sorted());
    assert_eq!(migrations(), "expand 1.0.1 blue\nexpand 1.0.2 green\ncontract 1.0.2 green\n");
    second.says("checkout: 1.0.2 is live on green.");
    apply("1.0.3").says("checkout: 1.0.3 is live on blue.");
    apply("1.0.3").says("Nothing to do");
    assert!(migrations().ends_with("contract 1.0.3 blue\n"));
    product
        .run(&["destroy", "canary.deploy", "--auto-approve", "--var", "release=1.0.3"])
        .exits(0)
        .says("6 deleted");
}

/// Without the gates that look at CloudWatch: moto answers 404 to the protocol that the SDK speaks to
/// it, so they are proved on the sandbox.
fn without_watch(text: &str) -> String {
    let (before, rest) = text.split_once("  gate \"edge is calm\"").expect("the first of them");
    let (_, after) = rest.split_once("  gate \"contract schema\"").expect("what follows them");
    format!("{before}  gate \"contract schema\"{after}")
}

/// What the checkout finds there: a load balancer with a listener, and images with tags.
async fn somebody_elses(cloud: &Cloud) {
    let subnets = cloud.ec2.describe_subnets().send().await.unwrap();
    let subnets =
        subnets.subnets().iter().take(2).map(|subnet| subnet.subnet_id().unwrap().to_owned()).collect();
    let edge =
        cloud.elbv2.create_load_balancer().name("edge").set_subnets(Some(subnets)).send().await.unwrap();
    let edge = edge.load_balancers()[0].load_balancer_arn().unwrap().to_owned();
    let answer = aws_sdk_elasticloadbalancingv2::types::Action::builder()
        .r#type("fixed-response".into())
        .fixed_response_config(
            aws_sdk_elasticloadbalancingv2::types::FixedResponseActionConfig::builder()
                .status_code("404")
                .content_type("text/plain")
                .build(),
        )
        .build();
    let listener = cloud.elbv2.create_listener().load_balancer_arn(&edge).port(80).protocol("HTTP".into());
    listener.default_actions(answer).send().await.unwrap();

    let base = cloud.ec2.describe_images().owners("amazon").send().await.unwrap();
    let base = base.images()[0].image_id().unwrap().to_owned();
    let instance = cloud.ec2.run_instances().image_id(base).min_count(1).max_count(1).send().await.unwrap();
    let instance = instance.instances()[0].instance_id().unwrap().to_owned();
    let tag = |key: &str, value: &str| aws_sdk_ec2::types::Tag::builder().key(key).value(value).build();
    for release in ["1.0.1", "1.0.2", "1.0.3"] {
        let image = cloud.ec2.create_image().instance_id(&instance).name(format!("checkout-{release}"));
        let image = image.send().await.unwrap();
        let tagging = cloud.ec2.create_tags().resources(image.image_id().unwrap());
        tagging.tags(tag("app", "checkout")).tags(tag("release", release)).send().await.unwrap();
    }
}

/// The address of what answers every request with 200, for as long as the test runs.
fn answering() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
        }
    });
    address
}
