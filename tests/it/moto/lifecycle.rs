//! The explicit stack through its whole life on moto: the real binary, the real SDK, real HTTP.

use std::collections::BTreeMap;

use bgform::cloud::Cloud;

use crate::kit::product::Product;
use crate::kit::wire::is_read;

const STACK: &str = "explicit.deploy";

/// The weights of the stack's rule at the API, by the colour in the target group's name.
async fn weights(cloud: &Cloud) -> BTreeMap<String, i32> {
    let mut weights = BTreeMap::new();
    for rule in rules(cloud).await {
        for action in rule.actions() {
            for group in action.forward_config().map(|forward| forward.target_groups()).unwrap_or_default() {
                let arn = group.target_group_arn().unwrap_or_default();
                let colour = if arn.contains("-blue-") { "blue" } else { "green" };
                weights.insert(colour.to_owned(), group.weight().unwrap_or(1));
            }
        }
    }
    weights
}

async fn rules(cloud: &Cloud) -> Vec<aws_sdk_elasticloadbalancingv2::types::Rule> {
    let mut rules = Vec::new();
    let balancers = cloud.elbv2.describe_load_balancers().send().await.unwrap();
    for balancer in balancers.load_balancers() {
        let arn = balancer.load_balancer_arn().unwrap();
        let listeners = cloud.elbv2.describe_listeners().load_balancer_arn(arn).send().await.unwrap();
        for listener in listeners.listeners() {
            let found =
                cloud.elbv2.describe_rules().listener_arn(listener.listener_arn().unwrap()).send().await;
            rules.extend(
                found.unwrap().rules().iter().filter(|rule| rule.priority() != Some("default")).cloned(),
            );
        }
    }
    rules
}

/// Everything of any stack's that the API lists, counted by kind; terminated instances are gone.
pub async fn everything(cloud: &Cloud) -> BTreeMap<&'static str, usize> {
    let (ec2, elbv2) = (&cloud.ec2, &cloud.elbv2);
    let instances = ec2.describe_instances().send().await.unwrap();
    let running =
        instances.reservations().iter().flat_map(|reservation| reservation.instances()).filter(|instance| {
            let state = instance.state().and_then(|state| state.name()).map(|name| name.as_str().to_owned());
            state.as_deref() != Some("terminated")
        });
    BTreeMap::from([
        ("instances", running.count()),
        ("images", ec2.describe_images().owners("self").send().await.unwrap().images().len()),
        ("snapshots", ec2.describe_snapshots().owner_ids("self").send().await.unwrap().snapshots().len()),
        ("volumes", ec2.describe_volumes().send().await.unwrap().volumes().len()),
        ("security groups", ec2.describe_security_groups().send().await.unwrap().security_groups().len()),
        ("launch templates", ec2.describe_launch_templates().send().await.unwrap().launch_templates().len()),
        (
            "groups",
            cloud
                .autoscaling
                .describe_auto_scaling_groups()
                .send()
                .await
                .unwrap()
                .auto_scaling_groups()
                .len(),
        ),
        ("load balancers", elbv2.describe_load_balancers().send().await.unwrap().load_balancers().len()),
        ("target groups", elbv2.describe_target_groups().send().await.unwrap().target_groups().len()),
        ("rules", rules(cloud).await.len()),
    ])
}

fn mutating(calls: &[String]) -> Vec<&str> {
    calls.iter().map(String::as_str).filter(|call| !is_read(call)).collect()
}

#[tokio::test]
async fn the_explicit_stack_lives_its_whole_life() {
    let product = Product::on_moto();
    let cloud = product.cloud().await;
    let before = everything(&cloud).await;
    product.copy_stack(STACK);

    // Bake and create.
    product.run(&["apply", STACK, "--auto-approve"]).exits(0).says("14 created").says("url = http://");
    assert_eq!(weights(&cloud).await, BTreeMap::from([("blue".to_owned(), 100), ("green".to_owned(), 0)]));
    let source = cloud.ec2.describe_instances().send().await.unwrap();
    let stopped = source.reservations().iter().flat_map(|r| r.instances()).filter(|instance| {
        instance.state().and_then(|state| state.name()).is_some_and(|name| name.as_str() == "stopped")
    });
    assert_eq!(stopped.count(), 1, "the source of the bakes is stopped again");

    // Nothing to do, at a bounded cost.
    product.wire.take();
    product.run(&["plan", STACK, "--detailed-exitcode"]).exits(0).says("Nothing to do");
    let plan_calls = product.wire.take();
    assert!(mutating(&plan_calls).is_empty());
    // Two target groups whose attributes are read one at a time, and one for 20 ARNs' tags.
    assert!(plan_calls.len() <= 16 + 2 + 1, "{}: {plan_calls:?}", plan_calls.len());

    // The cutover is one step, and one call that changes anything.
    let green = ["--var", "live=green"];
    let plan = product.run(&["plan", STACK, "--detailed-exitcode", green[0], green[1]]).exits(3);
    let plan = plan
        .says("~ update listener_rule.shop")
        .says("target_group.shop[\"blue\"] 100 → 0")
        .says("target_group.shop[\"green\"] 0 → 100")
        .says("Plan: 1 to update.");
    assert!(!plan.out.contains("autoscaling_group"), "{}", plan.out);
    product.wire.take();
    product.run(&["apply", STACK, "--auto-approve", green[0], green[1]]).exits(0).says("1 updated");
    let cutover_calls = product.wire.take();
    assert_eq!(mutating(&cutover_calls), ["ModifyRule"]);
    assert!(cutover_calls.len() <= plan_calls.len() + 5, "{cutover_calls:?}");
    assert_eq!(weights(&cloud).await, BTreeMap::from([("blue".to_owned(), 0), ("green".to_owned(), 100)]));

    // Back, then a new release on the idle colour touches nothing of the live one.
    product.run(&["apply", STACK, "--auto-approve"]).exits(0);
    let release = ["--var", "green_release=1.0.3"];
    let plan = product.run(&["plan", STACK, release[0], release[1], "--json"]).exits(0);
    let json: serde_json::Value = serde_json::from_str(&plan.out).unwrap();
    let steps: Vec<String> = json["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| format!("{} {}", step["action"].as_str().unwrap(), step["address"].as_str().unwrap()))
        .collect();
    assert_eq!(
        steps,
        [
            r#"create image.shop["green"]"#,
            r#"update launch_template.shop["green"]"#,
            r#"update autoscaling_group.shop["green"]"#,
        ]
    );
    product.run(&["apply", STACK, "--auto-approve", release[0], release[1]]).exits(0);
    product.run(&["plan", STACK, "--detailed-exitcode", release[0], release[1]]).exits(0);

    // The same release again is the same image: nothing is baked.
    product.wire.take();
    product.run(&["apply", STACK, "--auto-approve"]).exits(0);
    assert!(
        !product.wire.take().iter().any(|call| call == "CreateImage"),
        "a bake with the same identity is reused"
    );

    // A weight changed behind its back is drift, and is not put back without a word.
    let rule = rules(&cloud).await.remove(0);
    let mut actions = rule.actions().to_vec();
    let forward = actions[0].forward_config().unwrap();
    let groups = forward.target_groups().iter().map(|group| {
        let mut group = group.clone();
        group.weight = Some(50);
        group
    });
    let forward = forward.clone();
    actions[0].forward_config = Some({
        let mut forward = forward;
        forward.target_groups = Some(groups.collect());
        forward
    });
    cloud
        .elbv2
        .modify_rule()
        .rule_arn(rule.rule_arn().unwrap())
        .set_actions(Some(actions))
        .send()
        .await
        .unwrap();
    product
        .run(&["plan", STACK, "--detailed-exitcode"])
        .exits(3)
        .says("Changed outside bgform")
        .says("the traffic was moved from outside");
    product.run(&["apply", STACK, "--auto-approve"]).exits(1).says("--accept-drift");
    product.run(&["apply", STACK, "--auto-approve", "--accept-drift"]).exits(0);
    assert_eq!(weights(&cloud).await, BTreeMap::from([("blue".to_owned(), 100), ("green".to_owned(), 0)]));

    // Nothing is left.
    product.run(&["destroy", STACK, "--auto-approve"]).exits(0);
    assert_eq!(everything(&cloud).await, before);
    product.run(&["plan", STACK, "--detailed-exitcode"]).exits(3).says("14 to create");
}

/// Twenty copies of the explicit stack in one: every block gets `for_each` over copies, and those
/// of two colours over both.
fn twenty_copies() -> String {
    let explicit = include_str!("../../../stacks/explicit.deploy");
    let copies = "toset([for n in range(20) : \"c${n}\"])";
    let colours = "{ for pair in flatten([for n in range(20) : [for colour in [\"blue\", \"green\"] : \
                   \"c${n}-${colour}\"]]) : pair => { copy = split(\"-\", pair)[0], colour = split(\"-\", pair)[1] } }";
    let mut text = explicit.replace("for_each             = local.releases", "for_each = local.pairs");
    text = text.replace("for_each                  = local.releases", "for_each = local.pairs");
    text = text.replace("for_each        = local.releases", "for_each = local.pairs");
    text = text.replace("for_each = local.releases", "for_each = local.pairs");
    for single in [
        "instance \"source\" {",
        "security_group \"edge\" {",
        "security_group \"web\" {",
        "load_balancer \"edge\" {",
        "listener \"http\" {",
        "listener_rule \"shop\" {",
    ] {
        text = text.replace(single, &format!("{single}\n  for_each = local.copies"));
    }
    text = text
        .replace(
            "releases = { blue = var.blue_release, green = var.green_release }",
            &format!("copies = {copies}\n  pairs = {colours}"),
        )
        .replace("source   = instance.source", "source = instance.source[each.value.copy]")
        .replace("shop-${each.value}", "shop-${each.key}")
        .replace("install.sh ${each.value}", "install.sh ${each.key}")
        .replace(
            "security_groups = [security_group.web]",
            "security_groups = [security_group.web[each.value.copy]]",
        )
        .replace("listener = listener.http\n", "listener = listener.http[each.key]\n")
        .replace("load_balancer = load_balancer.edge", "load_balancer = load_balancer.edge[each.key]")
        .replace("[security_group.edge]", "[security_group.edge[each.key]]")
        .replace("target_group.shop[\"blue\"]", "target_group.shop[\"${each.key}-blue\"]")
        .replace("target_group.shop[\"green\"]", "target_group.shop[\"${each.key}-green\"]")
        .replace("load_balancer.edge.dns_name", "load_balancer.edge[\"c0\"].dns_name");
    text
}

#[test]
fn twenty_copies_are_planned_with_hardly_more_calls_than_one() {
    let product = Product::on_moto();
    product.write("twenty.deploy", &twenty_copies());
    product.run(&["apply", "twenty.deploy", "--auto-approve"]).exits(0);
    product.wire.take();
    product.run(&["plan", "twenty.deploy", "--detailed-exitcode"]).exits(0);
    let calls = product.wire.take();
    let attributes = calls.iter().filter(|call| *call == "DescribeTargetGroupAttributes").count();
    let tags = calls.iter().filter(|call| *call == "DescribeTags").count();
    println!("twenty copies: {} calls, of which {attributes} attributes, {tags} tags", calls.len());
    // 40 target groups' attributes; 20 balancers, 40 groups, 20 listeners and 20 rules by 20 ARNs.
    assert!(calls.len() <= 24 + 40 + 5, "{}", calls.len());
}

#[test]
fn what_carries_traffic_does_not_make_room_and_loses_no_targets() {
    let product = Product::on_moto();
    let file = product.copy_stack(STACK);
    let stack = std::fs::read_to_string(&file).unwrap();
    product.run(&["apply", "--auto-approve"]).exits(0);

    product.run(&["plan", "--replace", "listener_rule.shop"]).exits(1).says("it has to go before");
    product.write(STACK, &stack.replace("listener_rule \"shop\"", "listener_rule \"renamed\""));
    let renamed = "bgform state mv 'listener_rule.shop' 'listener_rule.renamed'";
    product.run(&["apply", "--auto-approve"]).exits(1).says(renamed);
    product.run(&["plan", "--allow-outage"]).exits(0).says("1 to create, 1 to delete");

    product.write(STACK, &stack.replace("= 8080", "= 8081"));
    let leaves = "its instances leave `target_group.shop[\"blue\"]`";
    product.run(&["apply", "--auto-approve"]).exits(1).says(leaves);
    product.write(STACK, &stack);
    product.run(&["plan", "--replace", "target_group.shop[\"green\"]"]).exits(0);
    product.run(&["plan", "--detailed-exitcode"]).exits(0);
}
