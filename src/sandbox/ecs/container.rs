//! A container of a task, and its health check.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::task::{Status, Task};
use super::{pairs, uuid_of};
use crate::api::Params;
use crate::state::{State, random_hex};

/// A container of a task: its command, and its stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Container {
    pub name: String,
    pub image: String,
    pub digest: Option<String>,
    pub essential: bool,
    pub cpu: String,
    pub command: Vec<String>,
    pub environment: BTreeMap<String, String>,
    /// Names of variables, and of the parameters with their values.
    pub secrets: BTreeMap<String, String>,
    pub ports: Vec<u16>,
    pub stop_timeout: u64,
    /// Other containers, and their required conditions before this one starts.
    pub depends: Vec<(String, String)>,
    pub check: Option<Check>,
    pub runtime: String,
    pub stage: Stage,
    pub exit: Option<i32>,
    pub reason: Option<String>,
}

/// The stage of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Stage {
    /// It waits for other containers.
    Waiting,
    /// It should have a process.
    Wanted,
    Running,
    Ended,
}

/// The health check of a container (API_HealthCheck).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    pub script: String,
    pub interval: u64,
    pub timeout: u64,
    pub retries: u32,
    pub start_period: u64,
    pub health: Health,
    pub failures: u32,
    /// Number of checks so far; one is under way if `due` is `None`.
    pub number: u64,
    pub due: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Health {
    Unknown,
    Healthy,
    Unhealthy,
}

impl Container {
    /// Merges a definition's container with a call's changes.
    pub fn of(given: &Params, change: Option<&Params>) -> Self {
        let pair = |one: &Params| pairs(&one.items("environment"), "name", "value");
        let mut environment = pair(given);
        environment.extend(change.map(pair).unwrap_or_default());
        let mut command = change.map(|one| one.texts("command")).unwrap_or_default();
        if command.is_empty() {
            command = given.texts("command");
        }
        let depends = given
            .items("dependsOn")
            .iter()
            .map(|one| (one.needed("containerName"), one.needed("condition")))
            .collect();
        Self {
            name: given.needed("name"),
            image: given.needed("image"),
            digest: None,
            essential: given.flag("essential") != Some(false),
            cpu: given.needed("cpu"),
            command: given.texts("entryPoint").into_iter().chain(command).collect(),
            environment,
            secrets: pairs(&given.items("secrets"), "name", "valueFrom"),
            ports: given.items("portMappings").iter().filter_map(|one| one.number("containerPort")).collect(),
            stop_timeout: given.number("stopTimeout").unwrap_or(30),
            depends,
            check: given.child("healthCheck").and_then(|check| Check::of(&check)),
            runtime: random_hex(10),
            stage: Stage::Waiting,
            exit: None,
            reason: None,
        }
    }

    /// The machine's name in compute.
    pub fn machine(&self, task: &str) -> String {
        format!("{task}-{}", self.name)
    }

    /// The form in DescribeTasks; `attachment` is the id of the task's network interface.
    pub fn shown(&self, state: &State, task: &Task, attachment: &str) -> Value {
        let status = match self.stage {
            Stage::Waiting | Stage::Wanted if task.status == Status::Stopped => "STOPPED",
            Stage::Waiting | Stage::Wanted => "PENDING",
            Stage::Running => "RUNNING",
            Stage::Ended => "STOPPED",
        };
        json!({
            "containerArn": state.arn("ecs", &format!("container/{}/{}/{}", task.cluster, task.id, uuid_of(&self.runtime))),
            "taskArn": task.arn,
            "name": self.name,
            "image": self.image,
            "imageDigest": self.digest,
            "runtimeId": (self.stage > Stage::Wanted).then(|| format!("{}-{}", task.id, self.runtime)),
            "lastStatus": status,
            "exitCode": self.exit,
            "reason": self.reason,
            "networkBindings": [],
            "networkInterfaces": [{ "attachmentId": attachment, "privateIpv4Address": task.place.address.to_string() }],
            "healthStatus": self.check.as_ref().map_or(Health::Unknown, |check| check.health),
            "cpu": self.cpu,
            "managedAgents": [],
        })
    }
}

impl Check {
    /// `None`: `NONE`, which disables an image's check.
    fn of(given: &Params) -> Option<Self> {
        let command = given.texts("command");
        let (how, words) = command.split_first()?;
        let script = match how.as_str() {
            "NONE" => return None,
            "CMD-SHELL" => words.join(" "),
            "CMD" => words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "),
            // Docker reads it as the command itself.
            _ => command.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "),
        };
        Some(Self {
            script,
            interval: given.number("interval").unwrap_or(30),
            timeout: given.number("timeout").unwrap_or(5),
            retries: given.number("retries").unwrap_or(3),
            start_period: given.number("startPeriod").unwrap_or(0),
            health: Health::Unknown,
            failures: 0,
            number: 0,
            due: None,
        })
    }
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
