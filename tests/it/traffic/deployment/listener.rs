//! What a listener does by default divides the traffic: connections behind a network load balancer,
//! requests behind an application load balancer.

use std::time::Duration;

use super::{GROUND, STACK, Scene, deployment, get, none_failed};
use crate::kit::load::{Load, Tally};
use crate::kit::product::Run;

/// What the ground's listener does without a deployment.
const NOT_FOUND: &str = "\n  default_action \"fixed_response\" {\n    status_code = 404\n  }\n";

/// The deployment `web` with this in it, behind what the ground's listener does by default.
fn behind_the_listener(more: &str) -> String {
    let text = deployment("web", "var.release", "/*", 10, more);
    let (before, rest) = text.split_once("  listener_rule {").expect("a rule");
    let (_, after) = rest.split_once("\n  }\n\n").expect("its end");
    format!("{before}  listener {{\n    listener = listener.http\n  }}\n\n{after}")
}

fn over_http(more: &str) -> Scene {
    Scene::on(&GROUND.replace(NOT_FOUND, ""), &behind_the_listener(more))
}

fn over_tcp(more: &str) -> Scene {
    let ground = GROUND.replace(NOT_FOUND, "").replace("\"application\"", "\"network\"");
    let deployment =
        behind_the_listener(more).replace("protocol             = \"HTTP\"", "protocol = \"TCP\"");
    let checked = deployment.replace("health_check {\n", "health_check {\n      protocol = \"HTTP\"\n");
    Scene::on(&ground.replace("protocol      = \"HTTP\"", "protocol      = \"TCP\""), &checked)
}

impl Scene {
    fn address(&self) -> &str {
        self.url.trim_start_matches("http://").trim_end_matches('/')
    }

    fn run(&self, command: &str, more: &[&str]) -> Run {
        self.product.run(&[&[command, STACK], more].concat())
    }

    /// Clients that open a connection for each request.
    fn connections(&self) -> Load {
        Load::on(&self.url, 0, 2)
    }

    /// Somebody moves the weights of the listener by hand.
    fn move_weights(&self, blue: i32, green: i32) {
        use aws_sdk_elasticloadbalancingv2::types::{Action, ForwardActionConfig, TargetGroupTuple};
        let tuple = |colour: &str, weight: i32| {
            let group = self.id(&format!("target_group.web[\"{colour}\"]"));
            TargetGroupTuple::builder().target_group_arn(group).weight(weight).build()
        };
        let forward = ForwardActionConfig::builder();
        let forward = forward.target_groups(tuple("blue", blue)).target_groups(tuple("green", green)).build();
        let action = Action::builder().r#type("forward".into()).forward_config(forward).build();
        tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
            let modify = self.product.cloud().await.elbv2.modify_listener();
            modify
                .listener_arn(self.id("listener.http"))
                .default_actions(action)
                .send()
                .await
                .expect("it does");
        });
    }

    fn id(&self, address: &str) -> String {
        let shown = self.run("show", &["--json"]).exits(0).out;
        let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
        let all = shown["resources"].as_array().expect("resources");
        let found = all.iter().find(|one| one["address"] == address).and_then(|one| one["id"].as_str());
        found.unwrap_or_else(|| panic!("{address} in {shown:#}")).to_owned()
    }
}

/// The share of a release, in percent.
#[allow(clippy::cast_precision_loss, reason = "a few thousand")]
fn share(tally: &Tally, release: &str) -> f64 {
    100.0 * tally.releases.get(release).copied().unwrap_or_default() as f64 / tally.sent as f64
}

/// Ships 2.0 by a canary of 25% and goes back to 1.0, under connections all the time; the tally of the
/// whole, and of what came while 25% were held.
fn there_and_back(scene: &Scene) -> [Tally; 2] {
    let all = scene.connections();
    let mut under = scene.begin("2.0");
    under.until("green has 25% of the traffic");
    let held = scene.connections();
    std::thread::sleep(Duration::from_secs(4));
    let held = held.end();
    under.until("green has 100% of the traffic");
    under.end().exits(0).says("web: 2.0 is live on green. blue stands by until");
    assert_eq!(scene.releases(), ["2.0"]);
    scene.run("rollback", &["--auto-approve"]).exits(0).says("web: 1.0 is live on blue. green stands by");
    all.mark();
    std::thread::sleep(Duration::from_millis(500));
    let all = all.end();
    for tally in [&all, &held] {
        none_failed(tally);
    }
    println!(
        "{} connections, {} failed; {} while 25% were held, {:.1}% of them to green",
        all.sent,
        all.failed.len(),
        held.sent,
        share(&held, "2.0")
    );
    assert!((17.0..33.0).contains(&share(&held, "2.0")), "{held:?}");
    assert!(all.late.keys().eq(["1.0"]), "{all:?}");
    [all, held]
}

#[test]
fn a_canary_goes_there_and_back_through_a_network_load_balancer() {
    let scene = over_tcp(&super::canary(25, "6s"));
    scene.stands("1.0");
    // A connection that stands stays where it is, whatever becomes of the weights.
    let mut kept = None;
    assert_eq!(get(scene.address(), "/", true, &mut kept).expect("an answer").release, "1.0");
    there_and_back(&scene);
    assert_eq!(get(scene.address(), "/", true, &mut kept).expect("an answer").release, "1.0");
    // One call moves the traffic: three times there, once back.
    assert_eq!((scene.calls("ModifyListener"), scene.calls("CreateRule")), (3, 0));
    scene.run("status", &[]).exits(0).says("100%").says("2 of 2 healthy");
    scene.run("retire", &["--now"]).exits(0).says("green with 2.0 is emptied");
    assert_eq!(scene.releases(), ["1.0"]);
    scene.run("destroy", &["--auto-approve", "--var", "release=1.0"]).exits(0);
}

#[test]
fn a_canary_goes_there_and_back_through_what_a_listener_does_by_default() {
    let gate = "\n  preview {\n    header = { \"X-Preview\" = \"next\" }\n  }\n\n  gate \"smoke\" {\n    at = \
                \"before_shift\"\n    http {\n      path = \"/\"\n      body = \"hello from ${var.release}\"\n    }\n  }\n";
    let scene = over_http(&format!("{}{gate}", super::canary(25, "6s")));
    scene.stands("1.0");
    let rules = || (scene.calls("CreateRule"), scene.calls("DeleteRule"));
    // The first release has passed its gate by a preview as well.
    assert_eq!(rules(), (1, 1));
    there_and_back(&scene);
    // The preview came and went, last of all rules.
    assert_eq!(rules(), (2, 2));
    scene.run("destroy", &["--auto-approve", "--var", "release=1.0"]).exits(0);
}

#[test]
fn weights_of_a_listener_that_somebody_moved_are_shown_and_stop_the_release() {
    let scene = over_tcp(&super::canary(25, "8s"));
    scene.apply("2.0").exits(0);
    scene.move_weights(40, 60);
    scene.run("status", &[]).exits(0).says("40%").says("was changed from outside");
    let plan = ["--var", "release=2.0"];
    scene
        .run("plan", &plan)
        .exits(0)
        .says("~ listener.http  the traffic was moved from outside, and this plan moves it again");
    scene.apply("2.0").exits(1).says("the traffic of `listener.http` was moved from outside");
    let accept = [Scene::arguments("2.0").as_slice(), &["--accept-drift".to_owned()]].concat();
    scene.product.run(&accept.iter().map(String::as_str).collect::<Vec<_>>()).exits(0);
    assert_eq!(scene.releases(), ["2.0"]);

    let mut under = scene.begin("3.0");
    under.until("blue has 25% of the traffic");
    scene.move_weights(90, 10);
    under.end().exits(6).says("changed the weights of `listener.http`: blue has 90%");
    // What somebody did is left, until somebody decides.
    assert_eq!(scene.releases(), ["2.0", "3.0"]);
    scene.run("abort", &[]).exits(0).says("3.0 was taken back");
    assert_eq!(scene.releases(), ["2.0"]);

    let mut under = scene.begin("3.0");
    under.until("blue has 25% of the traffic");
    scene.abort();
    under.end().exits(5).says("green has all traffic again");
    scene.stands("2.0");
}

#[test]
fn traffic_goes_from_a_rule_to_the_default_action_under_load() {
    let scene = Scene::of("  strategy \"blue_green\" {\n    retire_after = 10m\n  }\n");
    let load = Load::on(&scene.url, 1, 1);
    std::thread::sleep(Duration::from_millis(500));
    scene.rewrite(NOT_FOUND, "");
    let stack = std::fs::read_to_string(scene.product.path(STACK)).expect("the stack");
    let (before, rest) = stack.split_once("  listener_rule {").expect("a rule");
    let (_, after) = rest.split_once("\n  }\n\n").expect("its end");
    let block = "  listener {\n    listener = listener.http\n  }\n\n";
    scene.product.write(STACK, &format!("{before}{block}{after}"));
    scene.apply("1.0").exits(0).says("updated listener.http").says("deleted listener_rule.web");
    std::thread::sleep(Duration::from_millis(500));
    none_failed(&load.end());
    scene.stands("1.0");
}
