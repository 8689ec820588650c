//! Each strategy ships, and each goes back, with no failed request.

use super::{Scene, none_failed, side_by_side};

/// Ships 2.0, then begins to ship 3.0 and is told to go back once it has said `when`.
fn ships_and_goes_back(strategy: &str, when: &str) {
    let scene = Scene::of(strategy);
    let load = scene.load();
    scene.apply("2.0").exits(0).says("web: 2.0 is live on green. blue stands by until");
    load.mark();
    std::thread::sleep(std::time::Duration::from_millis(500));
    let tally = load.end();
    none_failed(&tally);
    assert!(tally.releases.contains_key("1.0") && tally.late.keys().eq(["2.0"]), "{tally:?}");
    scene.stands("2.0");

    let load = scene.load();
    let mut under = scene.begin("3.0");
    under.until(when);
    scene.abort();
    let run = under.end().exits(5);
    load.mark();
    std::thread::sleep(std::time::Duration::from_millis(500));
    let tally = load.end();
    none_failed(&tally);
    assert!(tally.releases.contains_key("3.0") && tally.late.keys().eq(["2.0"]), "{tally:?}");
    // The colours' target groups are never made again.
    let calls = scene.product.local.as_ref().expect("a sandbox").calls();
    assert_eq!(calls.matches("CreateTargetGroup ok").count(), 2, "{calls}");
    run.says("green has all traffic again")
        .says("web: 3.0 was taken back; 2.0 on green carries all traffic. Why: ada@desk asked for it");
    scene.stands("2.0");
}

#[test]
fn each_strategy_ships_and_goes_back_with_no_failed_request() {
    let blue_green = "  strategy \"blue_green\" {\n    retire_after = 10m\n  }\n";
    let overlap = "  strategy \"blue_green\" {\n    overlap      = 4s\n    retire_after = 10m\n  }\n";
    let linear = "  strategy \"linear\" {\n    step         = 40%\n    interval     = 2s\n    retire_after = 10m\n  }\n";
    let canary = super::canary(25, "3s");
    side_by_side(&[
        ("blue_green", &|| ships_and_goes_back(blue_green, "blue has 100% of the traffic")),
        ("blue_green with overlap", &|| ships_and_goes_back(overlap, "blue has 50% of the traffic")),
        ("canary", &|| ships_and_goes_back(&canary, "blue has 25% of the traffic")),
        ("linear", &|| ships_and_goes_back(linear, "blue has 80% of the traffic")),
    ]);
}
