//! A state that was lost: nothing is made twice, and it is built again from what the account has.

use rustix::process::Signal;

use super::commands::{answers, type_in};
use super::{STACK, Scene, canary, none_failed};

fn rebuild(scene: &Scene, release: &str) -> crate::kit::product::Run {
    let release = format!("release={release}");
    scene.product.run(&["state", "rebuild", STACK, "--var", &release, "--auto-approve"])
}

fn lose(scene: &Scene) {
    std::fs::remove_dir_all(scene.product.path("state")).expect("a state");
}

/// After it the live release stays live, the one that stands by is gone back to, and the next one ships.
#[test]
fn a_lost_state_is_built_again_from_the_account() {
    let scene = Scene::of(&canary(25, "1s"));
    scene.apply("2.0").exits(0);
    lose(&scene);
    scene.apply("2.0").exits(1).says("there is no state for stack `ship`").says("`bgform state rebuild`");
    let load = scene.load();
    rebuild(&scene, "2.0")
        .exits(0)
        .says("web: 2.0 on green is live and has all traffic")
        .says("blue runs another release than the file's 2.0, which differs in launch_template.user_data")
        .says("web: version-1 on blue stands by with 2 instances");
    scene.stands("2.0");
    rebuild(&scene, "2.0").exits(0).says("Nothing of stack `ship` that the state lacks was found");
    type_in(&scene, &["rollback"]).exits(0).says("version-1 is live on blue");
    answers(&scene, "1.0");
    scene.apply("3.0").exits(0).says("3.0 is live on green");
    scene.stands("3.0");
    none_failed(&load.end());
}

/// A file of another release moves no traffic by itself: it ships as any release does.
#[test]
fn a_state_that_is_built_again_moves_no_traffic() {
    let scene = Scene::of(&canary(25, "1s"));
    scene.apply("2.0").exits(0);
    type_in(&scene, &["retire", "--now"]).exits(0);
    lose(&scene);
    let run = rebuild(&scene, "3.0").exits(0);
    run.says("web: version-2 on green is live and has all traffic");
    let plan = scene.product.run(&["plan", STACK, "--var", "release=3.0"]).exits(0);
    plan.says("web: version-2 on green, live → 3.0 on blue").says("- echo 2.0 > release");
    let load = scene.load();
    scene.apply("3.0").exits(0);
    scene.stands("3.0");
    none_failed(&load.end());
}

/// A strategy that keeps the colour goes on from there as well.
#[test]
fn a_state_that_is_built_again_rolls_on() {
    let scene = Scene::of("  strategy \"rolling\" {\n    min_healthy = 50%\n  }\n");
    lose(&scene);
    rebuild(&scene, "3.0").exits(0).says("web: version-1 on blue is live and has all traffic");
    let plan = scene.product.run(&["plan", STACK, "--var", "release=3.0"]).exits(0);
    plan.says("web: version-1 on blue, live → 3.0 there as well, rolling");
    lose(&scene);
    rebuild(&scene, "1.0").exits(0).says("web: 1.0 on blue is live and has all traffic");
    scene.stands("1.0");
}

/// Nobody can tell which of two colours with traffic is to be live; the one that then has all of it is.
#[test]
fn no_state_is_built_while_both_colours_have_traffic() {
    let scene = Scene::of(&canary(25, "10m"));
    let mut under = scene.begin("2.0");
    under.until("green has 25% of the traffic");
    under.signal(Signal::KILL);
    under.end();
    lose(&scene);
    rebuild(&scene, "1.0").exits(1).says("the live colour of `web` cannot be found out: blue 75%, green 25%");
    assert!(!scene.product.path("state").exists());
}
