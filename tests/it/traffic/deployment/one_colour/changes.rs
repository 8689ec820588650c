//! From one strategy to another, and the way back from a release that took another one's place.

use super::{DATA, DEPLOYMENT, IN_PLACE, ROLLING, none_failed, rolling_slowly, scene, ships, side_by_side};
use crate::traffic::deployment::commands::{answers, status, type_in};
use crate::traffic::deployment::{STACK, Scene};

const BLUE_GREEN: &str = "strategy \"blue_green\" {\n    retire_after = 10m\n  }";
const CANARY: &str =
    "strategy \"canary\" {\n    steps        = [25%]\n    interval     = 2s\n    retire_after = 10m\n  }";

/// The stack with this strategy from now on.
fn by(scene: &Scene, strategy: &str) {
    let stack = std::fs::read_to_string(scene.product.path(STACK)).expect("the stack");
    let (before, rest) = stack.split_once("  strategy ").expect("a strategy");
    let (_, after) = rest.split_once("\n  }\n").expect("its end");
    scene.product.write(STACK, &format!("{before}  {strategy}\n{after}"));
}

/// Nothing is left to be done, and nothing has changed but by bgform.
fn stands_unchanged(scene: &Scene, release: &str) {
    let plan = scene.product.run(&["plan", STACK, "--var", &format!("release={release}")]).exits(0);
    assert!(!plan.out.contains("Changed outside"), "{}", plan.out);
    scene.stands(release);
}

/// Ships 2.0, 3.0 and so on, each by the next strategy, and goes back from the last.
fn one_after_the_other(strategies: &[&str], back: bool) {
    let (first, rest) = strategies.split_first().expect("a strategy");
    let data = "if [ ! -f release ]; then echo ${var.release} > release; fi";
    let scene = Scene::with(&DEPLOYMENT.replace("KIND", first).replace("DATA", data));
    let mut last = "1.0".to_owned();
    for (number, strategy) in rest.iter().enumerate() {
        by(&scene, strategy);
        let release = format!("{}.0", number + 2);
        println!("{last} -> {release} by {strategy}");
        let (_, tally) = ships(&scene, &release, 0, &release);
        none_failed(&tally);
        assert!(tally.releases.keys().eq([&last, &release]), "{tally:?}");
        last = release;
    }
    if back {
        let before = format!("{}.0", strategies.len() - 1);
        let load = scene.load();
        type_in(&scene, &["rollback", "--auto-approve"]).exits(0).says(&format!("{before} is live on"));
        none_failed(&load.end());
        answers(&scene, &before);
        // In place the commands are part of what ships.
        by(&scene, strategies[strategies.len() - 2]);
        let run = scene.apply(&before).exits(0);
        assert!(!run.out.contains("live →") && !run.out.contains("Changed outside"), "{}", run.out);
        scene.stands(&before);
    }
    scene.product.run(&["destroy", STACK, "--auto-approve"]).exits(0);
}

#[test]
fn strategies_follow_each_other_in_any_order() {
    side_by_side(&[
        ("1", &|| one_after_the_other(&[BLUE_GREEN, BLUE_GREEN, ROLLING, CANARY, IN_PLACE], true)),
        ("2", &|| one_after_the_other(&[IN_PLACE, ROLLING, IN_PLACE, BLUE_GREEN, ROLLING], true)),
        ("3", &|| one_after_the_other(&[ROLLING, CANARY, IN_PLACE, ROLLING, BLUE_GREEN], true)),
    ]);
}

/// The release before comes back to the instances' place, after asking, from the state alone.
fn taken_back(strategy: &str, data: &str) {
    let scene = scene(strategy, data);
    scene.rewrite("  default = \"1.0\"\n", "");
    type_in(&scene, &["rollback"]).exits(2).says("has had no release before 1.0");
    scene.apply("2.0").exits(0);
    type_in(&scene, &["status"])
        .exits(0)
        .says("way back: blue's instances are replaced by ones of 1.0 (`bgform rollback`)");
    type_in(&scene, &["rollback", "--to", "0.9"]).exits(2).says("neither colour has it");
    type_in(&scene, &["rollback"])
        .exits(2)
        .says("2.0 on blue, live → 1.0 there as well, rollback")
        .says("roll blue's instances back to 1.0 by an instance refresh")
        .says("Pass --auto-approve");
    let load = scene.load();
    type_in(&scene, &["rollback", "--auto-approve"]).exits(0).says("1.0 is live on blue");
    none_failed(&load.end());
    answers(&scene, "1.0");
    stands_unchanged(&scene, "1.0");
    assert_eq!(status(&scene)["live"], "blue");
    type_in(&scene, &["history"]).exits(0).says("taken back:").says("went back to 1.0");
    let (_, tally) = ships(&scene, "2.0", 0, "2.0");
    none_failed(&tally);
}

/// The way back is cut short, and gone to its end by the same command; or given up.
fn taken_back_in_two_goes(signal: rustix::process::Signal, then: &[&str], stands: &str) {
    // Slow enough that it is not at its end before the second command has looked.
    let slow = DEPLOYMENT.replace("default_instance_warmup = 0s", "default_instance_warmup = 5s");
    let scene = Scene::with(&slow.replace("KIND", ROLLING).replace("DATA", DATA));
    scene.apply("2.0").exits(0);
    let load = scene.load();
    let started = scene.calls("StartInstanceRefresh");
    let mut under = scene.begin_with(&["rollback", STACK, "--auto-approve"]);
    under.until_so("a refresh", || {
        scene.calls("StartInstanceRefresh") > started && scene.releases().len() == 2
    });
    under.signal(signal);
    let run = under.end();
    assert!([4, -1].contains(&run.code), "{}\n{}", run.out, run.err);
    type_in(&scene, then).exits(0);
    // The same refresh was gone on with.
    assert_eq!(scene.calls("StartInstanceRefresh"), started + 1);
    none_failed(&load.end());
    answers(&scene, stands);
    stands_unchanged(&scene, stands);
}

/// What is on instances that carry traffic is not given up for another release just so.
fn not_superseded() {
    let scene = rolling_slowly();
    let load = scene.load();
    let under = super::begun(&scene);
    under.signal(rustix::process::Signal::KILL);
    under.end();
    let arguments = ["apply", STACK, "--auto-approve", "--supersede", "--var", "release=3.0"];
    scene
        .product
        .run(&arguments)
        .exits(1)
        .says("is on instances of the live colour already")
        .says("bgform abort");
    type_in(&scene, &["abort"]).exits(0);
    scene.apply("3.0").exits(0);
    none_failed(&load.end());
    scene.stands("3.0");
}

#[test]
fn a_release_that_took_the_place_of_another_is_taken_back() {
    use rustix::process::Signal;
    side_by_side(&[
        ("rolling", &|| taken_back(ROLLING, DATA)),
        ("in place", &|| taken_back(IN_PLACE, ":")),
        ("interrupted", &|| taken_back_in_two_goes(Signal::INT, &["rollback"], "1.0")),
        ("killed", &|| taken_back_in_two_goes(Signal::KILL, &["rollback"], "1.0")),
        ("given up", &|| taken_back_in_two_goes(Signal::KILL, &["abort"], "2.0")),
        ("superseded", &not_superseded),
    ]);
}
