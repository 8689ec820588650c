//! A service that is scaled by schedule, with a manual clock.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::api::direct;
use crate::pace::Pace;
use crate::state::{Network, State};
use crate::{application_autoscaling, ecs};

struct World {
    state: State,
    now: Timestamp,
}

const TARGET: [(&str, &str); 3] = [
    ("ServiceNamespace", "ecs"),
    ("ResourceId", "service/default/web"),
    ("ScalableDimension", "ecs:service:DesiredCount"),
];

impl World {
    /// At midnight of January 1, 1970, a Thursday, with a service of three tasks.
    fn new() -> Self {
        let now = Timestamp::UNIX_EPOCH;
        let state = State::new("us-east-1", Network::Addresses { octet: 31 }, Pace::default(), now);
        let mut world = Self { state, now };
        world.call("CreateCluster", json!({}));
        world.call(
            "RegisterTaskDefinition",
            json!({ "family": "web", "cpu": "256", "memory": "512", "networkMode": "awsvpc",
                "requiresCompatibilities": ["FARGATE"], "containerDefinitions": [{ "name": "web", "image": "bgform-hello" }] }),
        );
        let subnets: Vec<_> = world.state.ec2.subnets.keys().take(1).cloned().collect();
        world.call(
            "CreateService",
            json!({ "serviceName": "web", "taskDefinition": "web", "desiredCount": 3, "launchType": "FARGATE",
                "networkConfiguration": { "awsvpcConfiguration": { "subnets": subnets } } }),
        );
        world
    }

    fn asked(&mut self, action: &str, more: Value) -> Result<Value, String> {
        let mut params = more;
        if !["CreateCluster", "RegisterTaskDefinition", "CreateService"].contains(&action) {
            let all = params.as_object_mut().unwrap();
            all.extend(TARGET.map(|(name, value)| (name.to_owned(), json!(value))));
        }
        let services = [&application_autoscaling::SERVICE, &ecs::SERVICE];
        let mut state = self.state.clone();
        let answer = direct::call(&services, &mut state, self.now, action, params);
        let answer = answer.map_err(|refusal| format!("{}: {}", refusal.code, refusal.message))?;
        self.state = state;
        Ok(answer)
    }

    fn call(&mut self, action: &str, more: Value) -> Value {
        self.asked(action, more).unwrap_or_else(|refusal| panic!("{action}: {refusal}"))
    }

    fn pass(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
        application_autoscaling::tick(&mut self.state, self.now);
    }

    fn desired(&self) -> usize {
        self.state.ecs.services.values().next().unwrap().desired
    }

    fn plan(&mut self, schedule: &str, action: Value) {
        let params =
            json!({ "ScheduledActionName": "a", "Schedule": schedule, "ScalableTargetAction": action });
        self.call("PutScheduledAction", params);
    }
}

#[test]
fn a_target_holds_its_service_within_its_bounds() {
    let mut world = World::new();
    let bounds = |least: u32, most: u32| json!({ "MinCapacity": least, "MaxCapacity": most });
    assert!(
        world
            .asked("RegisterScalableTarget", json!({ "MinCapacity": 1 }))
            .unwrap_err()
            .starts_with("ValidationException")
    );
    assert!(world.asked("RegisterScalableTarget", bounds(3, 2)).is_err());
    let arn = world.call("RegisterScalableTarget", bounds(1, 2))["ScalableTargetARN"].clone();
    assert_eq!(world.desired(), 2);
    world.call("RegisterScalableTarget", bounds(5, 9));
    assert_eq!(world.desired(), 5);
    assert_eq!(world.call("RegisterScalableTarget", json!({ "MaxCapacity": 7 }))["ScalableTargetARN"], arn);
    let told = world.call("DescribeScalableTargets", json!({}))["ScalableTargets"][0].clone();
    assert_eq!((&told["MinCapacity"], &told["MaxCapacity"]), (&json!(5), &json!(7)));
    world.call("DeregisterScalableTarget", json!({}));
    let gone = world.asked("DeregisterScalableTarget", json!({})).unwrap_err();
    assert!(gone.starts_with("ObjectNotFoundException: No scalable target found"), "{gone}");
}

#[test]
fn an_action_at_a_time_runs_once_and_empties_the_service() {
    let mut world = World::new();
    let early = json!({ "ScheduledActionName": "a", "Schedule": "at(1970-01-01T00:10:00)", "ScalableTargetAction": { "MinCapacity": 0, "MaxCapacity": 0 } });
    assert!(world.asked("PutScheduledAction", early).unwrap_err().starts_with("ObjectNotFoundException"));
    world.call("RegisterScalableTarget", json!({ "MinCapacity": 3, "MaxCapacity": 3 }));
    world.plan("at(1970-01-01T00:10:00)", json!({ "MinCapacity": 0, "MaxCapacity": 0 }));
    assert_eq!(
        application_autoscaling::tick(&mut world.state, world.now),
        Some(Timestamp::from_second(600).unwrap())
    );
    world.pass(599);
    assert_eq!(world.desired(), 3);
    world.pass(1);
    assert_eq!(world.desired(), 0);
    world.call("RegisterScalableTarget", json!({ "MinCapacity": 2, "MaxCapacity": 2 }));
    world.pass(3600);
    assert_eq!(world.desired(), 2, "it ran once");
    world.call("DeleteScheduledAction", json!({ "ScheduledActionName": "a" }));
    assert!(world.asked("DeleteScheduledAction", json!({ "ScheduledActionName": "a" })).is_err());
}

#[test]
fn an_action_that_is_put_again_or_deleted_does_not_run() {
    let mut world = World::new();
    world.call("RegisterScalableTarget", json!({ "MinCapacity": 3, "MaxCapacity": 3 }));
    world.plan("at(1970-01-01T00:10:00)", json!({ "MinCapacity": 0, "MaxCapacity": 0 }));
    world.plan("at(1970-01-01T00:20:00)", json!({ "MinCapacity": 1, "MaxCapacity": 1 }));
    world.pass(700);
    assert_eq!(world.desired(), 3);
    assert_eq!(
        world.call("DescribeScheduledActions", json!({}))["ScheduledActions"].as_array().unwrap().len(),
        1
    );
    world.call("RegisterScalableTarget", json!({ "SuspendedState": { "ScheduledScalingSuspended": true } }));
    world.pass(700);
    assert_eq!(world.desired(), 3, "scheduled scaling is suspended");
}

#[test]
fn rates_and_crons_run_again_and_again() {
    let mut world = World::new();
    world.call("RegisterScalableTarget", json!({ "MinCapacity": 0, "MaxCapacity": 9 }));
    world.plan("rate(5 minutes)", json!({ "MinCapacity": 4 }));
    for _ in 0..3 {
        world.pass(299);
        world.call("RegisterScalableTarget", json!({ "MinCapacity": 0, "MaxCapacity": 1 }));
        world.pass(1);
        assert_eq!(world.desired(), 4);
    }
    // The sixth day of the week is Friday: January 2.
    world.plan("cron(30 2 ? * 6 *)", json!({ "MinCapacity": 7, "MaxCapacity": 7 }));
    let due = application_autoscaling::tick(&mut world.state, world.now);
    assert_eq!(due, Some("1970-01-02T02:30:00Z".parse().unwrap()));
    for wrong in ["at(tomorrow)", "rate(0 minutes)", "cron(* * *)", "cron(0 0 ? * 8 *)", "every day"] {
        let params = json!({ "ScheduledActionName": "a", "Schedule": wrong, "ScalableTargetAction": { "MinCapacity": 1 } });
        let refusal = world.asked("PutScheduledAction", params).unwrap_err();
        assert!(refusal.starts_with("ValidationException"), "{wrong}: {refusal}");
    }
}
