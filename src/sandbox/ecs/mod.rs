//! Elastic Container Service: tasks whose containers are processes, and services that keep them.
//!
//! Tasks run on Fargate; there are no container instances. A task has an address of its own, like an
//! instance.

mod clusters;
mod container;
mod definition;
mod definitions;
mod deployments;
mod engine;
mod fargate;
pub mod images;
mod machines;
mod network;
mod service;
mod services;
mod tags;
mod task;
mod task_calls;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::api::{Actions, Known, Paging, Params, Refusal, Service as Api, Shapes, Wire, timestamp};
use super::state::{Tags, random_hex};
pub use clusters::Cluster;
pub use definition::TaskDefinition;
pub use engine::{reported, tick};
pub use machines::wanted;
pub use network::{holds, placed_in, reached, uses_group, uses_port};
pub use service::Service;
pub use services::{bound, is_active};
pub use task::Task;

/// The state of Elastic Container Service.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ecs {
    /// By name.
    pub clusters: BTreeMap<String, Cluster>,
    /// By `family:revision`, in the order in which they were registered.
    pub definitions: IndexMap<String, TaskDefinition>,
    /// The last revision of each family, including deleted ones.
    pub revisions: BTreeMap<String, u32>,
    /// By ARN.
    pub services: IndexMap<String, Service>,
    /// By ARN, in the order in which they were started.
    pub tasks: IndexMap<String, Task>,
    pub images: images::Images,
    /// By ARN.
    pub tags: BTreeMap<String, Tags>,
}

/// Elastic Container Service.
pub static SERVICE: Api = Api {
    wire: Wire {
        name: "ecs",
        signed: "ecs",
        target: Some("AmazonEC2ContainerServiceV20141113"),
        query: None,
        invalid: "InvalidParameterException",
        throttled: Known("ThrottlingException", "Rate exceeded", 400),
        broken: Known("ServerException", "Service Unavailable. Please try again later.", 500),
        ..Wire::QUERY
    },
    actions: ACTIONS,
    shapes: LazyLock::new(|| Shapes::parse(include_str!("shapes.txt"))),
    tick: Some(|state, _, now| tick(state, now)),
};

/// The calls, by name.
const ACTIONS: &[Actions] = &[
    clusters::ACTIONS,
    definitions::ACTIONS,
    deployments::ACTIONS,
    services::ACTIONS,
    tags::ACTIONS,
    task_calls::ACTIONS,
];

/// The refusal of a caller's mistake.
fn client(message: impl Into<String>) -> Refusal {
    Refusal::new("ClientException", message)
}

/// The refusal of a wrong parameter.
fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidParameterException", message)
}

/// A page of a list: `nextToken`, with 100 items by default.
fn paged(params: &Params, list: &str, items: Vec<Value>) -> Result<Value, Refusal> {
    let bad = "InvalidParameterException";
    Paging { most: "maxResults", size: 100, token: "nextToken", next: "nextToken", bad }
        .answer(params, list, items)
}

/// The last part of an ARN or path; a name is returned unchanged.
pub fn last(text: &str) -> &str {
    text.rsplit('/').next().unwrap_or(text)
}

fn at(time: Option<Timestamp>) -> Option<Value> {
    time.map(timestamp)
}

fn after(since: Timestamp, by: std::time::Duration) -> Timestamp {
    since.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// The earlier of two times.
fn sooner(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}

/// A random UUID.
fn uuid() -> String {
    uuid_of(&random_hex(32))
}

/// The UUID that begins with these hexadecimal digits.
fn uuid_of(digits: &str) -> String {
    let hex = format!("{digits:0<32}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// A failure in the answer of a call about several resources (API_Failure): the resource is missing.
fn missing(arn: &str) -> Value {
    serde_json::json!({ "arn": arn, "reason": "MISSING" })
}

/// The names and values of `[{ name, value }]`.
fn pairs(items: &[Params], name: &str, value: &str) -> BTreeMap<String, String> {
    items.iter().map(|item| (item.needed(name), item.needed(value))).collect()
}
