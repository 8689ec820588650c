//! The sandbox's clock, driven by hand: an hour passes in a moment.

use std::time::Duration;

use aws_sdk_autoscaling::primitives::DateTime;
use bgform::clock::{self, Clock};

use crate::kit::local::Local;
use crate::moto::autoscaling_group::template;
use crate::moto::conformance::World;

const HOUR: Duration = Duration::from_secs(3600);

/// The instances in service of the group, as the API says.
async fn in_service(world: &World) -> usize {
    let answer = world.cloud.autoscaling.describe_auto_scaling_groups().send().await.expect("groups");
    let instances = answer.auto_scaling_groups()[0].instances();
    instances
        .iter()
        .filter(|one| one.lifecycle_state().is_some_and(|state| state.as_str() == "InService"))
        .count()
}

/// Lets `step` of the sandbox's time pass again and again until so many are in service.
async fn until(world: &World, clock: &Clock, step: Duration, wanted: usize) {
    for _ in 0..200 {
        if in_service(world).await == wanted {
            return;
        }
        clock.advance(step);
        // What real processes do takes real time.
        clock::sleep(Duration::from_millis(50)).await;
    }
    panic!("{} in service, not {wanted}", in_service(world).await);
}

#[tokio::test]
async fn a_retirement_an_hour_from_now_comes_when_the_clock_says() {
    let clock = Clock::manual();
    let local = Local::with(&[], clock.clone());
    let world = World::through(&local.endpoint).await;
    let template = template(&world, 1).await;
    let launch = aws_sdk_autoscaling::types::LaunchTemplateSpecification::builder()
        .launch_template_id(&template)
        .version("1")
        .build();
    let group = world.cloud.autoscaling.create_auto_scaling_group().auto_scaling_group_name("web");
    let group = group.launch_template(launch).min_size(2).max_size(2).desired_capacity(2);
    group.vpc_zone_identifier(world.subnets().await.join(",")).send().await.expect("a group");
    until(&world, &clock, Duration::from_millis(200), 2).await;

    let at = DateTime::from_secs((clock.now().as_second()) + 3600);
    let retire = world.cloud.autoscaling.put_scheduled_update_group_action().auto_scaling_group_name("web");
    let retire = retire.scheduled_action_name("retire").start_time(at);
    retire.min_size(0).max_size(0).desired_capacity(0).send().await.expect("an action");
    clock.advance(HOUR - Duration::from_secs(60));
    clock::sleep(Duration::from_millis(300)).await;
    assert_eq!(in_service(&world).await, 2, "a minute before");
    clock.advance(Duration::from_secs(61));
    until(&world, &clock, Duration::from_millis(200), 0).await;
}
