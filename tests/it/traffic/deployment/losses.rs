//! What is lost while a release is on its way: instances of the new colour, and the bgform that ships it while a
//! gate's command runs.

use bgform::rollout::mailbox::Message;
use rustix::process::Signal;

use super::ends::with_group;
use super::{STACK, Scene, canary, none_failed, side_by_side};
use crate::kit::product::Product;

const GREEN: &str = "green has 25% of the traffic";

/// Ends so many instances of green, and tells the group nothing.
fn lose(product: &Product, many: usize) {
    with_group(product, "green", async |cloud, name| {
        let asked = cloud.autoscaling.describe_auto_scaling_groups().auto_scaling_group_names(name);
        let groups = asked.send().await.expect("an answer");
        let lost: Vec<String> = groups.auto_scaling_groups()[0]
            .instances()
            .iter()
            .take(many)
            .filter_map(|instance| instance.instance_id().map(str::to_owned))
            .collect();
        cloud.ec2.terminate_instances().set_instance_ids(Some(lost)).send().await.expect("they end");
    });
}

/// Ten instances, and a hold in which some are lost.
fn of_ten(more: &str) -> Scene {
    let strategy = canary(25, "20s").replace("    interval", &format!("{more}    interval"));
    let scene = Scene::of(&strategy);
    scene.rewrite("min_size                  = 2", "min_size                  = 10");
    scene.rewrite("max_size                  = 6", "max_size                  = 20");
    scene.apply("1.0").exits(0);
    scene
}

fn loses(scene: &Scene, many: usize) -> crate::kit::product::Run {
    let mut under = scene.begin("2.0");
    under.until(GREEN);
    lose(&scene.product, many);
    under.end()
}

/// The group puts one of ten back, and the release goes on; two of them are too many, unless the strategy says
/// how many may be lost.
fn one_of_ten() {
    let scene = of_ten("");
    loses(&scene, 1).exits(0).says("2.0 is live on green");
    scene.stands("2.0");
}

fn two_of_ten() {
    let scene = of_ten("");
    let mut under = scene.begin("2.0");
    under.until(GREEN);
    // Those that come in their place are none that anybody could count on.
    scene.fault("never-healthy=ship-web-green*");
    lose(&scene.product, 2);
    under.end().exits(5).says("of 10 in service").says("90% of 10 have to be");
    scene.stands("1.0");
}

fn two_of_ten_by_wish() {
    let scene = of_ten("min_healthy = 60%\n");
    loses(&scene, 2).exits(0).says("2.0 is live on green");
}

/// The command outlives a bgform that is killed; the next one waits for it and starts none beside it.
#[test]
fn a_command_that_outlives_bgform_is_waited_for() {
    let gate = r#"
  gate "migrate" {
    at      = "before_shift"
    command = ["sh", "-c", "echo begins >> ran; until test -e go; do sleep 0.05; done; echo ends >> ran"]
  }
"#;
    let scene = Scene::of(&canary(25, "1s"));
    scene.rewrite("  strategy", &format!("{gate}\n  strategy"));
    let ran = || std::fs::read_to_string(scene.product.path("ran")).unwrap_or_default();
    let mut killed = scene.begin("2.0");
    killed.until_so("a command that runs", || ran() == "begins\n");
    killed.signal(Signal::KILL);
    killed.end();
    let mut next = scene.begin("2.0");
    next.until("left behind still runs on this machine");
    assert_eq!(ran(), "begins\n");
    scene.product.write("go", "");
    next.end().exits(0).says("2.0 is live on green");
    assert_eq!(ran(), "begins\nends\nbegins\nends\n");
}

/// A release with a preview is given up for another one, while it has traffic and before it has any.
#[test]
fn a_release_with_a_preview_is_superseded() {
    let preview = "  preview {\n    header = { \"X-Preview\" = \"next\" }\n  }\n";
    let scene = Scene::of(&(canary(25, "10m") + preview));
    let load = scene.load();
    for (old, next, seen) in [("2.0", "3.0", GREEN), ("4.0", "5.0", "updated autoscaling_group")] {
        let mut under = scene.begin(old);
        under.until(seen);
        under.signal(Signal::KILL);
        under.end();
        let apply = ["apply", STACK, "--auto-approve", "--supersede", "--var", &format!("release={next}")];
        let mut under = scene.begin_with(&apply);
        under.until("% of the traffic");
        scene.put("web", &Message::Promote);
        under.end().exits(0).says(&format!("{next} is live"));
        scene.stands(next);
    }
    none_failed(&load.end());
}

#[test]
fn lost_instances_are_borne_as_far_as_the_strategy_says() {
    side_by_side(&[
        ("one of ten", &one_of_ten),
        ("two of ten", &two_of_ten),
        ("two of ten, by wish", &two_of_ten_by_wish),
    ]);
}
