//! What people ask of one deployment while an apply is at work on another, or has ended with this
//! one; and what an apply does that is about something else.

use std::time::Duration;

use bgform::facts::Course;
use bgform::rollout::mailbox::Message;
use bgform::state::{Change, Entry, Store};
use rustix::process::Signal;

use super::{GROUND, STACK, Scene, canary, deployment, none_failed, side_by_side};
use crate::kit::load::get;
use crate::kit::product::Run;

/// `api` is shipped by the variable, `web` by what the file says.
fn two(web: &str) -> Scene {
    let api = deployment("api", "var.release", "/healthz", 5, &canary(25, "2m"));
    let web = deployment("web", "local.web", "/*", 10, &format!("{}{web}", canary(25, "1s")));
    Scene::with(&format!("locals {{\n  web = \"1.0\"\n}}\n{api}{web}"))
}

fn type_in(scene: &Scene, command: &[&str]) -> Run {
    scene.product.run(&[command, &[STACK]].concat())
}

#[track_caller]
fn answers(scene: &Scene, path: &str, release: &str) {
    let address = scene.url.trim_start_matches("http://").trim_end_matches('/');
    for _ in 0..50 {
        let answer = get(address, path, false, &mut None).expect("an answer");
        assert_eq!((answer.status, answer.release.as_str()), (200, release));
    }
}

/// A release that was shipped before is gone back from while the other one is under way.
fn one_goes_back_while_another_ships() {
    let scene = two("");
    scene.rewrite("web = \"1.0\"", "web = \"2.0\"");
    scene.apply("1.0").exits(0).says("web: 2.0 is live on green");
    let mut under = scene.begin("2.0");
    under.until("deployment.api: green has 25% of the traffic");
    let load = scene.load();
    type_in(&scene, &["rollback", "--deployment", "web"]).exits(0).says("has taken it");
    under.until("deployment.web: blue has 100% of the traffic");
    std::thread::sleep(Duration::from_secs(1));
    none_failed(&load.end());
    answers(&scene, "/", "1.0");
    type_in(&scene, &["promote", "--deployment", "api"]).exits(0).says("has taken it");
    under
        .end()
        .exits(5)
        .says("api: 2.0 is live on green")
        .says("web: 2.0 was taken back; 1.0 on blue carries all traffic. Why:");
    answers(&scene, "/healthz", "2.0");
}

/// One that is held is neither waited for nor out of reach.
fn what_is_held_goes_back_while_another_ships() {
    let gate = "  on_failure = \"hold\"\n  gate \"ready\" {\n    at      = \"before_shift\"\n    command = [\"test\", \"-f\", \"ready\"]\n  }\n";
    let scene = two(gate);
    std::fs::remove_file(scene.product.path("ready")).expect("it was there");
    scene.rewrite("web = \"1.0\"", "web = \"2.0\"");
    let mut under = scene.begin("2.0");
    under.until("gate \"ready\" did not pass");
    under.until("deployment.api: green has 25% of the traffic");
    // Tried again where it is, and held once more.
    type_in(&scene, &["promote", "--deployment", "web"]).exits(0).says("has taken it");
    under.until("promoted");
    type_in(&scene, &["abort", "--deployment", "web"]).exits(0).says("has taken it");
    type_in(&scene, &["promote", "--deployment", "api"]).exits(0).says("has taken it");
    under
        .end()
        .exits(5)
        .says("api: 2.0 is live on green")
        .says("web: 2.0 was taken back; 1.0 on blue carries all traffic");
    answers(&scene, "/", "1.0");
    type_in(&scene, &["status"]).exits(0).says("web: 1.0 on blue, live");
}

/// What nobody took is not for the next release.
fn what_was_left_behind_is_dropped() {
    let gate = "  gate \"go\" {\n    at = \"before_shift\"\n    approval {}\n  }\n";
    let scene = Scene::of(&canary(25, "1s"));
    scene.rewrite("  strategy", &format!("{gate}\n  strategy"));
    let mut under = scene.begin("2.0");
    under.until("waiting for approval");
    under.signal(Signal::KILL);
    under.end();
    scene.put("web", &Message::Approve { gate: "go".to_owned() });
    scene.put("web", &Message::Abort { by: "ada@desk".to_owned() });
    type_in(&scene, &["abort"]).exits(0).says("2.0 was taken back");
    let mut under = scene.begin("3.0");
    under.until("`approve \"go\"` was meant for 2.0, as it stood then, and is dropped");
    under.until("waiting for approval");
    type_in(&scene, &["approve", "go"]).exits(0).says("has taken it");
    under.end().exits(0).says("3.0 is live on green");
    scene.stands("3.0");
}

/// A resource that nothing of the deployment needs.
const APART: &str = "\nsecurity_group \"apart\" {\n  vpc         = vpc.main\n  description = \"apart\"\n}\n";

/// A step that fails keeps neither the way back nor a rollout that does not need it.
fn what_fails_elsewhere_is_in_nobodys_way() {
    let scene = Scene::of(&canary(25, "2m"));
    let mut under = scene.begin("2.0");
    under.until("green has 25% of the traffic");
    under.signal(Signal::KILL);
    under.end();
    // The way back was begun, and cut short at once.
    let store = Store::at(scene.product.path("state/ship"));
    let lock = store.lock("test").expect("it is free");
    let snapshot = store.load().expect("it reads").expect("a state").snapshot;
    let mut facts = snapshot.deployments.get("web").expect("facts").clone();
    facts.rollout.as_mut().expect("a rollout").course =
        Course::Back { reason: "it burns".to_owned(), asked: true };
    let journal = store.begin_session(&lock, snapshot).expect("a session");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let change = Change::Deployment { name: "web".to_owned(), facts: Some(Box::new(facts)) };
    runtime.block_on(journal.append(Entry::Fact { change })).expect("it is written");
    drop((journal, lock));
    scene.rewrite(GROUND, &format!("{GROUND}{APART}"));
    scene.fault("error=CreateSecurityGroup:*");
    let load = scene.load();
    scene
        .apply("2.0")
        .exits(6)
        .says("could not create `security_group.apart`")
        .says("web: 2.0 was taken back; 1.0 on blue carries all traffic. Why: it burns");
    none_failed(&load.end());
    answers(&scene, "/", "1.0");

    // A release does not need it either, and one that does waits.
    scene.rewrite("interval     = 2m", "interval     = 1s");
    scene
        .apply("3.0")
        .exits(6)
        .says("could not create `security_group.apart`")
        .says("web: 3.0 is live on green");
    answers(&scene, "/", "3.0");
    let template = "    instance_type = \"t3.micro\"\n";
    scene.rewrite(template, &format!("{template}    security_groups = [security_group.apart]\n"));
    scene
        .apply("4.0")
        .exits(6)
        .says("web: 4.0 waits for `security_group.apart`, which was not made or changed")
        .says("Traffic: 3.0 on green 100%.");
    answers(&scene, "/", "3.0");
    scene.mend();
    scene.apply("4.0").exits(0).says("web: 4.0 is live on blue");
    scene.stands("4.0");
}

/// `--target` ships what it selects, and nothing else.
fn a_target_ships_nothing_else() {
    let scene = two("");
    scene.rewrite(GROUND, &format!("{GROUND}{APART}"));
    scene.rewrite("web = \"1.0\"", "web = \"2.0\"");
    let ships = |target: &str| {
        let release = "release=2.0";
        scene.product.run(&["apply", STACK, "--auto-approve", "--var", release, "--target", target]).exits(0)
    };
    let run = ships("security_group.apart");
    assert!(!run.out.contains("web: ") && !run.out.contains("api: "), "{}", run.out);
    for path in ["/", "/healthz"] {
        answers(&scene, path, "1.0");
    }
    let run = ships("listener_rule.web").says("web: 2.0 is live on green");
    assert!(!run.out.contains("api: "), "{}", run.out);
    answers(&scene, "/", "2.0");
    answers(&scene, "/healthz", "1.0");
}

#[test]
fn a_deployment_is_heard_whatever_else_is_under_way() {
    side_by_side(&[
        ("rollback", &one_goes_back_while_another_ships),
        ("held", &what_is_held_goes_back_while_another_ships),
        ("left behind", &what_was_left_behind_is_dropped),
    ]);
}

#[test]
fn an_apply_keeps_to_what_it_is_about() {
    side_by_side(&[
        ("fails elsewhere", &what_fails_elsewhere_is_in_nobodys_way),
        ("target", &a_target_ships_nothing_else),
    ]);
}
