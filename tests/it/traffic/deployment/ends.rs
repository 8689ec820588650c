//! What an end says is what is so at AWS: sizes after every end, colours that are empty, gates that came first.

use std::collections::BTreeMap;

use aws_sdk_autoscaling::types::AutoScalingGroup;
use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, ForwardActionConfig, Rule, TargetGroupTuple,
};
use tokio::runtime::Runtime;

use super::commands::{status, type_in};
use super::{GROUND, STACK, Scene, canary, deployment, side_by_side};
use crate::kit::product::Product;

/// The group of each colour, by colour.
pub(super) fn groups(product: &Product) -> BTreeMap<String, AutoScalingGroup> {
    let all = Runtime::new().expect("a runtime").block_on(async {
        let cloud = product.cloud().await;
        cloud.autoscaling.describe_auto_scaling_groups().send().await.expect("an answer")
    });
    let all = all.auto_scaling_groups.unwrap_or_default().into_iter();
    all.map(|group| {
        let name = group.auto_scaling_group_name().unwrap_or_default();
        let colour = if name.contains("blue") { "blue" } else { "green" };
        (colour.to_owned(), group)
    })
    .collect()
}

/// The rule of the deployment.
fn rule(product: &Product) -> Rule {
    Runtime::new().expect("a runtime").block_on(async {
        let elb = product.cloud().await.elbv2;
        let balancers = elb.describe_load_balancers().send().await.expect("an answer");
        let balancer = balancers.load_balancers()[0].load_balancer_arn().expect("an ARN");
        let listeners = elb.describe_listeners().load_balancer_arn(balancer).send().await.expect("an answer");
        let listener = listeners.listeners()[0].listener_arn().expect("an ARN");
        let rules = elb.describe_rules().listener_arn(listener).send().await.expect("an answer");
        let is_ours = |rule: &&Rule| rule.is_default() == Some(false);
        rules.rules().iter().find(is_ours).expect("a rule").clone()
    })
}

/// The target groups of a rule, with their weights.
fn shares(rule: &Rule) -> impl Iterator<Item = &TargetGroupTuple> {
    let forwards = rule.actions().iter().filter_map(|action| action.forward_config());
    forwards.flat_map(|forward| forward.target_groups())
}

/// What the rule of the deployment gives blue.
fn weight_of_blue(product: &Product) -> i32 {
    let rule = rule(product);
    let mut shares = shares(&rule);
    let blue = shares.find(|group| group.target_group_arn().is_some_and(|arn| arn.contains("blue")));
    blue.and_then(|group| group.weight()).expect("a weight")
}

/// The rule of the deployment and the target group of each colour, by ARN.
pub(super) fn rule_of(product: &Product) -> (String, BTreeMap<String, String>) {
    let rule = rule(product);
    let groups = shares(&rule).filter_map(|group| group.target_group_arn());
    let of = |arn: &str| if arn.contains("blue") { "blue" } else { "green" }.to_owned();
    let groups = groups.map(|arn| (of(arn), arn.to_owned())).collect();
    (rule.rule_arn.unwrap_or_default(), groups)
}

/// Minimum and wanted capacity of each colour.
fn sizes(product: &Product) -> [[i32; 2]; 2] {
    let groups = groups(product);
    ["blue", "green"].map(|colour| {
        let group = &groups[colour];
        [group.min_size().unwrap_or_default(), group.desired_capacity().unwrap_or_default()]
    })
}

/// Moves the weights of the rule past bgform.
pub(super) fn move_by_hand(product: &Product, blue: i32, green: i32) {
    let (arn, groups) = rule_of(product);
    let share = |colour: &str, weight: i32| {
        TargetGroupTuple::builder().target_group_arn(&groups[colour]).weight(weight).build()
    };
    let forward = ForwardActionConfig::builder()
        .target_groups(share("blue", blue))
        .target_groups(share("green", green));
    let action = Action::builder().r#type(ActionTypeEnum::Forward).forward_config(forward.build());
    Runtime::new().expect("a runtime").block_on(async {
        let cloud = product.cloud().await;
        cloud.elbv2.modify_rule().rule_arn(&arn).actions(action.build()).send().await.expect("it is moved");
    });
}

pub(super) fn with_group(
    product: &Product,
    colour: &str,
    act: impl AsyncFnOnce(&bgform::cloud::Cloud, &str),
) {
    let groups = groups(product);
    let name = groups[colour].auto_scaling_group_name().unwrap_or_default();
    Runtime::new().expect("a runtime").block_on(async {
        let cloud = product.cloud().await;
        act(&cloud, name).await;
    });
}

/// The live colour may shrink to the file's minimum, the way back keeps its capacity, whoever is live.
fn the_sizes_of_the_file_stand_after_every_end() {
    let scene = Scene::of(&canary(25, "1s"));
    with_group(&scene.product, "blue", async |cloud, name| {
        let call = cloud.autoscaling.set_desired_capacity().auto_scaling_group_name(name);
        call.desired_capacity(3).send().await.expect("it grows");
    });
    scene.apply("2.0").exits(0).says("2.0 is live on green");
    assert_eq!(sizes(&scene.product), [[3, 3], [2, 3]]);
    type_in(&scene, &["rollback"]).exits(0).says("1.0 is live on blue");
    assert_eq!(sizes(&scene.product), [[2, 3], [3, 3]]);
    // A release that is taken back: blue is live as before, and there is no way on.
    scene.fault("never-healthy=ship-web-green*");
    scene.apply("3.0").exits(5).says("was taken back");
    assert_eq!(sizes(&scene.product), [[2, 3], [0, 0]]);
}

/// Instances that stay are told before, counted after, and never called retired.
fn what_cannot_be_emptied_is_told() {
    let scene = Scene::of(&canary(25, "1s"));
    with_group(&scene.product, "blue", async |cloud, name| {
        let call = cloud.autoscaling.suspend_processes().auto_scaling_group_name(name);
        call.scaling_processes("Terminate").send().await.expect("it is suspended");
    });
    scene.rewrite("    subnets                   = subnets.all\n", "    subnets                   = subnets.all\n    lifecycle { ignore_changes = [suspended_processes] }\n");
    scene.apply("2.0").exits(0).says("its process Terminate is suspended: its instances would run on");
    for _ in 0..2 {
        type_in(&scene, &["retire", "--now"])
            .exits(6)
            .says("2 instances still run, and none should: its process Terminate is suspended");
        type_in(&scene, &["status"])
            .exits(0)
            .says("was to be retired, 2 still run")
            .says("`bgform retire --deployment web --now`");
    }
    assert_eq!(status(&scene)["colours"][0]["running"], 2);
    with_group(&scene.product, "blue", async |cloud, name| {
        let call = cloud.autoscaling.resume_processes().auto_scaling_group_name(name);
        call.scaling_processes("Terminate").send().await.expect("it is resumed");
    });
    // AWS may have been faster.
    type_in(&scene, &["retire", "--now"]).exits(0).says("blue").says("empt");
    type_in(&scene, &["retire", "--now"]).exits(0).says("blue is empty already");
    assert_eq!(status(&scene)["colours"][0]["running"], 0);
}

/// A migration that fails keeps a first release from serving, and from running at all.
fn gates_of_a_first_release_come_first() {
    let gate = |name: &str, at: &str, passes: &str| {
        format!(
            "  gate \"{name}\" {{\n    at      = \"{at}\"\n    command = [\"test\", \"-e\", \"{passes}\"]\n  }}\n"
        )
    };
    let gates = gate("migrate", "before_launch", "migrated") + &gate("smoke", "before_shift", "smoked");
    let text = deployment("web", "var.release", "/*", 10, &(canary(25, "1s") + &gates));
    let product = Product::on_sandbox(&[]);
    product.write(STACK, &format!("{GROUND}{text}"));
    let apply = ["apply", STACK, "--auto-approve", "--var", "release=1.0"];
    product.run(&apply).exits(6).says("gate \"migrate\" did not pass");
    assert_eq!(sizes(&product), [[0, 0], [0, 0]]);
    product.write("migrated", "");
    product.run(&apply).exits(6).says("gate \"smoke\" did not pass");
    let weights = || weight_of_blue(&product);
    assert_eq!((sizes(&product), weights()), ([[2, 2], [0, 0]], 0));
    product.write("smoked", "");
    product.run(&apply).exits(0).says("1.0 is live on blue");
    assert_eq!((sizes(&product), weights()), ([[2, 2], [0, 0]], 100));
    product.run(&["plan", STACK, "--detailed-exitcode", "--var", "release=1.0"]).exits(0);
}

/// A first release that never gets healthy is waited for, and an interrupt ends that at once: it would go on
/// for a quarter of an hour.
fn what_only_waits_ends_at_once() {
    let product = Product::on_sandbox(&["never-healthy=ship-web-*"]);
    let text = deployment("web", "var.release", "/*", 10, &canary(25, "1s"));
    product.write(STACK, &format!("{GROUND}{text}"));
    let apply = ["apply", STACK, "--auto-approve", "--var", "release=1.0"];
    let mut under = product.begin(&apply);
    under.until_so("a rule that is there", || {
        let calls = product.local.as_ref().expect("a sandbox").calls();
        calls.contains("CreateRule ok")
    });
    under.signal(rustix::process::Signal::INT);
    under
        .end()
        .exits(4)
        .says("interrupted while waiting until the targets that are to get traffic are healthy");
    product.local.as_ref().expect("a sandbox").faults.clear();
    product.run(&apply).exits(0).says("1.0 is live on blue");
}

/// Somebody gives weight to a colour that is still being raised: the way back takes it again, and empties the colour.
fn a_way_back_overrules_weights_that_were_moved_by_hand() {
    let scene = Scene::of(&canary(25, "1s"));
    scene.fault("never-healthy=ship-web-green*");
    let mut under = scene.begin("2.0");
    under.until("updated autoscaling_group.web[\"green\"]");
    under.signal(rustix::process::Signal::KILL);
    under.end();
    move_by_hand(&scene.product, 40, 60);
    type_in(&scene, &["abort"]).exits(0).says("2.0 was taken back; 1.0 on blue carries all traffic");
    assert_eq!((weight_of_blue(&scene.product), sizes(&scene.product)[1]), (100, [0, 0]));
    scene.stands("1.0");
}

#[test]
fn an_end_says_what_is_so() {
    side_by_side(&[
        ("by hand", &a_way_back_overrules_weights_that_were_moved_by_hand),
        ("waits", &what_only_waits_ends_at_once),
        ("sizes", &the_sizes_of_the_file_stand_after_every_end),
        ("kept", &what_cannot_be_emptied_is_told),
        ("gates", &gates_of_a_first_release_come_first),
    ]);
}
