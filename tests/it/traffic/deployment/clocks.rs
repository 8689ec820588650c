//! Releases by a machine whose clock is wrong, or jumps in the middle: they ship, and their old colour is emptied
//! when it is to be.

use super::ends::with_group;
use super::{Scene, canary};
use crate::kit::product::Run;
use crate::kit::wall_clock::WallClock;

const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;

/// In how many seconds the colour is emptied.
fn retires_in(scene: &Scene, colour: &str) -> i64 {
    let mut at = 0;
    with_group(&scene.product, colour, async |cloud, name| {
        let asked = cloud.autoscaling.describe_scheduled_actions().auto_scaling_group_name(name).send().await;
        let actions = asked.expect("an answer").scheduled_update_group_actions.unwrap_or_default();
        at = actions[0].start_time().expect("a time").secs();
    });
    at - bgform::clock::now().as_second()
}

#[test]
fn a_wrong_clock_is_told_and_changes_nothing() {
    let scene = Scene::of(&canary(25, "1s"));
    let clock = WallClock::in_folder(scene.product.folder.path());
    let ships = |release: &str, at_first: i64, then: i64| -> Run {
        clock.jump(at_first);
        let arguments = Scene::arguments(release);
        let mut command = scene.product.command(&arguments.each_ref().map(String::as_str));
        clock.given_to(&mut command);
        let mut under = scene.product.begin_as(&mut command);
        under.until("has 25% of the traffic");
        clock.jump(then);
        under.end().exits(0)
    };
    let told = |run: &Run| run.err.matches("The clock of this machine is").count();

    let run = ships("2.0", DAY, DAY).says("The clock of this machine is 24h ahead of that of AWS");
    assert_eq!(told(&run), 1, "{}", run.err);
    let within = |colour: &str| {
        let seconds = retires_in(&scene, colour);
        assert!((1..=10 * 60).contains(&seconds), "{colour} in {seconds} s");
    };
    within("blue");
    ships("3.0", -HOUR, -HOUR).says("The clock of this machine is 1h behind that of AWS");
    within("green");
    // In the middle, there and back.
    ships("4.0", 0, DAY).says("24h ahead of");
    within("blue");
    let run = ships("5.0", DAY, 0);
    assert_eq!(told(&run), 1, "{}", run.err);
    within("green");
    scene.stands("5.0");
}
