//! What somebody changes past bgform holds no release up, and is told as long as it is there.

use aws_sdk_elasticloadbalancingv2::types::TargetDescription;
use bgform::cloud::Cloud;

use super::ends::{move_by_hand, with_group};
use super::gone::Shop;
use super::{Scene, canary, side_by_side};

/// The instances of a colour's group that are in service.
async fn in_service(cloud: &Cloud, group: &str) -> Vec<String> {
    let groups = cloud.autoscaling.describe_auto_scaling_groups().auto_scaling_group_names(group).send();
    let groups = groups.await.expect("groups");
    let members = groups.auto_scaling_groups()[0].instances().iter();
    let serving = members.filter(|one| one.lifecycle_state().is_some_and(|it| it.as_str() == "InService"));
    serving.filter_map(|one| one.instance_id().map(str::to_owned)).collect()
}

/// 1.0 is live and its image gone; one of its instances has ended, and its sizes are others.
fn wounded(strategy: &'static str) {
    let (shop, own) = Shop::first(strategy);
    shop.deregister(&own);
    with_group(&shop.product, "blue", async |cloud, name| {
        let ids = in_service(cloud, name).await;
        cloud.ec2.terminate_instances().instance_ids(&ids[0]).send().await.expect("it ends");
        let sizes = cloud.autoscaling.update_auto_scaling_group().auto_scaling_group_name(name);
        sizes.min_size(0).max_size(3).send().await.expect("they are changed");
    });
    shop.apply("2.0", &shop.base).exits(0).says("2.0 is live on");
    shop.apply("2.0", &shop.base).exits(0).says("Nothing to do");
}

fn a_colour_that_is_left() {
    wounded("  strategy \"blue_green\" {\n    retire_after = 10m\n  }\n");
}

fn a_colour_whose_instances_are_replaced() {
    wounded("  strategy \"rolling\" {\n    min_healthy = 50%\n  }\n");
}

/// Nobody answers: 1.0 has no instance and no image, and somebody has given weight to the empty colour.
fn a_colour_that_serves_nobody() {
    let (shop, own) = Shop::first("  strategy \"rolling\" {\n    min_healthy = 50%\n  }\n");
    shop.deregister(&own);
    with_group(&shop.product, "blue", async |cloud, name| {
        for id in in_service(cloud, name).await {
            cloud.ec2.terminate_instances().instance_ids(id).send().await.expect("it ends");
        }
    });
    move_by_hand(&shop.product, 25, 75);
    shop.apply_with("2.0", &shop.base, &["--accept-drift"]).exits(0).says("2.0 is live on");
    shop.apply("2.0", &shop.base).exits(0).says("Nothing to do");
}

#[test]
fn a_live_colour_that_cannot_come_up_again_holds_no_release_up() {
    side_by_side(&[
        ("left", &a_colour_that_is_left),
        ("replaced", &a_colour_whose_instances_are_replaced),
        ("nobody", &a_colour_that_serves_nobody),
    ]);
}

#[test]
fn a_way_back_that_was_deleted_with_its_image_is_told_and_fails_no_apply() {
    let (shop, own) = Shop::of("  strategy \"blue_green\" {\n    retire_after = 10m\n  }\n");
    with_group(&shop.product, "blue", async |cloud, name| {
        let delete = cloud.autoscaling.delete_auto_scaling_group().auto_scaling_group_name(name);
        delete.force_delete(true).send().await.expect("it is deleted");
    });
    shop.deregister(&own);
    shop.apply("2.0", &shop.base)
        .exits(0)
        .says(&format!("it was deleted, and its image {own} is gone: there is no way back to 1.0 any more"));
    shop.apply("2.0", &shop.base).exits(0).says("Nothing to do");
    shop.product.run(&["rollback", super::STACK]).exits(2).says("has had no release before 2.0");
    shop.apply("3.0", &shop.base).exits(0).says("3.0 is live on blue");
}

/// The settings of a colour that carries traffic are those of its release until the next one.
#[test]
fn a_health_check_that_was_changed_by_hand_is_shown_and_put_back() {
    let scene = Scene::of(&canary(25, "1s"));
    with_group(&scene.product, "blue", async |cloud, _| {
        let groups = cloud.elbv2.describe_target_groups().send().await.expect("groups");
        for group in groups.target_groups() {
            let modify =
                cloud.elbv2.modify_target_group().target_group_arn(group.target_group_arn().unwrap());
            modify.healthy_threshold_count(3).send().await.expect("it is changed");
        }
    });
    let run = scene.apply("1.0").exits(0).says("health_check.healthy_threshold");
    assert!(run.out.contains("update target_group.web[\"blue\"]"), "{}", run.out);
    scene.stands("1.0");
    // The file's own change waits for a release.
    scene.rewrite("healthy_threshold   = 2", "healthy_threshold   = 4");
    scene.apply("1.1").exits(0);
    scene.stands("1.1");
}

#[test]
fn a_target_that_was_deregistered_is_told_until_it_is_registered_again() {
    let scene = Scene::of(&canary(25, "1s"));
    let mut command = String::new();
    with_group(&scene.product, "blue", async |cloud, name| {
        let id = in_service(cloud, name).await.remove(0);
        let groups = cloud.autoscaling.describe_auto_scaling_groups().auto_scaling_group_names(name).send();
        let groups = groups.await.expect("groups");
        let arn = groups.auto_scaling_groups()[0].target_group_arns()[0].clone();
        let target = TargetDescription::builder().id(&id).build();
        let gone = cloud.elbv2.deregister_targets().target_group_arn(&arn).targets(target).send();
        gone.await.expect("it is deregistered");
        command = format!("aws elbv2 register-targets --target-group-arn {arn} --targets Id={id}");
    });
    for _ in 0..2 {
        scene.apply("1.0").exits(0).says("Nothing to do").says(&command);
    }
    let words: Vec<&str> = command.split_whitespace().collect();
    let (arn, id) = (words[4], words[6].trim_start_matches("Id="));
    with_group(&scene.product, "blue", async |cloud, _| {
        let target = TargetDescription::builder().id(id).build();
        let again = cloud.elbv2.register_targets().target_group_arn(arn).targets(target).send();
        again.await.expect("it is registered");
    });
    let run = scene.apply("1.0").exits(0).says("Nothing to do");
    assert!(!run.out.contains("register-targets"), "{}", run.out);
}

/// What stands by is emptied at its time, though somebody has deleted the schedule, alone or with its group.
#[test]
fn a_retirement_that_was_deleted_is_scheduled_again() {
    let scene = Scene::of(&canary(25, "1s"));
    scene.apply("2.0").exits(0);
    let actions = || {
        let mut all = Vec::new();
        with_group(&scene.product, "blue", async |cloud, name| {
            let actions = cloud.autoscaling.describe_scheduled_actions().auto_scaling_group_name(name).send();
            let actions = actions.await.expect("actions");
            let times = actions.scheduled_update_group_actions().iter();
            all.extend(times.map(|one| one.start_time().expect("a time").secs()));
        });
        all
    };
    let [at] = actions()[..] else { panic!("one retirement") };
    let again = || {
        let says = "nothing empties blue, which stands by; it is scheduled again for";
        let run = scene.apply("2.0").exits(0).says(says);
        assert!(!run.out.contains("Nothing to do"), "{}", run.out);
        assert_eq!(actions(), [at]);
        scene.stands("2.0");
    };
    with_group(&scene.product, "blue", async |cloud, name| {
        let delete = cloud.autoscaling.delete_scheduled_action().auto_scaling_group_name(name);
        delete.scheduled_action_name("bgform-retire").send().await.expect("it is deleted");
    });
    again();
    with_group(&scene.product, "blue", async |cloud, name| {
        let delete = cloud.autoscaling.delete_auto_scaling_group().auto_scaling_group_name(name);
        delete.force_delete(true).send().await.expect("it is deleted");
    });
    again();
}

/// The release is live and its image gone: what lacks an instance is told with what mends it.
#[test]
fn a_live_release_that_cannot_be_launched_again_is_told() {
    let (shop, own) = Shop::first("  strategy \"blue_green\" {\n    retire_after = 10m\n  }\n");
    shop.apply("1.0", "own").exits(0).says("Nothing to do");
    shop.deregister(&own);
    with_group(&shop.product, "blue", async |cloud, name| {
        let ids = in_service(cloud, name).await;
        cloud.ec2.terminate_instances().instance_ids(&ids[0]).send().await.expect("it ends");
        while in_service(cloud, name).await.contains(&ids[0]) {
            bgform::clock::sleep(std::time::Duration::from_millis(100)).await;
        }
    });
    let gone = format!("and its image {own} is gone, so that it launches none");
    shop.apply("1.0", "own")
        .exits(0)
        .says("1 of 2 in service")
        .says(&gone)
        .says("looked up again with --upgrade");
    shop.apply("1.0", &shop.base).exits(0).says("1.0 is live on green");
}

/// 2.0 was cut short while it was raised, and its group deleted, and its image: 3.0 does not wait for it.
#[test]
fn a_release_that_was_given_up_and_deleted_holds_the_next_one_up_by_nothing() {
    let (shop, own) = Shop::first("  strategy \"blue_green\" {\n    retire_after = 10m\n  }\n");
    shop.write(&own);
    let mut under = shop.product.begin(&["apply", super::STACK, "--auto-approve", "--var", "release=2.0"]);
    let wanted = || {
        let mut wanted = 0;
        with_group(&shop.product, "green", async |cloud, name| {
            let groups = cloud.autoscaling.describe_auto_scaling_groups().auto_scaling_group_names(name);
            let groups = groups.send().await.expect("groups");
            wanted = groups.auto_scaling_groups()[0].desired_capacity().unwrap_or_default();
        });
        wanted
    };
    under.until_so("a raise", || wanted() == 2);
    under.signal(rustix::process::Signal::KILL);
    under.end();
    with_group(&shop.product, "green", async |cloud, name| {
        let delete = cloud.autoscaling.delete_auto_scaling_group().auto_scaling_group_name(name);
        delete.force_delete(true).send().await.expect("it is deleted");
    });
    shop.deregister(&own);
    shop.apply_with("3.0", &shop.base, &["--supersede"]).exits(0).says("3.0 is live on green");
    shop.apply("3.0", &shop.base).exits(0).says("Nothing to do");
}
