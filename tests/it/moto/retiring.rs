//! The end of an old colour, on moto: what may empty it by itself, what may not be emptied, and what
//! goes on after it.

use std::process::Stdio;

use crate::kit::wire::{Moment, is_read};
use crate::moto::deployment::Service;

/// The scheduled actions that stand on a colour's group.
async fn scheduled(service: &Service, colour: &str) -> usize {
    let group = service.id(&format!("autoscaling_group.web[\"{colour}\"]"));
    let actions = service.cloud().await.autoscaling.describe_scheduled_actions();
    let actions = actions.auto_scaling_group_name(group).send().await.unwrap();
    actions.scheduled_update_group_actions().len()
}

/// Ships, killed by SIGKILL around the mutating call of this number.
fn killed(service: &Service, release: &str, call: usize, moment: Moment) {
    let release = format!("release={release}");
    let arguments = ["apply", "service.deploy", "--auto-approve", "--var", &release];
    let mut command = service.product.command(&arguments);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    assert!(service.product.wire.kill(child, call, moment), "it had ended before");
}

/// However an apply is cut short around the call that has AWS empty the old colour: who goes back to
/// it gets one that nothing empties.
#[tokio::test]
async fn a_colour_that_gets_traffic_again_is_emptied_by_nobody() {
    let service = Service::new();
    service.ships("1.0");
    service.ships("2.0");
    service.product.wire.take();
    service.ships("3.0");
    let calls = service.product.wire.take();
    let calls: Vec<&String> = calls.iter().filter(|call| !is_read(call)).collect();
    let schedules = calls.iter().position(|call| *call == "PutScheduledUpdateGroupAction").unwrap();
    for moment in [Moment::BeforeIt, Moment::BeforeItsAnswer, Moment::AfterItsAnswer] {
        // 3.0 is on blue, and 2.0 stands by on green.
        killed(&service, "4.0", schedules, moment);
        assert_eq!(service.weights().await, [0, 100], "{moment:?}");
        let abort = service.product.run(&["abort", "service.deploy"]).exits(0);
        abort.says("web: 4.0 was taken back; 3.0 on blue carries all traffic");
        assert_eq!(service.weights().await, [100, 0], "{moment:?}");
        assert_eq!(service.sizes("blue").await, [2, 4, 2], "{moment:?}");
        assert_eq!(scheduled(&service, "blue").await, 0, "{moment:?}");
        // The same number of calls the next time: green is emptied first again.
        service.ships("2.0");
        service.ships("3.0");
    }
}

#[tokio::test]
async fn a_colour_that_somebody_gave_weight_is_not_emptied_and_rollback_overrules_them() {
    let service = Service::new();
    service.ships("1.0");
    service.ships("2.0");
    service.move_weights(10, 90).await;
    service
        .product
        .run(&["retire", "--now", "service.deploy"])
        .exits(1)
        .says("blue has 10% and should have 0%; it was left as it is");
    assert_eq!(service.sizes("blue").await, [2, 4, 2]);
    // State has green at 100%, so that a plan from state alone would see nothing to go back from.
    service.move_weights(100, 0).await;
    service.product.run(&["rollback", "service.deploy"]).exits(0).says("web: 1.0 is live on blue");
    assert_eq!(service.weights().await, [100, 0]);
}

/// What was made larger since the release was raised stays as large.
#[tokio::test]
async fn a_live_fleet_that_has_grown_is_not_made_smaller_with_the_end_of_the_other() {
    let service = Service::new();
    service.ships("1.0");
    service.ships("2.0");
    let larger = [("max_size = 4", "max_size = 12")];
    service.says(&larger);
    service.ships("2.0");
    let group = service.id("autoscaling_group.web[\"green\"]");
    let scaling = service.cloud().await.autoscaling;
    scaling.set_desired_capacity().auto_scaling_group_name(group).desired_capacity(9).send().await.unwrap();
    service.product.run(&["retire", "--now", "service.deploy"]).exits(0);
    assert_eq!(service.sizes("blue").await, [0, 0, 0]);
    let [_, max, desired] = service.sizes("green").await;
    assert!(desired == 9 && max >= 9, "{max} {desired}");
    service.ships("2.0");
    assert_eq!(service.sizes("green").await, [2, 12, 9]);
}

/// A release whose old colour is gone goes on, and is not taken back by what comes after that.
#[tokio::test]
async fn what_comes_after_the_end_of_the_old_colour_is_tried_again() {
    let service = Service::new();
    service.ships("1.0");
    let contracts = (
        "    retire_after = 1h\n  }\n",
        "    retire_after = 0s\n  }\n\n  gate \"contract\" {\n    at      = \"after_retire\"\n    command = [\"test\", \
         \"-f\", \"contracted\"]\n  }\n",
    );
    service.says(&[contracts]);
    let run = service.run("apply", "2.0", &[]).exits(6);
    run.says("web: 2.0 is held where it is.").says("gate \"contract\" did not pass");
    assert_eq!(service.sizes("blue").await, [0, 0, 0]);
    assert_eq!((service.weights().await, service.sizes("green").await), ([0, 100], [2, 4, 2]));
    service.product.write("contracted", "");
    service.ships("2.0").says("gate \"contract\" passed").says("web: 2.0 is live on green.");
    assert_eq!((service.weights().await, service.sizes("green").await), ([0, 100], [2, 4, 2]));
}

/// The gate that is irreversible closes each way back, also where it has failed half way.
#[tokio::test]
async fn nothing_goes_back_behind_a_gate_that_cannot_be_taken_back() {
    let service = Service::new();
    service.ships("1.0");
    let gate = |command: &str| {
        format!(
            "  strategy \"blue_green\"  {{\n    retire_after = 1h\n  }}\n\n  gate \"drop column\" {{\n    at           = \
             \"after_shift\"\n    irreversible = true\n    command      = [\"{command}\"]\n  }}\n"
        )
    };
    let old = "  strategy \"blue_green\" {\n    retire_after = 1h\n  }\n";
    service.says(&[(old, &gate("false"))]);
    let held = service.run("apply", "2.0", &[]).exits(6).says("web: 2.0 is held where it is.");
    held.says("gate \"drop column\" is irreversible, and there is no way back from it");
    let refused = "irreversible";
    service.product.run(&["abort", "service.deploy"]).exits(1).says(refused);
    service.product.run(&["rollback", "service.deploy"]).exits(1).says(refused);
    for release in ["1.0", "3.0"] {
        service.run("apply", release, &["--supersede"]).exits(1).says("is irreversible and was begun");
    }
    assert_eq!(service.weights().await, [0, 100]);
    service.says(&[(old, &gate("true"))]);
    service.ships("2.0").says("web: 2.0 is live on green.");
    // It stands by, and is no way back all the same.
    service.run("apply", "1.0", &[]).exits(1).says("so that nothing goes back to 1.0");
    assert_eq!(service.weights().await, [0, 100]);
    service.ships("3.0").says("web: 3.0 is live on blue.");
}
