//! Interrupts and kills at every step of a release on the live colour: the next apply goes on there,
//! and no request fails.
//!
//! `BGFORM_KILLS=all` tries every step with every signal, and every mutating call at each moment
//! around it; without it a few of them.

use std::time::Duration;

use rustix::process::Signal;

use super::{begun, in_place, in_place_slowly, none_failed, rolling, rolling_slowly, side_by_side};
use crate::kit::wire::{Counted, Moment};
use crate::traffic::deployment::cut_short::{Cut, SIGNALS, cut, goes_on};
use crate::traffic::deployment::ends::{rule_of, with_group};
use crate::traffic::deployment::{STACK, Scene};

/// Ships a release after the other, each cut short at another point.
fn converges(scene: &Scene, points: &[Cut]) {
    for (number, point) in points.iter().enumerate() {
        let release = format!("{}.0", number + 2);
        goes_on(scene, &release, *point);
        scene.stands(&release);
    }
}

const MS: fn(u64) -> Duration = Duration::from_millis;

/// Every signal at each of these points and a little later, and a kill around each of so many calls; a
/// few of all unless all are asked for. In as many stacks as stand side by side.
fn points(steps: &[fn(Duration, Signal) -> Cut], calls: usize, few: &[Cut]) -> Vec<Vec<Cut>> {
    if std::env::var("BGFORM_KILLS").as_deref() != Ok("all") {
        return few.chunks(3).map(<[Cut]>::to_vec).collect();
    }
    let signals = steps
        .iter()
        .flat_map(|step| SIGNALS.iter().flat_map(move |signal| [0, 900].map(|wait| step(MS(wait), *signal))));
    let moments = [Moment::BeforeIt, Moment::BeforeItsAnswer, Moment::AfterItsAnswer];
    let calls = (0..calls).flat_map(|call| moments.map(|moment| Cut::Around(call, moment)));
    let all: Vec<Cut> = signals.chain(calls).collect();
    all.chunks(8).map(<[Cut]>::to_vec).collect()
}

fn everywhere(points: &[Vec<Cut>], make: &(dyn Fn() -> Scene + Sync)) {
    for stacks in points.chunks(4) {
        let runs: Vec<_> = stacks.iter().map(|points| move || converges(&make(), points)).collect();
        let names: Vec<String> = stacks.iter().map(|points| format!("{points:?}")).collect();
        let scenes: Vec<(&str, &(dyn Fn() + Sync))> =
            names.iter().zip(&runs).map(|(name, run)| (name.as_str(), run as &(dyn Fn() + Sync))).collect();
        side_by_side(&scenes);
    }
}

#[test]
fn a_refresh_that_is_cut_short_anywhere_goes_on() {
    let steps: [fn(Duration, Signal) -> Cut; 5] = [
        |wait, signal| Cut::After("updated launch_template.web", wait, signal),
        |wait, signal| Cut::Called("StartInstanceRefresh", 1, wait, signal),
        |wait, signal| Cut::Called("StartInstanceRefresh", 1, MS(4000) + wait, signal),
        |wait, signal| Cut::After("updated autoscaling_group.web[", wait, signal),
        |wait, signal| Cut::After("gate \"smoke\" passed", wait, signal),
    ];
    let few = [
        steps[1](MS(300), Signal::TERM),
        steps[2](MS(0), Signal::KILL),
        Cut::Around(1, Moment::BeforeItsAnswer),
        Cut::Around(0, Moment::BeforeItsAnswer),
        steps[3](MS(0), Signal::INT),
    ];
    everywhere(&points(&steps, 2, &few), &rolling);
}

#[test]
fn a_release_in_place_that_is_cut_short_anywhere_goes_on() {
    let steps: [fn(Duration, Signal) -> Cut; 7] = [
        |wait, signal| Cut::Called("EnterStandby", 1, wait, signal),
        |wait, signal| Cut::Called("SendCommand", 1, wait, signal),
        |wait, signal| Cut::Called("SendCommand", 2, wait, signal),
        |wait, signal| Cut::Called("ExitStandby", 2, wait, signal),
        |wait, signal| Cut::After("carry the new release", wait, signal),
        |wait, signal| Cut::After("updated launch_template.web", wait, signal),
        |wait, signal| Cut::After("gate \"smoke\" passed", wait, signal),
    ];
    let few = [
        steps[1](MS(300), Signal::KILL),
        steps[4](MS(0), Signal::TERM),
        Cut::Around(1, Moment::BeforeItsAnswer),
        Cut::Around(2, Moment::BeforeItsAnswer),
        steps[0](MS(900), Signal::INT),
    ];
    everywhere(&points(&steps, 12, &few), &in_place);
}

/// What was sent before a kill goes on at Systems Manager, and is not sent again beside itself.
#[test]
fn commands_that_run_are_followed_and_not_sent_again() {
    let scene = in_place_slowly();
    let load = scene.load();
    let kill = Cut::Called("SendCommand", 1, MS(1000), Signal::KILL);
    let (_, again) = cut(&scene, "2.0", kill);
    again.exits(0);
    assert_eq!((scene.calls("SendCommand"), scene.calls("EnterStandby")), (3, 3));
    none_failed(&load.end());
    scene.stands("2.0");
    // The same release once more on the same instances is another rollout.
    scene.apply("3.0").exits(0);
    scene.apply("2.0").exits(0);
    assert_eq!(scene.calls("SendCommand"), 9);
    scene.stands("2.0");
}

/// An interrupt does not wait for what goes on at AWS by itself, and says that it does.
#[test]
fn an_interrupt_leaves_a_refresh_to_aws_and_the_next_apply_takes_it_up() {
    let scene = rolling_slowly();
    let load = scene.load();
    let under = begun(&scene);
    let began = bgform::clock::monotonic();
    under.signal(Signal::TERM);
    let run = under.end().exits(4);
    let took = bgform::clock::monotonic().saturating_sub(began);
    assert!(took < Duration::from_secs(5), "{took:?}");
    run.says("AWS goes on with the refresh by itself").says("`bgform abort` turns it round");
    scene.apply("2.0").exits(0);
    assert_eq!(scene.calls("StartInstanceRefresh"), 1);
    none_failed(&load.end());
    scene.stands("2.0");
}

/// The way back is cut short as well, and the next apply goes it to its end.
#[test]
fn a_way_back_on_the_live_colour_that_is_cut_short_is_gone_to_its_end() {
    let ends = |scene: Scene, text: &'static str, signal: Signal| {
        let load = scene.load();
        let mut under = begun(&scene);
        scene.abort();
        under.until(text);
        std::thread::sleep(MS(500));
        under.signal(signal);
        let code = under.end().code;
        assert!(code == 4 || code == -1, "{code}");
        let run = scene.apply("2.0").exits(5);
        run.says("web: 2.0 was taken back; 1.0 on blue carries all traffic. Why: ada@desk asked for it");
        none_failed(&load.end());
        scene.stands("1.0");
    };
    let (turned, back) = ("the refresh is turned round", "goes back to the release that it had");
    side_by_side(&[
        ("rolling killed", &|| ends(rolling_slowly(), turned, Signal::KILL)),
        ("rolling interrupted", &|| ends(rolling_slowly(), turned, Signal::INT)),
        ("in place killed", &|| ends(in_place_slowly(), back, Signal::KILL)),
        ("in place interrupted", &|| ends(in_place_slowly(), back, Signal::TERM)),
    ]);
}

/// Nothing is left to be turned round where the group was deleted: the release before is launched again.
#[test]
fn a_live_group_that_was_deleted_holds_no_way_back_up() {
    let goes = |scene: Scene, abort: bool| {
        let under = begun(&scene);
        under.signal(Signal::KILL);
        under.end();
        let (rule, _) = rule_of(&scene.product);
        with_group(&scene.product, "blue", async |cloud, name| {
            cloud.elbv2.delete_rule().rule_arn(&rule).send().await.expect("it is deleted");
            let delete = cloud.autoscaling.delete_auto_scaling_group().auto_scaling_group_name(name);
            delete.force_delete(true).send().await.expect("it is deleted");
        });
        if abort {
            let run = scene.product.run(&["abort", STACK]);
            println!("{}{}", run.out, run.err);
            run.exits(0).says("2.0 was taken back");
            scene.apply("1.0").exits(0);
            scene.stands("1.0");
        } else {
            scene.apply("2.0").exits(0);
            scene.stands("2.0");
        }
    };
    side_by_side(&[
        ("rolling, back", &|| goes(rolling_slowly(), true)),
        ("in place, back", &|| goes(in_place_slowly(), true)),
        ("rolling, on", &|| goes(rolling_slowly(), false)),
    ]);
}

/// The version that the live colour would go back to was deleted: the release goes on, or another takes its
/// place.
#[test]
fn a_release_without_a_way_back_goes_on_or_is_superseded() {
    let without = || {
        let scene = rolling_slowly();
        let under = begun(&scene);
        under.signal(Signal::KILL);
        under.end();
        with_group(&scene.product, "blue", async |cloud, _| {
            let templates = cloud.ec2.describe_launch_templates().send().await.expect("templates");
            let id = templates.launch_templates()[0].launch_template_id().expect("an id");
            let delete = cloud.ec2.delete_launch_template_versions().launch_template_id(id).versions("1");
            delete.send().await.expect("it is deleted");
        });
        scene
    };
    let goes_on = || {
        let scene = without();
        let run = scene.product.run(&["abort", STACK]);
        println!("{}{}", run.out, run.err);
        run.exits(6).says("there is no way back: version 1 of its launch template is gone");
        scene.apply("2.0").exits(0);
        scene.stands("2.0");
    };
    let is_superseded = || {
        let scene = without();
        scene.apply("3.0").exits(1).says("pass --supersede");
        let words = Scene::arguments("3.0");
        let words: Vec<&str> = words.iter().map(String::as_str).chain(["--supersede"]).collect();
        scene.product.run(&words).exits(0).says("3.0 is live on blue");
        scene.stands("3.0");
    };
    side_by_side(&[("on", &goes_on), ("superseded", &is_superseded)]);
}

/// An instance that somebody has taken out of the target group is told by the next plan, and is no reason to stay
/// half-way.
#[test]
fn a_target_that_was_deregistered_holds_no_way_back_up() {
    let scene = rolling_slowly();
    let words = Scene::arguments("2.0");
    let under = scene.begin_with(&words.each_ref().map(String::as_str));
    let refresh = Counted::Of("StartInstanceRefresh".to_owned());
    let killed = scene.product.wire.kill_around(under.child, refresh, 0, Moment::BeforeIt);
    killed.expect("it comes to the refresh");
    with_group(&scene.product, "blue", async |cloud, name| {
        let groups = cloud.autoscaling.describe_auto_scaling_groups().auto_scaling_group_names(name).send();
        let groups = groups.await.expect("groups");
        let group = &groups.auto_scaling_groups()[0];
        let id = group.instances()[0].instance_id().expect("an instance");
        let target = aws_sdk_elasticloadbalancingv2::types::TargetDescription::builder().id(id).build();
        let arn = group.target_group_arns()[0].clone();
        let gone = cloud.elbv2.deregister_targets().target_group_arn(arn).targets(target).send();
        gone.await.expect("it is deregistered");
    });
    scene.product.run(&["abort", STACK]).exits(0).says("2.0 was taken back");
    scene.apply("1.0").exits(0).says("aws elbv2 register-targets");
}
