//! A release on the live colour that is led from another terminal, with an apply running and without.

use std::time::Duration;

use rustix::process::Signal;

use super::{begun, in_place_slowly, none_failed, rolling_slowly, side_by_side};
use crate::traffic::deployment::Scene;
use crate::traffic::deployment::commands::{answers, status, type_in};

/// No value of a variable is known to those who lead.
fn without_variables(scene: Scene) -> Scene {
    scene.rewrite("  default = \"1.0\"\n", "");
    scene
}

fn aborted(scene: &Scene) {
    let load = scene.load();
    let under = begun(scene);
    type_in(scene, &["status"])
        .exits(0)
        .says("way back: blue's instances with 2.0 are replaced by ones of the old release");
    type_in(scene, &["abort"]).exits(0).says("has taken it");
    under.end().exits(5).says("2.0 was taken back; 1.0 on blue carries all traffic");
    none_failed(&load.end());
    answers(scene, "1.0");
    scene.stands("1.0");
}

fn aborted_where_no_apply_runs(scene: &Scene, command: &str) {
    let load = scene.load();
    let under = begun(scene);
    under.signal(Signal::KILL);
    under.end();
    type_in(scene, &[command]).exits(0).says("2.0 was taken back; 1.0 on blue carries all traffic");
    none_failed(&load.end());
    answers(scene, "1.0");
    scene.stands("1.0");
}

fn rolling_is_paused_and_promoted() {
    let scene = without_variables(rolling_slowly());
    let load = scene.load();
    let mut under = begun(&scene);
    type_in(&scene, &["pause"]).exits(0).says("has taken it");
    under.until("a refresh cannot be paused at AWS, so this one is cancelled");
    under.until("paused; `bgform promote` goes on");
    assert_eq!(status(&scene)["rollout"]["course"], "paused");
    // Nothing goes on meanwhile.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(scene.releases(), ["1.0", "2.0"]);
    assert_eq!(scene.calls("StartInstanceRefresh"), 1);
    type_in(&scene, &["promote"]).exits(0).says("has taken it");
    under.end().exits(0).says("2.0 is live on blue");
    assert_eq!((scene.calls("StartInstanceRefresh"), scene.calls("CancelInstanceRefresh")), (2, 1));
    none_failed(&load.end());
    scene.stands("2.0");
}

fn rolling_is_paused_and_promoted_where_no_apply_runs() {
    let scene = without_variables(rolling_slowly());
    let load = scene.load();
    let under = begun(&scene);
    under.signal(Signal::KILL);
    under.end();
    type_in(&scene, &["pause"]).exits(0).says("Its instance refresh is cancelled");
    let mut under = scene.begin("2.0");
    under.until("paused; `bgform promote` goes on");
    under.signal(Signal::TERM);
    under.end().exits(4);
    assert_eq!(scene.calls("StartInstanceRefresh"), 1);
    type_in(&scene, &["promote"]).exits(0).says("the next `bgform apply` of 2.0 goes on at once");
    scene.apply("2.0").exits(0);
    none_failed(&load.end());
    scene.stands("2.0");
}

fn in_place_is_paused_and_promoted() {
    let scene = without_variables(in_place_slowly());
    let load = scene.load();
    let mut under = scene.begin("2.0");
    under.until_so("a command", || scene.calls("SendCommand") == 1);
    type_in(&scene, &["pause"]).exits(0).says("has taken it");
    under.until("the batch under way is ended first");
    under.until("paused; `bgform promote` goes on");
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!((scene.calls("EnterStandby"), scene.calls("ExitStandby")), (1, 1));
    under.signal(Signal::TERM);
    under.end().exits(4);
    let mut under = scene.begin("2.0");
    under.until("paused; `bgform promote` goes on");
    type_in(&scene, &["promote"]).exits(0).says("has taken it");
    under.end().exits(0).says("2.0 is live on blue");
    none_failed(&load.end());
    scene.stands("2.0");
}

#[test]
fn what_goes_to_the_live_colour_is_aborted() {
    side_by_side(&[
        ("rolling", &|| aborted(&without_variables(rolling_slowly()))),
        ("in place", &|| aborted(&without_variables(in_place_slowly()))),
        ("rolling, no apply", &|| aborted_where_no_apply_runs(&without_variables(rolling_slowly()), "abort")),
        ("in place, no apply", &|| {
            aborted_where_no_apply_runs(&without_variables(in_place_slowly()), "rollback")
        }),
    ]);
}

#[test]
fn what_goes_to_the_live_colour_is_paused_and_promoted() {
    side_by_side(&[
        ("rolling", &rolling_is_paused_and_promoted),
        ("rolling, no apply", &rolling_is_paused_and_promoted_where_no_apply_runs),
        ("in place", &in_place_is_paused_and_promoted),
    ]);
}
