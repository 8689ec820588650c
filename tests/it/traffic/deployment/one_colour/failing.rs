//! Releases that are not fit, in the colour that carries the traffic.

use super::{DATA, IN_PLACE, ROLLING, begun, in_place, none_failed, rolling, scene, ships, side_by_side};
use crate::traffic::deployment::Scene;

/// The lines that say why.
fn why(out: &str) -> &str {
    let at = out.find("Why:").expect("the cause");
    &out[at..]
}

fn rolling_never_healthy() {
    let scene = rolling();
    let (run, tally) = ships(&scene, "stuck", 5, "1.0");
    none_failed(&tally);
    assert_eq!(tally.releases.keys().collect::<Vec<_>>(), ["1.0"]);
    let run = run.says("no further instance became healthy");
    assert!(why(&run.out).contains("i-") && why(&run.out).contains("is unhealthy ("), "{}", run.out);
    assert_eq!(scene.calls("RollbackInstanceRefresh"), 1);
}

/// The new instances are healthy, and stop answering before the refresh is at its end.
fn rolling_falls_ill() {
    let scene = rolling();
    scene.rewrite("checkpoint_delay = 1s", "checkpoint_delay = 2m");
    let (run, tally) = ships(&scene, "flaky", 5, "1.0");
    let run = run.says("blue is not healthy under its share of the traffic: i-");
    assert!(why(&run.out).contains("is unhealthy ("), "{}", run.out);
    assert_eq!(scene.calls("RollbackInstanceRefresh"), 1);
    // Half of the instances had it.
    println!("{} of {} requests failed", tally.failed.len(), tally.sent);
    assert!(tally.failed.len() * 2 <= tally.sent, "{} of {}", tally.failed.len(), tally.sent);
}

fn in_place_never_healthy() {
    let scene = in_place();
    let (run, tally) = ships(&scene, "stuck", 5, "1.0");
    none_failed(&tally);
    assert_eq!(tally.releases.keys().collect::<Vec<_>>(), ["1.0"]);
    assert!(why(&run.out).contains("i-"), "{}", run.out);
}

/// In place, with more commands before the others; SHARED is a folder of all instances.
fn with_commands(shared: &std::path::Path, commands: &[&str]) -> Scene {
    let lines: String = commands.iter().map(|command| format!("\n      \"{command}\",")).collect();
    let strategy = IN_PLACE.replace("run = [", &format!("run = [{lines}"));
    scene(&strategy.replace("SHARED", &shared.display().to_string()), ":")
}

/// The commands fail on the second instance: the first gets the old release again.
fn in_place_commands_fail() {
    let shared = tempfile::tempdir().expect("a folder");
    let counts = "if [ ${var.release} = odd ]; then echo . >> SHARED/runs; if [ $(wc -l < SHARED/runs) = 2 ]; then echo \
                  cannot unpack odd; exit 1; fi; fi";
    let scene = with_commands(shared.path(), &[counts]);
    let (run, tally) = ships(&scene, "odd", 5, "1.0");
    none_failed(&tally);
    assert!(tally.releases.contains_key("odd"), "{tally:?}");
    let run = run.says("ended with Failed, exit code 1").says("cannot unpack odd");
    assert!(why(&run.out).contains("the commands on `i-"), "{}", run.out);
    // The one that failed, and the one before.
    assert_eq!(scene.calls("TerminateInstanceInAutoScalingGroup"), 2);
}

/// An instance that has the release stops answering while the next batch is on its way.
fn in_place_falls_ill() {
    let shared = tempfile::tempdir().expect("a folder");
    let slow = "if [ ${var.release} = flaky ] && [ -f service.pid ]; then sleep 14; fi";
    let ill = "if [ ${var.release} = flaky ]; then (sleep 16; while :; do kill -STOP $(cat service.pid); sleep 1; done) > \
               /dev/null 2>&1 & fi";
    let scene = with_commands(shared.path(), &[slow, ill]);
    let (run, tally) = ships(&scene, "flaky", 5, "1.0");
    run.says("blue is not healthy under its share of the traffic: i-").says("is unhealthy (");
    println!("{} of {} requests failed", tally.failed.len(), tally.sent);
    assert!(tally.failed.len() * 2 <= tally.sent, "{} of {}", tally.failed.len(), tally.sent);
}

/// An alarm that fires while instances are replaced takes the release back at once.
fn alarm(strategy: &str, data: &str) {
    let gate =
        "\n\n  gate \"errors\" {\n    at = \"shift\"\n    alarm {\n      names = [\"errors\"]\n    }\n  }";
    let scene = scene(&format!("{strategy}{gate}"), data);
    set_alarm(&scene, "OK");
    let load = scene.load();
    let mut under = begun(&scene);
    set_alarm(&scene, "ALARM");
    under.until("alarm `errors` is in ALARM");
    under.end().exits(5).says("gate \"errors\" did not pass: alarm `errors` is in ALARM");
    none_failed(&load.end());
    scene.stands("1.0");
}

/// Keeps the alarm's state until it is set again.
fn set_alarm(scene: &Scene, state: &str) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let cloudwatch = scene.product.cloud().await.cloudwatch;
        let alarm =
            cloudwatch.put_metric_alarm().alarm_name("errors").namespace("tests").metric_name("errors");
        let alarm = alarm.statistic("Sum".into()).period(60).evaluation_periods(1).threshold(1.0);
        let alarm = alarm.comparison_operator("GreaterThanThreshold".into()).treat_missing_data("ignore");
        alarm.send().await.expect("an alarm");
        let set = cloudwatch.set_alarm_state().alarm_name("errors").state_value(state.into());
        set.state_reason("a test").send().await.expect("its state");
    });
}

/// What failed stays for a person to look at, and once it is mended the next apply goes on with it.
fn held(scene: &Scene, mended: &std::path::Path) {
    scene.rewrite("  settle  = 1s\n", "  settle  = 1s\n  on_failure = \"hold\"\n");
    let load = scene.load();
    scene.apply("2.0").exits(6).says("2.0 is held where it is.");
    assert_eq!(scene.calls("RollbackInstanceRefresh"), 0);
    assert_eq!(scene.calls("TerminateInstanceInAutoScalingGroup"), 0);
    std::fs::File::create(mended).expect("a file");
    scene.apply("2.0").exits(0).says("was held").says("2.0 is live on blue");
    none_failed(&load.end());
    scene.stands("2.0");
}

fn rolling_is_held() {
    let shared = tempfile::tempdir().expect("a folder");
    let mended = shared.path().join("mended");
    let waits =
        "while [ ${var.release} = 2.0 ] && [ ! -f MENDED ]; do sleep 1; done; echo ${var.release} > release";
    held(&scene(ROLLING, &waits.replace("MENDED", &mended.display().to_string())), &mended);
}

fn in_place_is_held() {
    let shared = tempfile::tempdir().expect("a folder");
    let fails = "if [ ${var.release} = 2.0 ] && [ ! -f SHARED/mended ]; then exit 3; fi";
    held(&with_commands(shared.path(), &[fails]), &shared.path().join("mended"));
}

#[test]
fn what_is_not_fit_is_taken_off_the_live_colour_and_the_cause_is_told() {
    side_by_side(&[
        ("rolling, never healthy", &rolling_never_healthy),
        ("rolling, ill", &rolling_falls_ill),
        ("in place, never healthy", &in_place_never_healthy),
        ("in place, commands", &in_place_commands_fail),
        ("in place, ill", &in_place_falls_ill),
        ("rolling, alarm", &|| alarm(&ROLLING.replace("= 1s", "= 20s"), DATA)),
        ("in place, alarm", &|| alarm(&IN_PLACE.replace("sleep 1; fi", "sleep 4; fi"), ":")),
    ]);
}

#[test]
fn what_failed_on_the_live_colour_is_held_and_goes_on() {
    side_by_side(&[("rolling", &rolling_is_held), ("in place", &in_place_is_held)]);
}
