//! A region whose processes and health checks are simulated by the test.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::api::{Refusal, direct};
use crate::balancer;
use crate::balancer::config::TargetKey;
use crate::compute::{Report, Wanted};
use crate::ecs::Task;
use crate::ecs::task::Status;
use crate::elbv2::targets::{Health, HealthState};
use crate::pace::Pace;
use crate::state::{Network, State};
use crate::{ec2, ecs, elbv2};

/// Deregistration delay of the target group in seconds.
pub const DRAINS: i64 = 20;

pub struct World {
    pub state: State,
    pub now: Timestamp,
    /// The target group.
    pub group: String,
    /// Images whose containers exit with this code when they boot.
    pub exits: BTreeMap<String, i32>,
    /// Images whose targets fail health checks.
    pub sick: Vec<String>,
    /// The tasks whose containers fail their own health checks; `None`: all.
    pub ill: Vec<Option<String>>,
    /// An invariant that is checked after every step.
    pub always: fn(&World),
}

impl World {
    /// A cluster `default` with Fargate and a target group behind a load balancer.
    pub fn new() -> Self {
        let now = Timestamp::UNIX_EPOCH;
        let state = State::new("us-east-1", Network::Addresses { octet: 31 }, Pace::default(), now);
        let mut world = Self {
            state,
            now,
            group: String::new(),
            exits: BTreeMap::new(),
            sick: Vec::new(),
            ill: Vec::new(),
            always: |_| {},
        };
        let vpc = world.state.ec2.vpcs.keys().next().unwrap().clone();
        let group =
            json!({ "Name": "blue", "Port": 80, "Protocol": "HTTP", "VpcId": vpc, "TargetType": "ip" });
        let group = text(&world.call("CreateTargetGroup", group)["TargetGroups"][0]["TargetGroupArn"]);
        let delay = json!([{ "Key": "deregistration_delay.timeout_seconds", "Value": DRAINS.to_string() }]);
        world.call("ModifyTargetGroupAttributes", json!({ "TargetGroupArn": group, "Attributes": delay }));
        let balancer = world.call("CreateLoadBalancer", json!({ "Name": "web", "Subnets": world.subnets() }));
        let listener = json!({
            "LoadBalancerArn": balancer["LoadBalancers"][0]["LoadBalancerArn"],
            "Port": 80,
            "Protocol": "HTTP",
            "DefaultActions": [{ "Type": "forward", "TargetGroupArn": group }],
        });
        world.call("CreateListener", listener);
        world.group = group;
        world.call("CreateCluster", json!({}));
        world.pass(2);
        world
    }

    pub fn subnets(&self) -> Vec<String> {
        self.state.ec2.subnets.keys().take(2).cloned().collect()
    }

    pub fn try_call(&mut self, action: &str, params: Value) -> Result<Value, Refusal> {
        let services = [&ecs::SERVICE, &ec2::SERVICE, &elbv2::SERVICE, &crate::ssm::SERVICE];
        let mut state = self.state.clone();
        let answer = direct::call(&services, &mut state, self.now, action, params)?;
        self.state = state;
        self.settle();
        Ok(answer)
    }

    pub fn call(&mut self, action: &str, params: Value) -> Value {
        self.try_call(action, params).unwrap_or_else(|refusal| panic!("{action}: {refusal:?}"))
    }

    /// `CODE: message`
    pub fn refused(&mut self, action: &str, params: Value) -> String {
        let refusal = self.try_call(action, params).unwrap_err();
        format!("{}: {}", refusal.code, refusal.message)
    }

    /// Registers a definition `web` for Fargate with a container `web` of an image and more; returns its ARN.
    pub fn define(&mut self, image: &str, more: &Value) -> String {
        let mut container =
            json!({ "name": "web", "image": image, "portMappings": [{ "containerPort": 8080 }] });
        merge(&mut container, more);
        self.define_all(&json!([container]))
    }

    pub fn define_all(&mut self, containers: &Value) -> String {
        let params = json!({
            "family": "web", "cpu": "256", "memory": "512", "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"], "containerDefinitions": containers,
        });
        text(&self.call("RegisterTaskDefinition", params)["taskDefinition"]["taskDefinitionArn"])
    }

    pub fn network(&self) -> Value {
        json!({ "awsvpcConfiguration": { "subnets": self.subnets() } })
    }

    /// A service `web` of `bgform-hello:1.0` behind the target group.
    pub fn serve(&mut self, desired: usize, more: &Value) {
        let definition = self.define("bgform-hello:1.0", &json!({}));
        let mut params = json!({
            "serviceName": "web", "taskDefinition": definition, "desiredCount": desired, "launchType": "FARGATE",
            "networkConfiguration": self.network(),
            "loadBalancers": [{ "targetGroupArn": self.group, "containerName": "web", "containerPort": 8080 }],
        });
        merge(&mut params, more);
        self.call("CreateService", params);
    }

    /// Ships a release: registers a definition of this image, and updates the service to it.
    pub fn release(&mut self, image: &str) {
        let definition = self.define(image, &json!({}));
        self.call("UpdateService", json!({ "service": "web", "taskDefinition": definition }));
    }

    pub fn web(&mut self) -> Value {
        self.call("DescribeServices", json!({ "services": ["web"] }))["services"][0].clone()
    }

    /// The service's events, the oldest first, without random parts.
    pub fn said(&mut self) -> Vec<String> {
        let events = self.web()["events"].as_array().unwrap().clone();
        events.iter().rev().map(|event| text(&event["message"])).collect()
    }

    /// Tasks that should run.
    pub fn live(&self) -> Vec<Task> {
        self.state.ecs.tasks.values().filter(|task| task.is_wanted()).cloned().collect()
    }

    /// Images of the targets that get requests, sorted.
    pub fn serving(&self) -> Vec<String> {
        let healthy = self.state.ecs.tasks.values().filter(|task| {
            let health = elbv2::targets::health(&self.state, &self.group, &task.place.address.to_string());
            health.is_some_and(|health| health.state == HealthState::Healthy)
                && task.containers.iter().all(|one| one.exit.is_none())
        });
        let mut images: Vec<String> = healthy.map(|task| task.containers[0].image.clone()).collect();
        images.sort_unstable();
        images
    }

    pub fn run(&mut self, definition: &str, more: &Value) -> Value {
        let mut params = json!({ "taskDefinition": definition, "launchType": "FARGATE", "networkConfiguration": self.network() });
        merge(&mut params, more);
        self.call("RunTask", params)
    }

    pub fn task(&mut self, arn: &Value) -> Value {
        self.call("DescribeTasks", json!({ "tasks": [arn] }))["tasks"][0].clone()
    }

    /// Ends a container by itself.
    pub fn exits(&mut self, machine: &str, code: i32) {
        let report = Report::Exited { machine: machine.to_owned(), why: String::new(), code: Some(code) };
        ecs::reported(&mut self.state, &report, self.now);
        self.settle();
    }

    /// Does everything that is due now.
    pub fn settle(&mut self) {
        for _ in 0..200 {
            let before = self.state.clone();
            self.processes();
            self.checks();
            ecs::tick(&mut self.state, self.now);
            elbv2::tick(&mut self.state, self.now);
            (self.always)(self);
            if before == self.state {
                return;
            }
        }
        panic!("it never settles");
    }

    /// Simulates compute.
    fn processes(&mut self) {
        let mut wanted = Wanted::default();
        ecs::wanted(&self.state, &mut wanted);
        for machine in wanted.machines {
            let id = machine.id.clone();
            let report = match machine.runs {
                true => Report::Booted { machine: id.clone(), boots: 1 },
                false => Report::Stopped { machine: id.clone(), code: Some(143) },
            };
            ecs::reported(&mut self.state, &report, self.now);
            let label = machine.labels.iter().find(|label| self.exits.contains_key(*label));
            if let Some(code) = label.filter(|_| machine.runs).map(|label| self.exits[label]) {
                let report = Report::Exited { machine: id, why: String::new(), code: Some(code) };
                ecs::reported(&mut self.state, &report, self.now);
            }
        }
        for command in wanted.commands {
            let (stdout, stderr) = (String::new(), String::new());
            let ill = |task: &Option<String>| task.as_ref().is_none_or(|task| command.id.starts_with(task));
            let exit = Some(i32::from(self.ill.iter().any(ill)));
            let report = Report::CommandEnded { command: command.id, exit, stdout, stderr };
            ecs::reported(&mut self.state, &report, self.now);
        }
    }

    /// Simulates the balancer.
    fn checks(&mut self) {
        let tasks: Vec<Task> = self.state.ecs.tasks.values().cloned().collect();
        for task in tasks {
            let sick = task.containers.iter().any(|one| self.sick.contains(&one.image));
            let health = match sick {
                true => Health {
                    state: HealthState::Unhealthy,
                    reason: None,
                    description: Some("Health checks failed".to_owned()),
                },
                false => Health { state: HealthState::Healthy, reason: None, description: None },
            };
            let target = TargetKey { id: task.place.address.to_string(), port: 8080 };
            if task.status != Status::Stopped {
                let report = balancer::Report::Health { group: self.group.clone(), target, health };
                elbv2::reported(&mut self.state, &report, self.now);
            }
        }
    }

    /// Lets time pass, second by second.
    pub fn pass(&mut self, seconds: i64) {
        self.pass_by(1, seconds);
    }

    /// Lets time pass in steps of this many seconds.
    pub fn pass_by(&mut self, seconds: i64, steps: i64) {
        for _ in 0..steps {
            self.now += SignedDuration::from_secs(seconds);
            self.settle();
        }
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

pub fn merge(object: &mut Value, more: &Value) {
    object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
}
