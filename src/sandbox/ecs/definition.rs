//! A task definition: parsed, completed and checked like RegisterTaskDefinition does.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{at, client, fargate, last};
use crate::api::{Params, Refusal};
use crate::state::State;

/// A revision of a family.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskDefinition {
    pub arn: String,
    pub family: String,
    pub revision: u32,
    pub status: Status,
    pub registered: Timestamp,
    pub deregistered: Option<Timestamp>,
    pub delete_requested: Option<Timestamp>,
    /// The registered parameters, completed: `containerDefinitions`, `cpu` and so on.
    pub body: Value,
}

/// API_TaskDefinition
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    Active,
    Inactive,
    DeleteInProgress,
}

impl TaskDefinition {
    /// `family:revision`
    pub fn key(&self) -> String {
        format!("{}:{}", self.family, self.revision)
    }

    pub fn containers(&self) -> Vec<Params> {
        self.params().items("containerDefinitions")
    }

    pub fn params(&self) -> Params {
        Params::from_json(self.body.clone())
    }

    pub fn is_awsvpc(&self) -> bool {
        self.params().needed("networkMode") == "awsvpc"
    }

    pub fn fits_fargate(&self) -> bool {
        self.params().texts("compatibilities").iter().any(|one| one == "FARGATE")
    }

    pub fn shown(&self) -> Value {
        let mut shown = self.body.clone();
        let own = json!({
            "taskDefinitionArn": self.arn,
            "family": self.family,
            "revision": self.revision,
            "status": self.status,
            "registeredAt": at(Some(self.registered)),
            "deregisteredAt": at(self.deregistered),
            "deleteRequestedAt": at(self.delete_requested),
        });
        extend(&mut shown, own);
        shown
    }
}

fn extend(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}

/// The revision that a text names: an ARN, `family:revision`, or `family` for its newest active one.
pub fn find<'a>(state: &'a State, named: &str) -> Option<&'a TaskDefinition> {
    let key = last(named);
    let all = &state.ecs.definitions;
    let found = match key.contains(':') {
        true => all.get(key),
        false => all
            .values()
            .filter(|one| one.family == key && one.status == Status::Active)
            .max_by_key(|one| one.revision),
    }?;
    (!named.starts_with("arn:") || found.arn == named).then_some(found)
}

/// A revision that new tasks may use. `ClientException`.
pub fn usable<'a>(state: &'a State, named: &str) -> Result<&'a TaskDefinition, Refusal> {
    let found = find(state, named).ok_or_else(|| client("TaskDefinition not found."))?;
    match found.status {
        Status::Active => Ok(found),
        _ => Err(client("TaskDefinition is inactive")),
    }
}

/// The body of a definition from the parameters of RegisterTaskDefinition. `ClientException`.
pub fn read(params: &Params) -> Result<Value, Refusal> {
    let family = params.needed("family");
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if family.is_empty() || family.len() > 255 || !family.chars().all(plain) {
        return Err(client(
            "Invalid family name. Only letters, numbers, hyphens and underscores are allowed.",
        ));
    }
    let needs = params.texts("requiresCompatibilities");
    let on_fargate = needs.iter().any(|one| one == "FARGATE");
    let awsvpc = params.needed("networkMode") == "awsvpc";
    let cpu = params.given("cpu").map(|text| fargate::cpu(&text)).transpose()?;
    let memory = params.given("memory").map(|text| fargate::memory(&text)).transpose()?;
    if on_fargate {
        match (cpu, memory) {
            (None, _) => return Err(client("Fargate requires that 'cpu' be defined at the task level.")),
            (_, None) => return Err(client("Fargate requires that 'memory' be defined at the task level.")),
            _ if !awsvpc => return Err(client("Fargate only supports network mode ‘awsvpc’.")),
            (Some(cpu), Some(memory)) if !fargate::has(cpu, memory) => {
                return Err(client(format!(
                    "No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. See the Amazon ECS \
                     documentation for the valid values."
                )));
            }
            _ => {}
        }
    }
    let containers = params.items("containerDefinitions");
    check_containers(&containers, memory.is_some(), awsvpc)?;
    let fits = awsvpc && cpu.zip(memory).is_some_and(|(cpu, memory)| fargate::has(cpu, memory));
    let mut body = params.value().clone();
    if let Value::Object(body) = &mut body {
        body.remove("tags");
        for (name, units) in [("cpu", cpu), ("memory", memory)] {
            body.extend(units.map(|units| (name.to_owned(), json!(units.to_string()))));
        }
        for name in ["volumes", "placementConstraints"] {
            body.entry(name).or_insert_with(|| json!([]));
        }
        body.insert(
            "containerDefinitions".to_owned(),
            containers.iter().map(|one| container(one, awsvpc)).collect(),
        );
        let compatibilities = if fits { json!(["EC2", "FARGATE"]) } else { json!(["EC2"]) };
        body.insert("compatibilities".to_owned(), compatibilities);
    }
    Ok(body)
}

fn check_containers(containers: &[Params], sized: bool, awsvpc: bool) -> Result<(), Refusal> {
    if containers.is_empty() {
        return Err(client("Container list cannot be empty."));
    }
    let mut names = BTreeSet::new();
    for one in containers {
        for member in ["name", "image"] {
            if one.given(member).is_none() {
                return Err(client(format!("Container.{member} should not be null or empty.")));
            }
        }
        let name = one.needed("name");
        let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
        if name.len() > 255 || !name.chars().all(plain) {
            return Err(client(format!("Container name '{name}' has characters that are not allowed.")));
        }
        if !sized && !one.has("memory") && !one.has("memoryReservation") {
            return Err(client(format!(
                "Invalid setting for container '{name}'. At least one of 'memory' or 'memoryReservation' must be specified."
            )));
        }
        let differ = |port: &Params| {
            let own: Option<u16> = port.number("hostPort");
            own.is_some_and(|own| own != 0 && Some(own) != port.number("containerPort"))
        };
        if awsvpc && one.items("portMappings").iter().any(differ) {
            return Err(client(
                "When networkMode=awsvpc, the host ports and container ports in port mappings must match.",
            ));
        }
        names.insert(name);
    }
    if names.len() < containers.len() {
        return Err(client("Container names must be unique within a task definition."));
    }
    if containers.iter().all(|one| one.flag("essential") == Some(false)) {
        return Err(client("Invalid 'containerDefinitions': at least one container must be essential."));
    }
    for one in containers {
        for dependency in one.items("dependsOn") {
            let (name, on) = (one.needed("name"), dependency.needed("containerName"));
            if !names.contains(&on) || on == name {
                return Err(client(format!(
                    "Container '{name}' depends on '{on}', which is no other container."
                )));
            }
        }
    }
    Ok(())
}

/// A container in the form of answers, with its defaults.
fn container(given: &Params, awsvpc: bool) -> Value {
    let mut one: Map<String, Value> = given.value().as_object().cloned().unwrap_or_default();
    for (name, value) in [
        ("cpu", json!(0)),
        ("essential", json!(true)),
        ("environment", json!([])),
        ("mountPoints", json!([])),
        ("portMappings", json!([])),
        ("systemControls", json!([])),
        ("volumesFrom", json!([])),
    ] {
        one.entry(name).or_insert(value);
    }
    if let Some(Value::Array(ports)) = one.get_mut("portMappings") {
        for port in ports.iter_mut().filter_map(Value::as_object_mut) {
            let own = port.get("containerPort").cloned().filter(|_| awsvpc).unwrap_or(json!(0));
            port.entry("hostPort").or_insert(own);
            port.entry("protocol").or_insert(json!("tcp"));
        }
    }
    if let Some(Value::Object(check)) = one.get_mut("healthCheck") {
        for (name, value) in [("interval", 30), ("timeout", 5), ("retries", 3)] {
            check.entry(name).or_insert(json!(value));
        }
    }
    Value::Object(one)
}
