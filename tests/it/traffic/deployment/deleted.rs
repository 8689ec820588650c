//! What a deployment is made of is deleted past bgform: it is made again as it was, for the release that it was of.

use super::ends::{rule_of, with_group};
use super::{STACK, Scene, canary, side_by_side};
use crate::kit::load::get;

fn delete_rule(scene: &Scene) {
    let (arn, _) = rule_of(&scene.product);
    with_group(&scene.product, "blue", async |cloud, _| {
        cloud.elbv2.delete_rule().rule_arn(&arn).send().await.expect("it is deleted");
    });
}

fn roll_back(scene: &Scene) {
    scene.product.run(&["rollback", STACK, "--auto-approve"]).exits(0).says("1.0 is live on blue");
    let address = scene.url.trim_start_matches("http://").trim_end_matches('/');
    for _ in 0..20 {
        assert_eq!(get(address, "/", false, &mut None).expect("an answer").release, "1.0");
    }
}

/// Nothing answers, and whoever goes back need not find out first why.
fn the_rule() {
    let scene = Scene::of(&canary(25, "1s"));
    scene.apply("2.0").exits(0);
    delete_rule(&scene);
    roll_back(&scene);
    scene.stands("1.0");
}

/// The next apply makes it again, and has nothing to do after that.
fn the_rule_for_an_apply() {
    let scene = Scene::of(&canary(25, "1s"));
    delete_rule(&scene);
    scene.apply("1.0").exits(0);
    scene.stands("1.0");
}

/// The newest version of the template is the other colour's release by now.
fn the_group_that_stands_by() {
    let scene = Scene::of(&canary(25, "1s"));
    scene.apply("2.0").exits(0);
    with_group(&scene.product, "blue", async |cloud, name| {
        let delete = cloud.autoscaling.delete_auto_scaling_group().auto_scaling_group_name(name);
        delete.force_delete(true).send().await.expect("it is deleted");
    });
    let run = scene.apply("2.0").exits(0);
    assert!(run.out.contains("create autoscaling_group.web[\"blue\"]"), "{}", run.out);
    roll_back(&scene);
}

#[test]
fn what_was_deleted_is_made_again_as_it_was() {
    side_by_side(&[
        ("rule", &the_rule),
        ("apply", &the_rule_for_an_apply),
        ("group", &the_group_that_stands_by),
    ]);
}
