//! Deployments beside each other, fleets that grow meanwhile, and rollouts that people hold up.

use std::time::Duration;

use bgform::rollout::mailbox::Message;
use rustix::process::Signal;

use super::{Scene, canary, deployment, none_failed, side_by_side};
use crate::kit::load::get;

/// `api` fails its gate once it has all traffic; `web` ships all the same.
fn one_fails_and_the_other_ships() {
    let gate = "  gate \"smoke\" {\n    at      = \"after_shift\"\n    command = [\"false\"]\n  }\n";
    let api = deployment("api", "var.release", "/healthz", 5, &canary(25, "2s"));
    let web = deployment("web", "var.release", "/*", 10, &canary(25, "2s"));
    let scene = Scene::with(&format!("{api}{web}"));
    let gated = deployment("api", "var.release", "/healthz", 5, &format!("{}{gate}", canary(25, "2s")));
    scene.rewrite(&api, &gated);
    let load = scene.load();
    scene
        .apply("2.0")
        .exits(5)
        .says("api: 2.0 was taken back; 1.0 on blue carries all traffic. Why: gate \"smoke\" did not pass: `false` ended with")
        .says("deployment.api: green has 100% of the traffic")
        .says("deployment.api: blue has all traffic again")
        .says("web: 2.0 is live on green");
    let tally = load.end();
    none_failed(&tally);
    let address = scene.url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    for (path, release) in [("/healthz", "1.0"), ("/", "2.0")] {
        assert_eq!(get(&address, path, false, &mut None).expect("an answer").release, release);
    }
    // Without the gate, the one that is behind follows, and nothing else is done.
    scene.rewrite(&gated, &api);
    let run = scene.apply("2.0").exits(0).says("api: 2.0 is live on green");
    assert!(!run.out.contains("web: "), "{}", run.out);
    scene.stands("2.0");
}

/// Somebody, or a scaling policy, makes the live fleet larger: the new one follows before it gets more.
fn the_live_colour_grows() {
    let strategy = "  strategy \"canary\" {\n    steps        = [25%]\n    interval     = 4s\n    retire_after = 10m\n  }\n";
    let scene = Scene::of(strategy);
    let load = scene.load();
    let mut under = scene.begin("2.0");
    under.until("green has 25% of the traffic");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let cloud = scene.product.cloud().await;
        let groups = cloud.autoscaling.describe_auto_scaling_groups().send().await.expect("groups");
        let names = groups.auto_scaling_groups().iter().filter_map(|group| group.auto_scaling_group_name());
        let blue = names.into_iter().find(|name| name.contains("blue")).expect("blue");
        let grow = cloud.autoscaling.set_desired_capacity().auto_scaling_group_name(blue).desired_capacity(3);
        grow.send().await.expect("it grows");
    });
    under.end().exits(0).says("green grows to 3 instances, as many as blue has by now");
    none_failed(&load.end());
    scene.stands("2.0");
}

/// `on_failure = "hold"`: it stays where it is, and the next apply tries that step again.
fn held_where_it_failed() {
    let gate = "  on_failure = \"hold\"\n  gate \"ready\" {\n    at      = \"before_shift\"\n    command = [\"test\", \"-f\", \"ready\"]\n  }\n";
    let scene = Scene::of(&format!("{}{gate}", canary(25, "2s")));
    // The first release is shipped behind the same gate.
    let load = scene.load();
    std::fs::remove_file(scene.product.path("ready")).expect("it was there");
    for _ in 0..2 {
        scene
            .apply("2.0")
            .exits(6)
            .says("web: 2.0 is held where it is. Why: gate \"ready\" did not pass: `test` ended with exit status: 1")
            .says("Traffic: 1.0 on blue 100%. `bgform apply --var release=2.0` tries the failed step again, `bgform promote` goes on");
    }
    scene.product.write("ready", "");
    scene
        .apply("2.0")
        .exits(0)
        .says("was held (gate \"ready\" did not pass")
        .says("web: 2.0 is live on green");
    none_failed(&load.end());
    scene.stands("2.0");
}

/// A pause outlives the process that it was given to.
fn paused_until_promoted() {
    let scene = Scene::of(&canary(25, "2s"));
    let load = scene.load();
    let mut under = scene.begin("2.0");
    under.until("green has 25% of the traffic");
    scene.put("web", &Message::Pause);
    std::thread::sleep(Duration::from_secs(4));
    assert!(!under.said().contains("green has 100%"), "{}", under.said());
    under.signal(Signal::KILL);
    under.end();
    let mut under = scene.begin("2.0");
    under.until("paused; `bgform promote` goes on, `bgform abort` goes back");
    std::thread::sleep(Duration::from_secs(2));
    assert!(!under.said().contains("green has 100%"), "{}", under.said());
    scene.put("web", &Message::Promote);
    under.end().exits(0).says("promoted").says("web: 2.0 is live on green");
    none_failed(&load.end());
}

/// A soak of an hour that somebody ends.
fn promoted_out_of_an_hour() {
    let scene = Scene::of(&canary(25, "1h"));
    let load = scene.load();
    let mut under = scene.begin("2.0");
    under.until("green has 25% of the traffic");
    scene.put("web", &Message::Promote);
    under.end().exits(0).says("web: 2.0 is live on green");
    none_failed(&load.end());
}

/// One of the old colour's instances is ill: the way back does not wait for it.
fn back_though_the_old_colour_is_not_whole() {
    let scene = Scene::of(&canary(25, "1h"));
    let mut under = scene.begin("2.0");
    under.until("green has 25% of the traffic");
    let address = scene.url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let bodies = std::iter::repeat_with(|| get(&address, "/", false, &mut None).expect("an answer").body);
    let blue = bodies.take(100).find(|body| body.starts_with("hello from 1.0")).expect("blue answers");
    let ill = blue.split(' ').find(|word| word.starts_with("i-")).expect("an instance").to_owned();
    scene.fault(&format!("never-healthy={ill}"));
    std::thread::sleep(Duration::from_secs(12));
    let load = scene.load();
    scene.abort();
    under.until("blue has all traffic again");
    under.end().exits(5);
    none_failed(&load.end());
    scene.stands("1.0");
}

#[test]
fn rollouts_keep_apart_and_follow_what_happens_meanwhile() {
    side_by_side(&[
        ("two deployments", &one_fails_and_the_other_ships),
        ("growth", &the_live_colour_grows),
        ("hold", &held_where_it_failed),
        ("pause", &paused_until_promoted),
        ("a way back to what is not whole", &back_though_the_old_colour_is_not_whole),
        ("promote", &promoted_out_of_an_hour),
    ]);
}
