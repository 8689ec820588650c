//! Services: deployments that roll, break, go back, drain.

use serde_json::json;

use super::kit::{DRAINS, World, text};
use crate::ecs::service::Breaker;

fn breaker(rollback: bool) -> serde_json::Value {
    json!({ "deploymentConfiguration": { "deploymentCircuitBreaker": { "enable": true, "rollback": rollback } } })
}

const OLD: &str = "bgform-hello:1.0";
const NEW: &str = "bgform-hello:2.0";

#[test]
fn a_service_comes_up_and_reaches_a_steady_state() {
    let mut world = World::new();
    world.serve(2, &json!({}));
    assert_eq!(world.web()["deployments"][0]["rolloutState"], "IN_PROGRESS");
    world.pass(3);
    let web = world.web();
    assert_eq!(
        (&web["runningCount"], &web["pendingCount"], &web["status"]),
        (&json!(2), &json!(0), &json!("ACTIVE"))
    );
    assert_eq!(web["deployments"][0]["rolloutState"], "COMPLETED");
    assert_eq!(world.serving(), [OLD, OLD]);
    let zones: std::collections::BTreeSet<_> =
        world.live().iter().map(|task| task.place.zone.clone()).collect();
    assert_eq!(zones.len(), 2, "they are in different zones");
    let said = world.said();
    assert!(said[0].contains("has started 2 tasks: (task "), "{said:#?}");
    assert!(said.iter().any(|one| one.contains("registered 1 targets in (target-group arn:")));
    assert_eq!(said.last().unwrap(), "(service web) has reached a steady state.");
    let count = said.len();
    world.pass(60);
    assert_eq!(world.said().len(), count, "what is steady says nothing");
}

#[test]
fn a_deployment_stays_within_its_percentages_and_drains_the_old_tasks() {
    for (least, most, desired) in [(100, 200, 2), (50, 100, 4), (100, 150, 4), (0, 100, 3)] {
        let mut world = World::new();
        let percent = json!({ "minimumHealthyPercent": least, "maximumPercent": most });
        world.serve(desired, &json!({ "deploymentConfiguration": percent }));
        world.pass(4);
        world.release(NEW);
        let (mut fewest, mut greatest, mut drained) = (desired, 0, 0);
        for _ in 0..200 {
            world.pass(1);
            fewest = fewest.min(world.serving().len());
            greatest = greatest.max(world.live().len());
            let draining = world.state.ecs.tasks.values().filter(|task| task.status.name() == "DEACTIVATING");
            drained = drained.max(draining.count());
        }
        assert!(fewest >= (desired * least).div_ceil(100), "{least}..{most}: {fewest} served");
        assert!(greatest <= desired * most / 100, "{least}..{most}: {greatest} were there");
        assert!(drained > 0, "{least}..{most}: no task drained");
        assert_eq!(world.serving(), vec![NEW; desired], "{least}..{most}");
        let web = world.web();
        assert_eq!(web["deployments"].as_array().unwrap().len(), 1);
        assert_eq!(web["deployments"][0]["rolloutState"], "COMPLETED");
    }
}

#[test]
fn an_old_task_ends_only_when_its_requests_have_had_their_time() {
    let mut world = World::new();
    world.serve(1, &json!({}));
    world.pass(4);
    let old = world.live()[0].arn.clone();
    world.release(NEW);
    world.pass(3);
    assert_eq!(world.serving(), [NEW]);
    let told = world.task(&json!(old));
    assert_eq!((&told["lastStatus"], &told["desiredStatus"]), (&json!("DEACTIVATING"), &json!("STOPPED")));
    assert_eq!(told["stopCode"], "ServiceSchedulerInitiated");
    let primary = text(&world.web()["deployments"][0]["id"]);
    assert_eq!(told["stoppedReason"], json!(format!("Scaling activity initiated by (deployment {primary})")));
    assert_eq!(world.web()["deployments"].as_array().unwrap().len(), 2, "it is not over yet");
    world.pass(DRAINS + 2);
    let told = world.task(&json!(old));
    assert_eq!((&told["lastStatus"], &told["containers"][0]["exitCode"]), (&json!("STOPPED"), &json!(143)));
    assert_eq!(world.web()["deployments"].as_array().unwrap().len(), 1);
    assert!(world.said().iter().any(|one| one.contains("has begun draining connections on 1 tasks.")));
}

#[test]
fn the_circuit_breaker_goes_back_to_what_was_completed() {
    let mut world = World::new();
    world.serve(2, &breaker(true));
    world.pass(4);
    world.exits.insert(NEW.to_owned(), 1);
    world.always = |world| {
        let web = world.state.ecs.services.values().next();
        let there = web
            .is_some_and(|web| web.deployments.len() > 1 || web.deployments.iter().any(|one| one.failed > 0));
        assert!(
            !there || world.serving().iter().filter(|image| *image == OLD).count() == 2,
            "the old ones serve"
        );
    };
    let old = text(&world.web()["deployments"][0]["id"]);
    world.release(NEW);
    let new = text(&world.web()["deployments"][0]["id"]);
    world.pass(40);
    let web = world.web();
    assert_eq!(web["deployments"].as_array().unwrap().len(), 1, "{web:#}");
    assert_eq!(
        (&web["deployments"][0]["id"], &web["deployments"][0]["rolloutState"]),
        (&json!(old), &json!("COMPLETED"))
    );
    assert!(text(&web["taskDefinition"]).ends_with("web:1"));
    let said = world.said().join("\n");
    assert!(
        said.contains(&format!("(service web) (deployment {new}) deployment failed: tasks failed to start.")),
        "{said}"
    );
    assert!(said.contains(&format!("(service web) rolling back to deployment {old}.")), "{said}");
    let stopped = world.call("ListTasks", json!({ "serviceName": "web", "desiredStatus": "STOPPED" }));
    let stopped = stopped["taskArns"].as_array().unwrap().clone();
    assert!((3..=4).contains(&stopped.len()), "three failures are the threshold: {stopped:?}");
    let told = world.task(&stopped[0]);
    assert_eq!(told["stoppedReason"], "Essential container in task exited");
    assert_eq!(
        (&told["stopCode"], &told["containers"][0]["exitCode"]),
        (&json!("EssentialContainerExited"), &json!(1))
    );
}

#[test]
fn without_a_way_back_a_failed_deployment_starts_nothing_more_and_the_old_tasks_serve_on() {
    let mut world = World::new();
    world.serve(2, &breaker(false));
    world.pass(4);
    world.release("nowhere:1");
    world.pass(60);
    let web = world.web();
    let primary = &web["deployments"][0];
    assert_eq!(
        (&primary["status"], &primary["rolloutState"]),
        (&json!("PRIMARY"), &json!("FAILED")),
        "{web:#}"
    );
    assert_eq!(primary["rolloutStateReason"], "ECS deployment circuit breaker: tasks failed to start.");
    assert_eq!((world.serving(), world.live().len()), (vec![OLD.to_owned(); 2], 2));
    let stopped =
        world.call("ListTasks", json!({ "desiredStatus": "STOPPED" }))["taskArns"].as_array().unwrap().len();
    world.pass_by(20, 30);
    assert_eq!(
        world.call("ListTasks", json!({ "desiredStatus": "STOPPED" }))["taskArns"].as_array().unwrap().len(),
        stopped
    );
    assert_eq!(world.live().len(), 2);
    // A healthy release ends it.
    world.release(NEW);
    world.pass(DRAINS + 10);
    assert_eq!(world.serving(), [NEW, NEW]);
    assert_eq!(world.web()["deployments"].as_array().unwrap().len(), 1);
}

#[test]
fn without_a_breaker_it_tries_on_and_waits_longer_each_time() {
    let mut world = World::new();
    world.serve(1, &json!({}));
    world.pass(4);
    world.release("nowhere:1");
    world.pass_by(5, 120);
    let failed = world.web()["deployments"][0]["failedTasks"].as_u64().unwrap();
    assert!((4..=12).contains(&failed), "{failed} in ten minutes");
    world.pass_by(20, 180);
    let later = world.web()["deployments"][0]["failedTasks"].as_u64().unwrap();
    assert!((1..=6).contains(&(later - failed)), "{} in an hour", later - failed);
    assert_eq!(world.serving(), [OLD]);
    assert!(
        world.said().iter().any(|one| one.contains("is unable to consistently start tasks successfully"))
    );
}

#[test]
fn a_breakers_threshold_is_half_of_the_desired_tasks_between_3_and_200() {
    let breaker =
        |kind: &str, value| Breaker { rollback: false, reset: true, threshold: (kind.to_owned(), value) };
    let of = |desired| breaker("BOUNDED_PERCENT", 50).threshold(desired);
    assert_eq!([1, 6, 7, 25, 400, 800].map(of), [3, 3, 4, 13, 200, 200]);
    assert_eq!(breaker("COUNT", 7).threshold(100), 7);
    assert_eq!(breaker("UNBOUNDED_PERCENT", 50).threshold(1000), 500);
}

#[test]
fn within_its_grace_period_a_task_may_be_unhealthy() {
    let mut world = World::new();
    world.sick.push(OLD.to_owned());
    world.serve(1, &json!({ "healthCheckGracePeriodSeconds": 30 }));
    world.pass(29);
    assert_eq!(world.live().len(), 1);
    let first = world.live()[0].arn.clone();
    world.pass(5);
    assert_eq!(world.live().len(), 2, "its replacement comes first");
    world.pass(60);
    let told = world.task(&json!(first));
    assert_eq!(
        told["stoppedReason"],
        json!(format!("Task failed ELB health checks in (target-group {})", world.group))
    );
    assert!(
        world
            .said()
            .iter()
            .any(|one| one.contains(&format!("is unhealthy in (target-group {}) due to", world.group)))
    );
    world.sick.clear();
    world.pass(90);
    assert_eq!((world.serving().len(), world.live().len()), (1, 1));
}

#[test]
fn a_release_that_answers_badly_breaks_the_deployment() {
    let mut world = World::new();
    world.serve(2, &breaker(true));
    world.pass(4);
    world.sick.push(NEW.to_owned());
    world.release(NEW);
    for _ in 0..300 {
        world.pass(1);
        assert_eq!(world.serving(), [OLD, OLD]);
    }
    assert_eq!(world.web()["deployments"].as_array().unwrap().len(), 1);
    assert!(world.said().iter().any(|one| one.contains("rolling back to deployment")));
}

#[test]
fn a_task_that_ends_is_replaced_and_a_scale_changes_no_deployment() {
    let mut world = World::new();
    world.serve(2, &json!({}));
    world.pass(4);
    let deployment = text(&world.web()["deployments"][0]["id"]);
    let task = world.live()[0].clone();
    world.exits(&task.containers[0].machine(&task.id), 3);
    world.pass(5);
    assert_eq!(world.serving().len(), 2);
    assert_eq!(
        world.task(&json!(task.arn))["lastStatus"],
        "STOPPED",
        "nobody waits for requests to what is gone"
    );
    world.call("UpdateService", json!({ "service": "web", "desiredCount": 4 }));
    world.pass(5);
    assert_eq!(world.serving().len(), 4);
    world.call("UpdateService", json!({ "service": "web", "desiredCount": 1 }));
    world.pass(DRAINS + 5);
    assert_eq!((world.serving().len(), text(&world.web()["deployments"][0]["id"])), (1, deployment.clone()));
    world.call("UpdateService", json!({ "service": "web", "forceNewDeployment": true }));
    world.pass(DRAINS + 5);
    assert_ne!(text(&world.web()["deployments"][0]["id"]), deployment);
    assert_eq!(world.web()["deployments"][0]["rolloutState"], "COMPLETED");
}

#[test]
fn a_deleted_service_drains_and_is_inactive() {
    let mut world = World::new();
    world.serve(1, &json!({}));
    world.pass(4);
    assert_eq!(
        world.refused("DeleteCluster", json!({ "cluster": "default" })),
        "ClusterContainsServicesException: The Cluster cannot be deleted while Services are active."
    );
    assert_eq!(
        world.refused("DeleteService", json!({ "service": "web" })),
        "InvalidParameterException: The service cannot be stopped while it is scaled above 0."
    );
    assert_eq!(
        world.call("DeleteService", json!({ "service": "web", "force": true }))["service"]["status"],
        "DRAINING"
    );
    assert_eq!(world.call("ListServices", json!({}))["serviceArns"], json!([]));
    let definition = world.define(OLD, &json!({}));
    let again = json!({ "serviceName": "web", "taskDefinition": definition, "launchType": "FARGATE", "networkConfiguration": world.network() });
    assert_eq!(
        world.refused("CreateService", again.clone()),
        "InvalidParameterException: Unable to Start a service that is still Draining."
    );
    world.pass(DRAINS + 3);
    assert_eq!(world.web()["status"], "INACTIVE");
    assert!(text(&world.web()["taskDefinition"]).ends_with("web:1"), "what it was is still told");
    assert_eq!(
        world.refused("UpdateService", json!({ "service": "web", "desiredCount": 1 })),
        "ServiceNotActiveException: Service was not ACTIVE."
    );
    assert_eq!(
        world.refused("DeleteService", json!({ "service": "web" })),
        "ServiceNotFoundException: Service not found."
    );
    assert_eq!(world.call("CreateService", again)["service"]["status"], "ACTIVE");
    world.call("DeleteService", json!({ "service": "web" }));
    world.pass(5);
    assert_eq!(world.call("DeleteCluster", json!({ "cluster": "default" }))["cluster"]["status"], "INACTIVE");
    assert_eq!(world.refused("ListServices", json!({})), "ClusterNotFoundException: Cluster not found.");
}
