//! What people type while a release is on its way and after: each reaches the apply that runs or acts
//! by itself, without a variable of the stack.

use serde_json::Value as Json;

use super::{STACK, Scene, canary, none_failed, side_by_side};
use crate::kit::load::get;
use crate::kit::product::Run;

/// A stack whose variable has no value unless it is given.
fn scene(more: &str) -> Scene {
    let scene = Scene::of(more);
    scene.rewrite("  default = \"1.0\"\n", "");
    scene
}

pub fn type_in(scene: &Scene, command: &[&str]) -> Run {
    scene.product.run(&[command, &[STACK]].concat())
}

pub fn status(scene: &Scene) -> Json {
    let run = type_in(scene, &["status", "--json"]).exits(0);
    let document: Json = serde_json::from_str(&run.out).expect("JSON");
    document["deployments"][0].clone()
}

/// The release that answers now, asked often enough to see both.
pub fn answers(scene: &Scene, release: &str) {
    let address = scene.url.trim_start_matches("http://").trim_end_matches('/');
    for _ in 0..50 {
        let answer = get(address, "/", false, &mut None).expect("an answer");
        assert_eq!((answer.status, answer.release.as_str()), (200, release));
    }
}

/// The calls since `before` lines of the log: service and action.
fn calls_since(scene: &Scene, before: usize) -> Vec<String> {
    let calls = scene.product.local.as_ref().expect("a sandbox").calls();
    let action = |line: &str| line.split_whitespace().skip(2).take(2).collect::<Vec<_>>().join(" ");
    calls.lines().skip(before).map(action).collect()
}

fn calls(scene: &Scene) -> usize {
    calls_since(scene, 0).len()
}

/// Goes back with the old colour standing: what it calls until the traffic is back.
fn goes_back(scene: &Scene, from: &str, to: &str) -> Vec<String> {
    let load = scene.load();
    std::thread::sleep(std::time::Duration::from_millis(300));
    let before = calls(scene);
    let run = type_in(scene, &["rollback"]).exits(0);
    let all = calls_since(scene, before);
    load.mark();
    std::thread::sleep(std::time::Duration::from_millis(500));
    let tally = load.end();
    none_failed(&tally);
    assert!(tally.late.keys().eq([to]) && tally.releases.contains_key(from), "{tally:?}");
    run.says(&format!("{to} is live on blue"));
    answers(scene, to);
    let shift = all.iter().position(|call| call == "elbv2 ModifyRule").expect("a shift");
    let is_change = |call: &&String| !call.contains(" Describe");
    let to_balancer = |call: &&String| is_change(call) && call.starts_with("elbv2");
    assert_eq!(all.iter().filter(to_balancer).count(), 1, "{all:?}");
    assert!(shift <= 5, "{all:?}");
    all
}

fn the_old_colour_stands() {
    let scene = scene(&canary(25, "1s"));
    scene.apply("2.0").exits(0);
    let all = goes_back(&scene, "2.0", "1.0");
    let place = |wanted: &str| all.iter().position(|call| call == wanted).expect("a call");
    // A run that is cut short between the two leaves nothing that empties what has the traffic.
    assert!(place("autoscaling DeleteScheduledAction") < place("elbv2 ModifyRule"), "{all:?}");
    let now = status(&scene);
    assert_eq!((&now["live"], &now["retirement"]["colour"]), (&Json::from("blue"), &Json::from("green")));
    assert_eq!(now["colours"][0]["live_weight"], 100);
    // The file still says 2.0: what its apply would do is told.
    let plan = ["plan", STACK, "--var", "release=2.0"];
    scene
        .product
        .run(&plan)
        .exits(0)
        .says("2.0 was taken back at")
        .says("This ships it again, as a new rollout");
    type_in(&scene, &["history"]).exits(0).says("taken back:").says("went back to 1.0");
    type_in(&scene, &["rollback", "--to", "1.0"]).exits(0).says("Nothing to do");
    type_in(&scene, &["rollback", "--to", "0.9"]).exits(2).says("neither colour has it");
    scene.apply("2.0").exits(0);
    scene.stands("2.0");
}

fn its_retirement_is_due() {
    let scene = scene(&canary(25, "1s").replace("10m", "90s"));
    scene.apply("2.0").exits(0);
    let all = goes_back(&scene, "2.0", "1.0");
    let place = |wanted: &str| all.iter().position(|call| call == wanted).expect("a call");
    assert!(place("autoscaling DeleteScheduledAction") < place("elbv2 ModifyRule"), "{all:?}");
}

fn the_old_colour_is_retired() {
    let scene = scene(&canary(25, "1s"));
    type_in(&scene, &["rollback"]).exits(2).says("has had no release before 1.0");
    scene.apply("2.0").exits(0);
    type_in(&scene, &["retire"]).exits(2).says("pass --now");
    type_in(&scene, &["retire", "--now"]).exits(0).says("blue with 1.0 is emptied");
    type_in(&scene, &["retire", "--now"]).exits(0).says("blue is empty already");
    type_in(&scene, &["status"]).exits(0).says("way back: 1.0 on blue is raised again");
    type_in(&scene, &["rollback"])
        .exits(2)
        .says("raise blue to 2 instances of 1.0")
        .says("Pass --auto-approve");
    let load = scene.load();
    type_in(&scene, &["rollback", "--auto-approve", "--to", "1.0"]).exits(0).says("1.0 is live on blue");
    none_failed(&load.end());
    answers(&scene, "1.0");
    // What nobody declared is not in the state now, so that nothing of what is live would be replaced.
    let plan = scene.product.run(&["plan", STACK, "--var", "release=1.0"]).exits(0);
    assert!(!plan.out.contains("replace"), "{}", plan.out);
}

fn there_is_no_way_back() {
    let gate = "  gate \"contract\" {\n    at           = \"after_shift\"\n    command      = [\"true\"]\n    \
                irreversible = true\n  }\n";
    let scene = scene(&(canary(25, "1s") + gate));
    scene.apply("2.0").exits(0);
    let before = calls(&scene);
    type_in(&scene, &["rollback"]).exits(1).says("gate \"contract\" has passed, and it is irreversible");
    assert_eq!(calls_since(&scene, before), Vec::<String>::new());
    scene.stands("2.0");
}

fn paused_promoted_and_aborted() {
    let scene = scene(&canary(25, "2m"));
    for nothing in ["promote", "pause", "abort"] {
        type_in(&scene, &[nothing]).exits(1).says("no release of `web` is under way");
    }
    let load = scene.load();
    let mut under = scene.begin("2.0");
    under.until("green has 25% of the traffic");
    type_in(&scene, &["status"]).exits(0).says("hold 2m").says("then: shift 100%");
    type_in(&scene, &["pause"]).exits(0).says("has taken it");
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(status(&scene)["rollout"]["course"], "paused");
    type_in(&scene, &["retire", "--now"]).exits(1).says("release 2.0 of `web` is under way");
    type_in(&scene, &["promote"]).exits(0).says("has taken it");
    under.until("green has 100% of the traffic");
    under.end().exits(0).says("2.0 is live on green");
    scene.stands("2.0");
    let mut under = scene.begin("3.0");
    under.until("blue has 25% of the traffic");
    type_in(&scene, &["abort"]).exits(0).says("has taken it");
    under.end().exits(5).says("3.0 was taken back");
    none_failed(&load.end());
    answers(&scene, "2.0");
    let run = type_in(&scene, &["history", "--json"]).exits(0);
    let history: Json = serde_json::from_str(&run.out).expect("JSON");
    let ended: Vec<_> =
        history["shipped"].as_array().expect("a list").iter().map(|one| &one["ending"]).collect();
    assert_eq!(ended, ["aborted", "shipped", "shipped"]);
}

fn aborted_and_promoted_where_no_apply_runs() {
    let scene = scene(&canary(25, "2m"));
    let load = scene.load();
    let mut under = scene.begin("2.0");
    under.until("green has 25% of the traffic");
    under.signal(rustix::process::Signal::KILL);
    under.end();
    type_in(&scene, &["abort"]).exits(0).says("2.0 was taken back");
    answers(&scene, "1.0");
    let mut under = scene.begin("2.0");
    under.until("green has 25% of the traffic");
    under.signal(rustix::process::Signal::KILL);
    under.end();
    type_in(&scene, &["promote"]).exits(0).says("the next `bgform apply` of 2.0 goes on at once");
    scene.apply("2.0").exits(0);
    none_failed(&load.end());
    scene.stands("2.0");
}

fn approved() {
    let gate =
        "  gate \"go live\" {\n    at = \"before_shift\"\n    approval { message = \"is it good?\" }\n  }\n";
    let scene = scene(&canary(25, "1s"));
    scene.rewrite("  strategy", &format!("{gate}\n  strategy"));
    let mut under = scene.begin("2.0");
    under.until("updated autoscaling_group.web[\"green\"]");
    type_in(&scene, &["approve", "go life"]).exits(2).says("did you mean \"go live\"?");
    type_in(&scene, &["approve", "go live"]).exits(0).says("has taken it");
    under.end().exits(0).says("2.0 is live on green");
    scene.stands("2.0");
}

#[test]
fn a_release_that_is_live_is_taken_back() {
    side_by_side(&[
        ("standing", &the_old_colour_stands),
        ("due", &its_retirement_is_due),
        ("retired", &the_old_colour_is_retired),
        ("irreversible", &there_is_no_way_back),
    ]);
}

#[test]
fn a_rollout_is_led_from_another_terminal() {
    side_by_side(&[
        ("paused", &paused_promoted_and_aborted),
        ("nobody", &aborted_and_promoted_where_no_apply_runs),
        ("approved", &approved),
    ]);
}
