//! Groups over time, with a manual clock.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Lifecycle;
use crate::api::{Refusal, direct};
use crate::balancer::Report;
use crate::balancer::config::TargetKey;
use crate::ec2::InstanceState;
use crate::elbv2::targets::{Health, HealthState};
use crate::pace::Pace;
use crate::state::{Network, State};
use crate::{autoscaling, ec2, elbv2};

struct World {
    state: State,
    now: Timestamp,
}

/// The seconds that an instance takes to run and to end.
const BOOT: i64 = 5;

impl World {
    /// With a template `web` of two versions and a target group that a listener uses.
    fn new() -> (Self, String) {
        let now = Timestamp::UNIX_EPOCH;
        let state = State::new("us-east-1", Network::Addresses { octet: 31 }, Pace::default(), now);
        let mut world = Self { state, now };
        let data = |kind: &str| json!({ "ImageId": "ami-12c6146b", "InstanceType": kind });
        world.call(
            "CreateLaunchTemplate",
            json!({ "LaunchTemplateName": "web", "LaunchTemplateData": data("t3.micro") }),
        );
        world.call(
            "CreateLaunchTemplateVersion",
            json!({ "LaunchTemplateName": "web", "LaunchTemplateData": data("t3.small") }),
        );
        let vpc = world.state.ec2.vpcs.keys().next().unwrap().clone();
        let group = json!({ "Name": "blue", "Port": 80, "Protocol": "HTTP", "VpcId": vpc });
        let target_group = text(&world.call("CreateTargetGroup", group)["TargetGroups"][0]["TargetGroupArn"]);
        let subnets: Vec<_> = world.state.ec2.subnets.keys().take(2).cloned().collect();
        let balancer = world.call("CreateLoadBalancer", json!({ "Name": "web", "Subnets": subnets }));
        let listener = json!({
            "LoadBalancerArn": balancer["LoadBalancers"][0]["LoadBalancerArn"],
            "Port": 80,
            "Protocol": "HTTP",
            "DefaultActions": [{ "Type": "forward", "TargetGroupArn": target_group }],
        });
        world.call("CreateListener", listener);
        world.pass(5);
        (world, target_group)
    }

    fn try_call(&mut self, action: &str, params: Value) -> Result<Value, Refusal> {
        let services = [&autoscaling::SERVICE, &ec2::SERVICE, &elbv2::SERVICE];
        let mut state = self.state.clone();
        let answer = direct::call(&services, &mut state, self.now, action, params)?;
        self.state = state;
        self.settle();
        Ok(answer)
    }

    fn call(&mut self, action: &str, params: Value) -> Value {
        self.try_call(action, params).unwrap_or_else(|refusal| panic!("{action}: {refusal:?}"))
    }

    fn refused(&mut self, action: &str, params: Value) -> Refusal {
        self.try_call(action, params).unwrap_err()
    }

    /// Everything that is due now.
    fn settle(&mut self) {
        for _ in 0..50 {
            let before = self.state.clone();
            for instance in self.state.ec2.instances.values_mut() {
                if instance.since.saturating_add(SignedDuration::from_secs(BOOT)).unwrap() <= self.now {
                    match instance.state {
                        InstanceState::Pending => instance.state = InstanceState::Running,
                        InstanceState::ShuttingDown => instance.state = InstanceState::Terminated,
                        _ => {}
                    }
                }
            }
            autoscaling::tick(&mut self.state, self.now);
            elbv2::tick(&mut self.state, self.now);
            for group in self.state.autoscaling.groups.values() {
                assert!(group.capacity() <= group.max || group.refresh().is_some(), "more than max");
            }
            if before == self.state {
                return;
            }
        }
        panic!("it never settles");
    }

    /// Time passes, second by second.
    fn pass(&mut self, seconds: i64) {
        for _ in 0..seconds {
            self.now += SignedDuration::from_secs(1);
            self.settle();
        }
    }

    /// A group `web` of these sizes, and more settings.
    fn group(&mut self, (min, max, desired): (i64, i64, i64), more: Value) {
        let subnets: Vec<_> = self.state.ec2.subnets.keys().take(2).cloned().collect();
        let mut params = json!({
            "AutoScalingGroupName": "web",
            "MinSize": min,
            "MaxSize": max,
            "DesiredCapacity": desired,
            "VPCZoneIdentifier": subnets.join(","),
            "LaunchTemplate": { "LaunchTemplateName": "web", "Version": "1" },
        });
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.call("CreateAutoScalingGroup", params);
    }

    fn web(&mut self, action: &str, more: Value) -> Value {
        let mut params = json!({ "AutoScalingGroupName": "web" });
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.call(action, params)
    }

    fn ids(&self, state: Lifecycle) -> Vec<String> {
        let members = self.state.autoscaling.groups["web"].instances.values();
        members.filter(|member| member.state == state).map(|member| member.id.clone()).collect()
    }

    fn serving(&self) -> usize {
        self.ids(Lifecycle::InService).len()
    }

    /// Versions of the instances in service, sorted.
    fn versions(&self) -> Vec<String> {
        let members = self.state.autoscaling.groups["web"].instances.values();
        let serving = members.filter(|member| member.state == Lifecycle::InService);
        let mut versions: Vec<_> = serving.map(|member| member.template.clone().unwrap().version).collect();
        versions.sort();
        versions
    }

    fn sees(&mut self, group: &str, id: &str, state: HealthState) {
        let port = 80;
        let target = TargetKey { id: id.to_owned(), port };
        let health = Health { state, reason: None, description: None };
        let report = Report::Health { group: group.to_owned(), target, health };
        elbv2::reported(&mut self.state, &report, self.now);
        self.settle();
    }

    fn activities(&mut self) -> Vec<Value> {
        let told = self.web("DescribeScalingActivities", json!({}));
        told["Activities"].as_array().unwrap().clone()
    }

    fn refresh(&mut self, preferences: Value) {
        let desired = json!({ "LaunchTemplate": { "LaunchTemplateName": "web", "Version": "2" } });
        self.web(
            "StartInstanceRefresh",
            json!({ "Preferences": preferences, "DesiredConfiguration": desired }),
        );
    }

    /// Status and percentage of the newest refresh.
    fn refreshed(&mut self) -> (String, i64) {
        let told = self.web("DescribeInstanceRefreshes", json!({}));
        let refresh = &told["InstanceRefreshes"][0];
        (text(&refresh["Status"]), refresh["PercentageComplete"].as_i64().unwrap())
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_group_launches_over_its_zones_and_tells_why() {
    let (mut world, arn) = World::new();
    world.group((0, 4, 2), json!({ "TargetGroupARNs": [arn], "Tags": [{ "Key": "a", "Value": "b", "PropagateAtLaunch": true }] }));
    assert_eq!(world.ids(Lifecycle::Pending).len(), 2);
    world.pass(BOOT);
    assert_eq!(world.serving(), 2);
    let id = world.ids(Lifecycle::InService)[0].clone();
    assert!(elbv2::targets::health(&world.state, &arn, &id).is_some());
    let zones: std::collections::BTreeSet<_> =
        world.state.ec2.instances.values().map(|instance| instance.zone.clone()).collect();
    assert_eq!(zones.len(), 2);
    let tags = &world.state.ec2.tags[&id];
    assert_eq!((tags["a"].as_str(), tags["aws:ec2launchtemplate:version"].as_str()), ("b", "1"));
    let newest = world.activities()[0].clone();
    assert_eq!(newest["StatusCode"], "Successful");
    assert!(text(&newest["Cause"]).contains("changing the desired capacity from 0 to 2.  At "), "{newest}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let (mut world, _) = World::new();
    world.group((1, 2, 1), json!({}));
    let mut wrong = |action: &str, params: Value| world.refused(action, params).code;
    let new = |more: Value| {
        let mut params = json!({
            "AutoScalingGroupName": "new", "MinSize": 0, "MaxSize": 1, "AvailabilityZones": ["us-east-1a"],
            "LaunchTemplate": { "LaunchTemplateName": "web" },
        });
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        params
    };
    let create = "CreateAutoScalingGroup";
    assert_eq!(wrong(create, new(json!({ "AutoScalingGroupName": "web" }))), "AlreadyExists");
    for more in [
        json!({ "MinSize": 2 }),
        json!({ "DesiredCapacity": 2 }),
        json!({ "LaunchTemplate": { "LaunchTemplateName": "web", "Version": "9" } }),
        json!({ "LaunchTemplate": null }),
        json!({ "VPCZoneIdentifier": "subnet-none" }),
        json!({ "AvailabilityZones": [] }),
        json!({ "TargetGroupARNs": ["arn:none"] }),
        json!({ "HealthCheckType": "PING" }),
    ] {
        assert_eq!(wrong(create, new(more.clone())), "ValidationError", "{more}");
    }
    let desired = json!({ "AutoScalingGroupName": "web", "DesiredCapacity": 3 });
    assert_eq!(wrong("SetDesiredCapacity", desired), "ValidationError");
    let process = json!({ "AutoScalingGroupName": "web", "ScalingProcesses": ["Sleep"] });
    assert_eq!(wrong("SuspendProcesses", process), "ValidationError");
    assert_eq!(wrong("DeleteAutoScalingGroup", json!({ "AutoScalingGroupName": "web" })), "ResourceInUse");
    assert_eq!(
        wrong("CancelInstanceRefresh", json!({ "AutoScalingGroupName": "web" })),
        "ActiveInstanceRefreshNotFound"
    );
}

#[test]
fn a_group_that_is_deleted_by_force_ends_its_instances_first() {
    let (mut world, _) = World::new();
    world.group((1, 2, 2), json!({}));
    world.pass(BOOT);
    world.web("DeleteAutoScalingGroup", json!({ "ForceDelete": true }));
    let told = world.call("DescribeAutoScalingGroups", json!({}));
    assert_eq!(told["AutoScalingGroups"][0]["Status"], "Delete in progress");
    world.pass(BOOT);
    assert!(world.state.autoscaling.groups.is_empty());
    let asked = json!({ "AutoScalingGroupName": "web", "IncludeDeletedGroups": true });
    let told = world.call("DescribeScalingActivities", asked);
    assert_eq!(told["Activities"][0]["AutoScalingGroupState"], "Deleted");
}

#[test]
fn scaling_in_drains_before_it_terminates() {
    let (mut world, arn) = World::new();
    world.group((0, 4, 2), json!({ "TargetGroupARNs": [arn] }));
    world.pass(BOOT);
    for id in world.ids(Lifecycle::InService) {
        world.sees(&arn, &id, HealthState::Healthy);
    }
    world.web("SetDesiredCapacity", json!({ "DesiredCapacity": 1 }));
    let leaving = world.ids(Lifecycle::Terminating);
    assert_eq!((leaving.len(), world.serving()), (1, 1));
    world.pass(299);
    assert_eq!(world.state.ec2.instances[&leaving[0]].state, InstanceState::Running);
    assert_eq!(world.activities()[0]["StatusCode"], "WaitingForELBConnectionDraining");
    world.pass(2);
    assert_eq!(world.state.ec2.instances[&leaving[0]].state, InstanceState::ShuttingDown);
    world.pass(BOOT);
    assert_eq!(world.state.autoscaling.groups["web"].instances.len(), 1);
}

#[test]
fn protected_instances_stay_and_suspended_processes_do_nothing() {
    let (mut world, _) = World::new();
    world.group((0, 4, 2), json!({ "NewInstancesProtectedFromScaleIn": true }));
    world.pass(BOOT);
    world.web("SetDesiredCapacity", json!({ "DesiredCapacity": 0 }));
    world.pass(BOOT);
    assert_eq!(world.serving(), 2);
    world.web("SuspendProcesses", json!({ "ScalingProcesses": ["Terminate", "Launch"] }));
    let ids = world.ids(Lifecycle::InService);
    world.web("SetInstanceProtection", json!({ "InstanceIds": ids, "ProtectedFromScaleIn": false }));
    world.web("SetDesiredCapacity", json!({ "DesiredCapacity": 4 }));
    world.pass(BOOT);
    assert_eq!(world.state.ec2.instances.len(), 2);
    world.web("ResumeProcesses", json!({}));
    world.pass(BOOT);
    assert_eq!(world.serving(), 4);
}

#[test]
fn an_unhealthy_target_is_replaced_only_after_the_grace_period() {
    let (mut world, arn) = World::new();
    let settings =
        json!({ "TargetGroupARNs": [arn], "HealthCheckType": "ELB", "HealthCheckGracePeriod": 60 });
    world.group((1, 1, 1), settings);
    world.pass(BOOT);
    let id = world.ids(Lifecycle::InService)[0].clone();
    world.sees(&arn, &id, HealthState::Unhealthy);
    world.pass(59);
    assert_eq!(world.ids(Lifecycle::InService), std::slice::from_ref(&id));
    world.pass(1);
    assert_eq!(world.ids(Lifecycle::Terminating), std::slice::from_ref(&id));
    assert_eq!(world.ids(Lifecycle::Pending).len(), 1);
    let told = world.activities();
    assert!(told.iter().any(|one| text(&one["Cause"]).contains("an ELB system health check failure")));
}

#[test]
fn an_instance_that_ends_is_replaced_at_once() {
    let (mut world, _) = World::new();
    world.group((1, 1, 1), json!({}));
    world.pass(BOOT);
    let id = world.ids(Lifecycle::InService)[0].clone();
    world.state.ec2.instances[&id].state = InstanceState::Stopped;
    world.settle();
    assert_eq!(world.ids(Lifecycle::Pending).len(), 1);
    assert_eq!(world.state.ec2.instances[&id].state, InstanceState::ShuttingDown);
}

#[test]
fn failed_launches_are_tried_again_later_and_later() {
    let (mut world, _) = World::new();
    let data = json!({ "ImageId": "ami-00000000", "InstanceType": "t3.micro" });
    world.call(
        "CreateLaunchTemplateVersion",
        json!({ "LaunchTemplateName": "web", "LaunchTemplateData": data }),
    );
    world.group((1, 1, 1), json!({ "LaunchTemplate": { "LaunchTemplateName": "web", "Version": "3" } }));
    let told = world.activities();
    assert_eq!((told.len(), &told[0]["StatusCode"]), (1, &json!("Failed")));
    assert_eq!(
        told[0]["StatusMessage"],
        "The image id '[ami-00000000]' does not exist. Launching EC2 instance failed."
    );
    world.pass(29);
    assert_eq!(world.activities().len(), 2);
    world.pass(1);
    assert_eq!(world.activities().len(), 3);
    world.web(
        "UpdateAutoScalingGroup",
        json!({ "LaunchTemplate": { "LaunchTemplateName": "web", "Version": "1" } }),
    );
    assert_eq!(world.ids(Lifecycle::Pending).len(), 1);
}

#[test]
fn hooks_hold_instances_until_they_are_completed_or_time_out() {
    let (mut world, _) = World::new();
    world.group((0, 2, 1), json!({}));
    world.pass(BOOT);
    let hook = |name: &str, transition: &str| {
        json!({
            "LifecycleHookName": name,
            "LifecycleTransition": format!("autoscaling:EC2_INSTANCE_{transition}"),
            "HeartbeatTimeout": 30,
        })
    };
    world.web("PutLifecycleHook", hook("up", "LAUNCHING"));
    world.web("PutLifecycleHook", hook("down", "TERMINATING"));
    world.web("SetDesiredCapacity", json!({ "DesiredCapacity": 2 }));
    world.pass(BOOT);
    let id = world.ids(Lifecycle::PendingWait)[0].clone();
    let done = json!({ "LifecycleHookName": "up", "InstanceId": id, "LifecycleActionResult": "CONTINUE" });
    world.web("CompleteLifecycleAction", done.clone());
    assert_eq!(world.serving(), 2);
    let mut again = done;
    again["AutoScalingGroupName"] = json!("web");
    assert_eq!(world.refused("CompleteLifecycleAction", again).code, "ValidationError");
    world.web("SetDesiredCapacity", json!({ "DesiredCapacity": 1 }));
    let id = world.ids(Lifecycle::TerminatingWait)[0].clone();
    world.pass(20);
    world.web("RecordLifecycleActionHeartbeat", json!({ "LifecycleHookName": "down", "InstanceId": id }));
    world.pass(29);
    assert_eq!(world.ids(Lifecycle::TerminatingWait), [id]);
    world.pass(1);
    assert_eq!(world.ids(Lifecycle::TerminatingProceed).len(), 1);
    // A launch hook that is not completed is abandoned by default.
    world.pass(BOOT);
    world.web("SetDesiredCapacity", json!({ "DesiredCapacity": 2 }));
    world.pass(BOOT + 29);
    assert_eq!(world.ids(Lifecycle::PendingWait).len(), 1);
    world.pass(1);
    assert!(world.ids(Lifecycle::PendingWait).is_empty());
}

#[test]
fn scheduled_actions_fire_once_or_again() {
    let (mut world, _) = World::new();
    world.group((0, 4, 0), json!({}));
    world.web(
        "PutScheduledUpdateGroupAction",
        json!({ "ScheduledActionName": "once", "StartTime": "1970-01-01T00:01:00Z", "DesiredCapacity": 2 }),
    );
    world.web(
        "PutScheduledUpdateGroupAction",
        json!({ "ScheduledActionName": "every", "Recurrence": "*/2 * * * *", "DesiredCapacity": 1 }),
    );
    world.pass(54);
    assert_eq!(world.state.autoscaling.groups["web"].desired, 0);
    world.pass(1);
    assert_eq!(world.state.autoscaling.groups["web"].desired, 2);
    world.pass(60);
    assert_eq!(world.state.autoscaling.groups["web"].desired, 1);
    let told = world.web("DescribeScheduledActions", json!({}));
    let told = told["ScheduledUpdateGroupActions"].as_array().unwrap();
    assert_eq!((told.len(), &told[0]["StartTime"]), (1, &json!("1970-01-01T00:04:00.000Z")));
}

#[test]
fn attached_target_groups_get_the_instances_and_detached_ones_lose_them() {
    let (mut world, arn) = World::new();
    world.group((0, 2, 0), json!({}));
    let state = |world: &mut World| {
        text(
            &world.web("DescribeLoadBalancerTargetGroups", json!({}))["LoadBalancerTargetGroups"][0]["State"],
        )
    };
    world.web("AttachLoadBalancerTargetGroups", json!({ "TargetGroupARNs": [arn] }));
    assert_eq!(state(&mut world), "Added");
    world.web("SetDesiredCapacity", json!({ "DesiredCapacity": 1 }));
    world.pass(BOOT);
    let id = world.ids(Lifecycle::InService)[0].clone();
    world.sees(&arn, &id, HealthState::Healthy);
    assert_eq!(state(&mut world), "InService");
    world.web("DetachLoadBalancerTargetGroups", json!({ "TargetGroupARNs": [arn] }));
    assert_eq!(state(&mut world), "Removing");
    world.pass(301);
    assert_eq!(state(&mut world), "");
}

#[test]
fn standby_and_detaching_take_instances_out_alive() {
    let (mut world, _) = World::new();
    world.group((0, 3, 2), json!({}));
    world.pass(BOOT);
    let ids = world.ids(Lifecycle::InService);
    world.web("EnterStandby", json!({ "InstanceIds": [ids[0]], "ShouldDecrementDesiredCapacity": true }));
    assert_eq!((world.ids(Lifecycle::Standby).len(), world.serving()), (1, 1));
    world.web("ExitStandby", json!({ "InstanceIds": [ids[0]] }));
    assert_eq!(world.serving(), 2);
    world.web("DetachInstances", json!({ "InstanceIds": [ids[0]], "ShouldDecrementDesiredCapacity": false }));
    assert_eq!(world.state.ec2.instances[&ids[0]].group, None);
    world.pass(BOOT);
    assert_eq!(world.serving(), 2);
    world.web("AttachInstances", json!({ "InstanceIds": [ids[0]] }));
    assert_eq!((world.serving(), world.state.autoscaling.groups["web"].desired), (3, 3));
}

#[test]
fn a_refresh_waits_at_its_checkpoint_and_then_gives_the_group_its_version() {
    let (mut world, _) = World::new();
    world.group((0, 4, 4), json!({}));
    world.pass(BOOT);
    world
        .refresh(json!({ "CheckpointPercentages": [50, 100], "CheckpointDelay": 600, "InstanceWarmup": 10 }));
    let again = json!({ "AutoScalingGroupName": "web" });
    assert_eq!(world.refused("StartInstanceRefresh", again).code, "InstanceRefreshInProgress");
    for _ in 0..100 {
        world.pass(1);
        assert!(world.serving() >= 3, "one at a time");
    }
    assert_eq!(world.versions(), ["1", "1", "2", "2"]);
    assert_eq!(world.refreshed(), ("InProgress".to_owned(), 50));
    world.pass(650);
    assert_eq!(world.refreshed(), ("Successful".to_owned(), 100));
    assert_eq!(world.versions(), ["2"; 4]);
    assert_eq!(world.state.autoscaling.groups["web"].template.version, "2");
}

#[test]
fn a_refresh_above_a_hundred_launches_before_it_terminates() {
    let (mut world, arn) = World::new();
    world.group(
        (0, 2, 2),
        json!({ "TargetGroupARNs": [arn], "HealthCheckType": "ELB", "HealthCheckGracePeriod": 300 }),
    );
    world.pass(BOOT);
    for id in world.ids(Lifecycle::InService) {
        world.sees(&arn, &id, HealthState::Healthy);
    }
    world.refresh(json!({ "MinHealthyPercentage": 100, "MaxHealthyPercentage": 150, "InstanceWarmup": 0 }));
    world.pass(BOOT);
    assert_eq!(world.versions(), ["1", "1", "2"]);
    world.pass(30);
    assert_eq!(world.versions(), ["1", "1", "2"], "nothing goes before the new one is a healthy target");
    for _ in 0..2 {
        for id in world.ids(Lifecycle::InService) {
            world.sees(&arn, &id, HealthState::Healthy);
        }
        world.pass(BOOT + 1);
    }
    assert_eq!(world.versions(), ["2", "2"]);
    assert_eq!(world.refreshed().0, "Successful");
}

#[test]
fn a_refresh_is_rolled_back_to_the_version_before() {
    let (mut world, _) = World::new();
    world.group((0, 4, 2), json!({}));
    world.pass(BOOT);
    world.refresh(json!({ "CheckpointPercentages": [50, 100] }));
    world.pass(60);
    assert_eq!(world.versions(), ["1", "2"]);
    world.web("RollbackInstanceRefresh", json!({}));
    assert_eq!(world.refreshed(), ("RollbackInProgress".to_owned(), 50));
    world.pass(30);
    assert_eq!(world.refreshed(), ("RollbackSuccessful".to_owned(), 0));
    assert_eq!(
        (world.versions(), &*world.state.autoscaling.groups["web"].template.version),
        (vec!["1".into(), "1".into()], "1")
    );
    let latest = json!({ "LaunchTemplate": { "LaunchTemplateName": "web", "Version": "$Latest" } });
    world.web("StartInstanceRefresh", json!({ "DesiredConfiguration": latest }));
    let refused = world.refused("RollbackInstanceRefresh", json!({ "AutoScalingGroupName": "web" }));
    assert_eq!(refused.code, "IrreversibleInstanceRefresh");
    world.web("CancelInstanceRefresh", json!({}));
    world.pass(30);
    assert_eq!(world.refreshed().0, "Cancelled");
}

#[test]
fn a_refresh_that_gets_nowhere_for_an_hour_rolls_back_by_itself() {
    let (mut world, arn) = World::new();
    world.group(
        (0, 2, 1),
        json!({ "TargetGroupARNs": [arn], "HealthCheckType": "ELB", "HealthCheckGracePeriod": 9000 }),
    );
    world.pass(BOOT);
    let id = world.ids(Lifecycle::InService)[0].clone();
    world.sees(&arn, &id, HealthState::Healthy);
    world.refresh(json!({ "MinHealthyPercentage": 100, "MaxHealthyPercentage": 200, "AutoRollback": true, "InstanceWarmup": 0 }));
    world.pass(BOOT);
    assert_eq!(world.versions(), ["1", "2"]);
    world.now += SignedDuration::from_secs(3600);
    world.settle();
    assert_eq!(world.refreshed().0, "RollbackSuccessful");
    assert_eq!(world.ids(Lifecycle::InService), [id], "the old one has never gone");
    let told = world.web("DescribeInstanceRefreshes", json!({}));
    assert!(text(&told["InstanceRefreshes"][0]["RollbackDetails"]["RollbackReason"]).contains("one hour"));
}
