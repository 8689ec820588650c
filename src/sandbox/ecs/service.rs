//! A service and its deployments.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::network::Network;
use super::task::{Status, Task};
use super::{at, fargate, tags, uuid};
use crate::state::State;

/// Number of events that are kept (developer guide, service-event-messages).
const EVENTS: usize = 100;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Service {
    pub name: String,
    pub arn: String,
    /// Its name.
    pub cluster: String,
    pub standing: Standing,
    pub created: Timestamp,
    /// The time since which it is inactive.
    pub ended: Option<Timestamp>,
    pub desired: usize,
    /// `healthCheckGracePeriodSeconds`
    pub grace: Option<u64>,
    pub rolling: Rolling,
    /// The newest first. One of them is the primary one.
    pub deployments: Vec<Deployment>,
    /// The newest first.
    pub events: Vec<Event>,
    /// Settings that are kept and shown as given.
    pub more: Value,
    /// The parameters of its creation.
    pub request: Value,
    /// Whether its steady state was already reported.
    pub steady: bool,
    /// Tasks in a row that did not start, and when the next one may start.
    pub misses: u32,
    pub next_start: Option<Timestamp>,
}

/// API_Service
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Standing {
    Active,
    Draining,
    Inactive,
}

/// `deploymentConfiguration`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rolling {
    pub min_percent: usize,
    pub max_percent: usize,
    pub breaker: Option<Breaker>,
    pub shown: Value,
}

/// `deploymentCircuitBreaker`, if it is enabled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Breaker {
    pub rollback: bool,
    pub reset: bool,
    /// `COUNT`, `BOUNDED_PERCENT` or `UNBOUNDED_PERCENT`, and its value.
    pub threshold: (String, usize),
}

impl Breaker {
    /// Number of failures in a row that end a deployment (API_ServiceDeploymentCircuitBreaker).
    pub fn threshold(&self, desired: usize) -> usize {
        let (kind, value) = &self.threshold;
        let percent = (desired * value).div_ceil(100);
        match kind.as_str() {
            "COUNT" => *value,
            "UNBOUNDED_PERCENT" => percent.max(1),
            _ => percent.clamp(3, 200),
        }
    }
}

/// The revision of a deployment: a different revision needs a new deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Revision {
    /// `family:revision`, and the ARN.
    pub definition: String,
    pub definition_arn: String,
    pub network: Option<Network>,
    pub launch_type: Option<String>,
    pub strategy: Value,
    pub platform: String,
    pub balancers: Vec<Balancer>,
}

/// A target group of a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Balancer {
    pub group: String,
    pub container: String,
    pub port: u16,
    /// The form in answers, as given.
    pub shown: Value,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// `ecs-svc/` and digits.
    pub id: String,
    pub primary: bool,
    pub revision: Revision,
    pub rollout: Rollout,
    pub reason: String,
    pub failed: usize,
    /// Whether it was completed once, so that it is a way back.
    pub completed: bool,
    pub created: Timestamp,
    pub updated: Timestamp,
    /// The digest of each image, as its first task resolved it.
    pub images: BTreeMap<String, String>,
}

/// API_Deployment
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Rollout {
    InProgress,
    Completed,
    Failed,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub id: String,
    pub at: Timestamp,
    pub message: String,
}

impl Deployment {
    pub fn new(revision: Revision, now: Timestamp) -> Self {
        let mut deployment = Self {
            id: format!(
                "ecs-svc/{}",
                rand::rng().random_range(1_000_000_000_000_000_000_u64..9_000_000_000_000_000_000)
            ),
            primary: true,
            revision,
            rollout: Rollout::InProgress,
            reason: String::new(),
            failed: 0,
            completed: false,
            created: now,
            updated: now,
            images: BTreeMap::new(),
        };
        deployment.reason = format!("ECS deployment {} in progress.", deployment.id);
        deployment
    }

    pub fn enter(&mut self, rollout: Rollout, reason: String, now: Timestamp) {
        (self.rollout, self.reason, self.updated) = (rollout, reason, now);
    }

    pub fn digits(&self) -> &str {
        super::last(&self.id)
    }
}

impl Service {
    /// The part of an ARN for subordinate resources: `CLUSTER/NAME`.
    pub fn path(&self) -> String {
        format!("{}/{}", self.cluster, self.name)
    }

    pub fn primary(&self) -> Option<&Deployment> {
        self.deployments.iter().find(|one| one.primary)
    }

    pub fn deployment(&mut self, id: &str) -> Option<&mut Deployment> {
        self.deployments.iter_mut().find(|one| one.id == id)
    }

    /// Adds a deployment, the primary one from now on.
    pub fn deploy(&mut self, revision: Revision, now: Timestamp) {
        for one in self.deployments.iter_mut().filter(|one| one.primary) {
            (one.primary, one.updated) = (false, now);
        }
        self.deployments.insert(0, Deployment::new(revision, now));
        (self.misses, self.next_start) = (0, None);
        self.steady = false;
    }

    /// Sets its wanted number of tasks.
    pub fn scale(&mut self, desired: usize) {
        if desired != self.desired {
            (self.desired, self.steady) = (desired, false);
            (self.misses, self.next_start) = (0, None);
        }
    }

    /// Makes it inactive, and keeps its last description.
    pub fn retire(&mut self, now: Timestamp) {
        (self.standing, self.ended) = (Standing::Inactive, Some(now));
        if let Some(primary) = self.primary() {
            let last = of_revision(&primary.revision);
            merge(&mut self.more, last);
        }
        self.deployments.clear();
    }

    /// Tells whether a deployment of an active service uses this definition.
    pub fn uses(&self, definition: &str) -> bool {
        self.standing != Standing::Inactive
            && self.deployments.iter().any(|one| one.revision.definition == definition)
    }

    /// Its tasks, including stopped ones.
    pub fn tasks<'a>(&'a self, state: &'a State) -> impl Iterator<Item = &'a Task> {
        let ours = |task: &&Task| task.service.as_ref().is_some_and(|(service, _)| *service == self.arn);
        state.ecs.tasks.values().filter(ours)
    }

    /// Adds an event: `(service web) ...`.
    pub fn say(&mut self, what: &str, now: Timestamp) {
        let message = format!("(service {}) {what}", self.name);
        self.events.insert(0, Event { id: uuid(), at: now, message });
        self.events.truncate(EVENTS);
    }

    pub fn shown(&self, state: &State, with_tags: bool) -> Value {
        let count = |deployment: Option<&str>, is: fn(&Task) -> bool| {
            self.tasks(state)
                .filter(|task| deployment.is_none_or(|id| task.deployment() == id) && is(task))
                .count()
        };
        let running = |task: &Task| task.status == Status::Running;
        let pending = |task: &Task| task.status.pending() && task.is_wanted();
        let deployments = self.deployments.iter().map(|one| {
            let wanted = match one.primary {
                true if one.rollout == Rollout::Failed => 0,
                true => self.desired,
                false => count(Some(&one.id), Task::is_wanted),
            };
            let mut shown = of_revision(&one.revision);
            let own = json!({
                "id": one.id,
                "status": if one.primary { "PRIMARY" } else { "ACTIVE" },
                "desiredCount": wanted,
                "pendingCount": count(Some(&one.id), pending),
                "runningCount": count(Some(&one.id), running),
                "failedTasks": one.failed,
                "createdAt": at(Some(one.created)),
                "updatedAt": at(Some(one.updated)),
                "rolloutState": one.rollout,
                "rolloutStateReason": one.reason,
            });
            merge(&mut shown, own);
            shown
        });
        let mut shown = self.primary().map(|one| of_revision(&one.revision)).unwrap_or(json!({}));
        let balancers =
            self.primary().map(|one| one.revision.balancers.iter().map(|one| one.shown.clone()).collect());
        merge(&mut shown, self.more.clone());
        merge(
            &mut shown,
            json!({
                "serviceArn": self.arn,
                "serviceName": self.name,
                "clusterArn": state.arn("ecs", &format!("cluster/{}", self.cluster)),
                "status": self.standing,
                "desiredCount": self.desired,
                "runningCount": count(None, running),
                "pendingCount": count(None, pending),
                "loadBalancers": balancers.unwrap_or(json!([])),
                "deploymentConfiguration": self.rolling.shown,
                "deployments": deployments.collect::<Value>(),
                "events": self.events.iter().map(|one| json!({
                    "id": one.id, "createdAt": at(Some(one.at)), "message": one.message,
                })).collect::<Value>(),
                "createdAt": at(Some(self.created)),
                "createdBy": format!("arn:aws:iam::{}:root", state.account),
                "healthCheckGracePeriodSeconds": self.grace,
                "tags": if with_tags { tags::of(state, &self.arn) } else { json!([]) },
            }),
        );
        shown
    }
}

/// The members of a revision in answers about services and deployments.
fn of_revision(revision: &Revision) -> Value {
    let fargate = revision.launch_type.as_deref() != Some("EC2");
    let strategy = revision.strategy.as_array().is_some_and(|items| !items.is_empty());
    json!({
        "taskDefinition": revision.definition_arn,
        "launchType": revision.launch_type,
        "capacityProviderStrategy": strategy.then_some(&revision.strategy),
        "platformVersion": fargate.then_some(match revision.platform.as_str() {
            "LATEST" => fargate::PLATFORM,
            version => version,
        }),
        "platformFamily": fargate.then_some("Linux"),
        "networkConfiguration": revision.network.as_ref().map(Network::shown),
    })
}

fn merge(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}
