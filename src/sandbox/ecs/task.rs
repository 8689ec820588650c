//! A task.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::container::{Container, Health, Stage};
use super::fargate;
use super::network::{Network, Place};
use super::service::Balancer;
use super::{TaskDefinition, at, tags, uuid_of};
use crate::api::{Params, Refusal};
use crate::state::{State, Tags, random_hex};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    pub id: String,
    pub arn: String,
    /// Its name.
    pub cluster: String,
    /// `family:revision`
    pub definition: String,
    pub definition_arn: String,
    pub group: String,
    pub started_by: Option<String>,
    /// The ARN of its service, and the id of the deployment that started it.
    pub service: Option<(String, String)>,
    /// Its registrations in target groups.
    pub balancers: Vec<Balancer>,
    pub status: Status,
    /// The time since which it has its status.
    pub since: Timestamp,
    pub times: Times,
    /// Why it stops: code and reason. `None`: it should run.
    pub stop: Option<(StopCode, String)>,
    pub place: Place,
    pub network: Network,
    pub containers: Vec<Container>,
    pub overrides: Value,
    pub cpu: String,
    pub memory: String,
    /// `None`: it has a capacity provider.
    pub launch_type: Option<String>,
    pub provider: Option<String>,
    /// Whether its service has counted it as failed, or as healthy.
    pub judged: bool,
}

/// The times of a task's progress.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Times {
    pub created: Timestamp,
    pub pull_started: Option<Timestamp>,
    pub pull_stopped: Option<Timestamp>,
    pub started: Option<Timestamp>,
    pub stopping: Option<Timestamp>,
    pub execution_stopped: Option<Timestamp>,
    pub stopped: Option<Timestamp>,
}

/// The lifecycle of a task (developer guide, task-lifecycle-explanation).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    Provisioning,
    Pending,
    Activating,
    Running,
    Deactivating,
    Stopping,
    Deprovisioning,
    Stopped,
}

impl Status {
    pub fn pending(self) -> bool {
        self < Status::Running
    }

    /// The name in answers.
    pub fn name(self) -> String {
        json!(self).as_str().unwrap_or_default().to_owned()
    }
}

/// API_Task
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopCode {
    TaskFailedToStart,
    EssentialContainerExited,
    UserInitiated,
    ServiceSchedulerInitiated,
}

/// The parameters of a new task.
#[derive(Debug)]
pub struct Start<'a> {
    pub cluster: &'a str,
    pub definition: &'a TaskDefinition,
    pub network: &'a Network,
    pub group: String,
    pub started_by: Option<String>,
    pub service: Option<(String, String)>,
    pub balancers: Vec<Balancer>,
    pub overrides: Value,
    pub launch_type: Option<String>,
    pub provider: Option<String>,
    pub tags: Tags,
    /// The subnets of tasks that it should be placed apart from.
    pub others: Vec<String>,
}

/// Starts a task; returns its ARN.
pub fn start(state: &mut State, start: Start, now: Timestamp) -> Result<String, Refusal> {
    let overrides = Params::from_json(start.overrides.clone());
    let each = overrides.items("containerOverrides");
    let of = |name: &str| each.iter().find(|one| one.needed("name") == name);
    let containers: Vec<Container> =
        start.definition.containers().iter().map(|one| Container::of(one, of(&one.needed("name")))).collect();
    let ports: Vec<u16> = containers.iter().flat_map(|one| one.ports.clone()).collect();
    let place = start.network.place(state, &start.others, &ports)?;
    let id = random_hex(32);
    let arn = state.arn("ecs", &format!("task/{}/{id}", start.cluster));
    let body = start.definition.params();
    let size = |name: &str| overrides.text(name).or(body.text(name)).unwrap_or_default();
    let task = Task {
        arn: arn.clone(),
        cluster: start.cluster.to_owned(),
        definition: start.definition.key(),
        definition_arn: start.definition.arn.clone(),
        group: start.group,
        started_by: start.started_by,
        service: start.service,
        balancers: start.balancers,
        status: Status::Provisioning,
        since: now,
        times: Times { created: now, ..Times::default() },
        stop: None,
        place,
        network: start.network.clone(),
        containers,
        cpu: size("cpu"),
        memory: size("memory"),
        overrides: start.overrides,
        launch_type: start.launch_type,
        provider: start.provider,
        judged: false,
        id,
    };
    tags::set(state, &arn, start.tags);
    state.ecs.tasks.insert(arn.clone(), task);
    Ok(arn)
}

impl Task {
    /// Sets its status and time.
    pub fn enter(&mut self, status: Status, now: Timestamp) {
        (self.status, self.since) = (status, now);
    }

    /// Tells whether it should run.
    pub fn is_wanted(&self) -> bool {
        self.stop.is_none()
    }

    /// Stops it, unless it is already stopping.
    pub fn end(&mut self, code: StopCode, reason: impl Into<String>, now: Timestamp) {
        if self.stop.is_none() {
            self.stop = Some((code, reason.into()));
            self.times.stopping = Some(now);
        }
    }

    /// Tells whether it may have processes.
    pub fn is_up(&self) -> bool {
        self.containers.iter().any(|one| one.stage == Stage::Running)
    }

    /// The deployment of its service that started it.
    pub fn deployment(&self) -> &str {
        self.service.as_ref().map_or("", |(_, deployment)| deployment)
    }

    /// Names that a fault can select it by.
    pub fn labels(&self) -> Vec<String> {
        let family = self.definition.split(':').next().unwrap_or_default();
        let service = self.group.strip_prefix("service:");
        let images = self.containers.iter().map(|one| one.image.as_str());
        let all = [Some(self.id.as_str()), service, Some(family), Some(self.definition.as_str())];
        all.into_iter().flatten().chain(images).map(str::to_owned).collect()
    }

    /// The health of its essential containers with a check; UNKNOWN if none has one.
    pub fn health(&self) -> Health {
        let checks = self.containers.iter().filter(|one| one.essential).filter_map(|one| one.check.as_ref());
        let all: Vec<Health> = checks.map(|check| check.health).collect();
        if all.contains(&Health::Unhealthy) {
            return Health::Unhealthy;
        }
        match all.is_empty() || all.contains(&Health::Unknown) {
            true => Health::Unknown,
            false => Health::Healthy,
        }
    }

    /// Tells whether an essential container has a check.
    pub fn is_checked(&self) -> bool {
        self.containers.iter().any(|one| one.essential && one.check.is_some())
    }

    pub fn shown(&self, state: &State, with_tags: bool) -> Value {
        let attachment = uuid_of(&self.id);
        let details = [
            ("subnetId", self.place.subnet.clone()),
            ("networkInterfaceId", self.interface()),
            ("macAddress", mac(self.place.address)),
            (
                "privateDnsName",
                format!("ip-{}.ec2.internal", self.place.address.to_string().replace('.', "-")),
            ),
            ("privateIPv4Address", self.place.address.to_string()),
        ];
        let attached = match self.status {
            Status::Provisioning => "ATTACHING",
            Status::Stopped => "DELETED",
            _ => "ATTACHED",
        };
        json!({
            "taskArn": self.arn,
            "clusterArn": state.arn("ecs", &format!("cluster/{}", self.cluster)),
            "taskDefinitionArn": self.definition_arn,
            "group": self.group,
            "startedBy": self.started_by,
            "lastStatus": self.status,
            "desiredStatus": if self.is_wanted() { "RUNNING" } else { "STOPPED" },
            "healthStatus": self.health(),
            "availabilityZone": self.place.zone,
            "cpu": self.cpu,
            "memory": self.memory,
            "launchType": self.launch_type.as_deref().unwrap_or("FARGATE"),
            "capacityProviderName": self.provider,
            "platformVersion": fargate::PLATFORM,
            "platformFamily": "Linux",
            "connectivity": (self.status > Status::Provisioning).then_some("CONNECTED"),
            "connectivityAt": at(self.times.pull_started),
            "createdAt": at(Some(self.times.created)),
            "pullStartedAt": at(self.times.pull_started),
            "pullStoppedAt": at(self.times.pull_stopped),
            "startedAt": at(self.times.started),
            "stoppingAt": at(self.times.stopping),
            "executionStoppedAt": at(self.times.execution_stopped),
            "stoppedAt": at(self.times.stopped),
            "stopCode": self.stop.as_ref().map(|(code, _)| code),
            "stoppedReason": self.stop.as_ref().map(|(_, reason)| reason),
            "overrides": self.overrides,
            "attributes": [{ "name": "ecs.cpu-architecture", "value": "x86_64" }],
            "attachments": [{
                "id": attachment,
                "type": "ElasticNetworkInterface",
                "status": attached,
                "details": details.map(|(name, value)| json!({ "name": name, "value": value })),
            }],
            "containers": self.containers.iter().map(|one| one.shown(state, self, &attachment)).collect::<Value>(),
            "ephemeralStorage": { "sizeInGiB": 20 },
            "enableExecuteCommand": false,
            "inferenceAccelerators": [],
            "version": 1 + self.status as u64,
            "tags": if with_tags { tags::of(state, &self.arn) } else { json!([]) },
        })
    }

    fn interface(&self) -> String {
        format!("eni-{}", &self.id[..17])
    }
}

fn mac(address: std::net::Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    format!("0a:ff:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}
