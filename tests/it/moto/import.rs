//! `bgform import`, on a server that has what nobody manages.

use crate::kit::product::Product;
use crate::offline::stack::DRAWN;

/// The default VPC's security groups of one name that the API has.
async fn groups(cloud: &bgform::cloud::Cloud, name: &str) -> Vec<String> {
    let filter = aws_sdk_ec2::types::Filter::builder().name("group-name").values(name).build();
    let found = cloud.ec2.describe_security_groups().filters(filter).send().await.unwrap();
    found.security_groups().iter().filter_map(|group| group.group_id().map(str::to_owned)).collect()
}

/// A moto with a security group that nobody manages, and the stack that is to have it.
async fn with_group(description: &str) -> (Product, bgform::cloud::Cloud, String) {
    let product = Product::on_moto();
    let cloud = product.cloud().await;
    let vpcs = cloud.ec2.describe_vpcs().send().await.unwrap();
    let vpc = vpcs.vpcs()[0].vpc_id().unwrap().to_owned();
    let made = cloud.ec2.create_security_group().group_name("by-hand").description(description).vpc_id(&vpc);
    let id = made.send().await.unwrap().group_id().unwrap().to_owned();
    product.write("shop.deploy", DRAWN);
    (product, cloud, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_imported_is_managed_from_then_on_and_nothing_is_changed_by_it() {
    let (product, cloud, id) = with_group("HTTP from anywhere").await;
    product.wire.take();
    let run = product.run(&["import", "security_group.edge", &id]).exits(0);
    run.says(&format!("Imported `security_group.edge` ({id})")).says("It is as the stack says");
    let calls = product.wire.take();
    assert!(calls.iter().all(|call| crate::kit::wire::is_read(call)), "{calls:?}");
    product.run(&["show", "security_group.edge"]).exits(0).says("HTTP from anywhere");
    product.run(&["plan", "--target", "security_group.edge"]).exits(0).says("Nothing to do");

    let again = product.run(&["import", "security_group.edge", &id]).exits(1);
    again.says("is in the state already").says("bgform state rm 'security_group.edge'");
    let twice = product.run(&["import", "security_group.web[\"blue\"]", &id]).exits(1);
    twice.says("is in the state already, as `security_group.edge`").says("bgform state mv");

    product.run(&["destroy", "--auto-approve"]).exits(0);
    assert!(groups(&cloud, "by-hand").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_shows_what_the_next_apply_would_change() {
    let (product, _, id) = with_group("another description").await;
    let run = product.run(&["import", "security_group.edge", &id]).exits(0);
    run.says("the next apply would replace it")
        .says("description: \"another description\" → \"HTTP from anywhere\" (a new one replaces it)");
    let plan = product.run(&["plan", "--target", "security_group.edge", "--json"]).exits(0);
    assert!(plan.out.contains("another description"), "{}", plan.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_cannot_be_leaves_no_state_behind() {
    let (product, _, id) = with_group("HTTP from anywhere").await;
    let import = |address: &str, id: &str| product.run(&["import", address, id]);
    import("security_group.edge", "sg-00000000")
        .exits(1)
        .says("there is no `security_group` with the id sg-00000000");
    import("security_group.edg", &id).exits(2).says("Did you mean `security_group.edge`?");
    import("security_group.web", &id).exits(2).says("It has `for_each`, write one of");
    import("vpc.main", "vpc-1").exits(2).says("is an `existing` block");
    assert!(!product.path("state").exists());
}
