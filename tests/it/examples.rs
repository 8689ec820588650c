//! The other example stacks, with what comes later taken out, are valid and can be planned.

use crate::product::Product;
use crate::wire::is_read;

/// A stack without its `deployment` blocks.
fn without_deployment(text: &str) -> String {
    let mut kept = String::new();
    let mut inside = false;
    for line in text.lines() {
        inside |= line.starts_with("deployment ");
        if !inside {
            kept.push_str(line);
            kept.push('\n');
        }
        inside &= line != "}";
    }
    kept
}

#[test]
fn the_shop_is_valid_and_planned() {
    let product = Product::on_moto();
    product.write("shop.deploy", &without_deployment(include_str!("../fixtures/shop.deploy")));
    product.run(&["validate", "shop.deploy"]).exits(2).says("variable `release` has no value");
    product.run(&["validate", "shop.deploy", "--var", "release=1.0.1"]).exits(0);
    assert!(product.wire.take().is_empty(), "validate makes no call");
    product.run(&["plan", "shop.deploy", "--var", "release=1.0.1"]).exits(0).says("Plan: 6 to create.");
    assert!(product.wire.take().iter().all(|call| is_read(call)));
}

#[tokio::test]
async fn the_checkout_reads_somebody_elses_load_balancer() {
    let product = Product::on_moto();
    let cloud = product.cloud().await;
    product.write("canary.deploy", &without_deployment(include_str!("../fixtures/canary.deploy")));
    product.run(&["validate", "canary.deploy", "--var", "release=1.0.1"]).exits(0);

    let plan = ["plan", "canary.deploy", "--var", "release=1.0.1"];
    product.run(&plan).exits(2).says("`existing load_balancer` must find one, and nothing");

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
    let image = cloud.ec2.create_image().instance_id(instance).name("checkout").send().await.unwrap();
    let tag = |key: &str, value: &str| aws_sdk_ec2::types::Tag::builder().key(key).value(value).build();
    let tagging = cloud.ec2.create_tags().resources(image.image_id().unwrap());
    tagging.tags(tag("app", "checkout")).tags(tag("release", "1.0.1")).send().await.unwrap();

    product.run(&plan).exits(0).says("Nothing to do");
}
