//! The status of a sandbox. Counts come from the answers that any client gets.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api::{Service, ask};
use crate::clock;
use crate::region::Region;
use crate::server::Shared;
use crate::state::State;
use crate::{autoscaling, ec2, ecs, elbv2};

/// The sandbox as a whole.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Status {
    /// Of the bgform that it is.
    pub version: String,
    pub pid: u32,
    pub endpoint: String,
    pub folder: PathBuf,
    /// By the machine's clock.
    pub since: Timestamp,
    /// By the sandbox's clock.
    pub now: Timestamp,
    pub faults: Vec<String>,
    pub regions: Vec<RegionStatus>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RegionStatus {
    pub name: String,
    pub account: String,
    /// Its part of the loopback network; null if it only has ports of 127.0.0.1.
    pub network: Option<String>,
    /// The number of instances in each state.
    pub instances: BTreeMap<String, usize>,
    /// Auto Scaling groups.
    pub groups: usize,
    pub load_balancers: Vec<BalancerStatus>,
    /// Of Elastic Container Service.
    pub services: Vec<ServiceStatus>,
    /// How many tasks are in each status.
    pub tasks: BTreeMap<String, usize>,
    /// How often each action was called since the start, such as `ec2 RunInstances`.
    pub calls: BTreeMap<String, u64>,
    /// Why the state cannot be written; null if it can.
    pub failure: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BalancerStatus {
    pub name: String,
    pub dns_name: String,
    /// Such as `active`.
    pub state: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceStatus {
    pub name: String,
    pub cluster: String,
    /// Such as `ACTIVE`.
    pub status: String,
    pub desired: u64,
    pub running: u64,
    /// Of the primary deployment, such as `IN_PROGRESS`.
    pub rollout: String,
}

pub async fn of(shared: &Shared) -> Status {
    let mut regions = Vec::new();
    for region in shared.regions().await {
        regions.push(of_region(&region).await);
    }
    Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        endpoint: shared.endpoint(),
        folder: shared.options.folder.clone(),
        since: shared.since,
        now: shared.options.clock.now(),
        faults: shared.options.faults.list().iter().map(ToString::to_string).collect(),
        regions,
    }
}

/// Time to wait for a state that is being written.
const WRITES: Duration = Duration::from_secs(2);

async fn of_region(region: &Region) -> RegionStatus {
    let state = region.look();
    let mut by_state = BTreeMap::new();
    for state in instances(region).into_values() {
        *by_state.entry(state).or_default() += 1;
    }
    let groups =
        pages(region, &autoscaling::SERVICE, "DescribeAutoScalingGroups", "AutoScalingGroups", "NextToken");
    let counts = region.calls.counts().into_iter();
    let saved = tokio::select! {
        saved = region.saved() => saved.err(),
        () = clock::sleep(WRITES) => Some("it is still being written".to_owned()),
    };
    RegionStatus {
        name: state.region.clone(),
        account: state.account.clone(),
        network: match state.network {
            crate::state::Network::Addresses { .. } => Some(state.network.cidr()),
            crate::state::Network::Ports { .. } => None,
        },
        instances: by_state,
        groups: groups.len(),
        load_balancers: load_balancers(region),
        services: services(region),
        tasks: tasks(&state),
        calls: counts.map(|((service, action), count)| (format!("{service} {action}"), count)).collect(),
        failure: saved,
    }
}

/// The state of each instance, by its id.
pub fn instances(region: &Region) -> BTreeMap<String, String> {
    let reservations = pages(region, &ec2::SERVICE, "DescribeInstances", "reservationSet", "NextToken");
    let of_one = |one: &Value| Some((text(one, "/instanceId")?, text(one, "/instanceState/name")?));
    let lists = reservations.iter().filter_map(|one| one.get("instancesSet")?.as_array());
    lists.flatten().filter_map(of_one).collect()
}

/// The load balancers, in the order in which the API lists them.
pub fn load_balancers(region: &Region) -> Vec<BalancerStatus> {
    let found = pages(region, &elbv2::SERVICE, "DescribeLoadBalancers", "LoadBalancers", "Marker");
    let one = |one: &Value| {
        Some(BalancerStatus {
            name: text(one, "/LoadBalancerName")?,
            dns_name: text(one, "/DNSName")?,
            state: text(one, "/State/Code").unwrap_or_default(),
        })
    };
    found.iter().filter_map(one).collect()
}

/// The services, as DescribeServices tells them.
fn services(region: &Region) -> Vec<ServiceStatus> {
    let state = region.look();
    let one = |service: &ecs::Service| {
        let params = json!({ "cluster": service.cluster, "services": [service.arn] });
        let answer = ask(region, &ecs::SERVICE, "DescribeServices", params).ok()?;
        let told = answer.pointer("/services/0")?;
        let count = |name: &str| told.get(name).and_then(Value::as_u64).unwrap_or_default();
        Some(ServiceStatus {
            name: service.name.clone(),
            cluster: service.cluster.clone(),
            status: text(told, "/status")?,
            desired: count("desiredCount"),
            running: count("runningCount"),
            rollout: text(told, "/deployments/0/rolloutState").unwrap_or_default(),
        })
    };
    state.ecs.services.values().filter_map(one).collect()
}

/// How many tasks are in each status, by its name.
fn tasks(state: &State) -> BTreeMap<String, usize> {
    let mut by_status = BTreeMap::new();
    for task in state.ecs.tasks.values() {
        *by_status.entry(task.status.name()).or_default() += 1;
    }
    by_status
}

/// All members of a list that comes in pages; empty where the call is refused.
pub fn pages(
    region: &Region,
    service: &'static Service,
    action: &str,
    list: &str,
    token: &str,
) -> Vec<Value> {
    let mut found = Vec::new();
    let mut params = json!({});
    loop {
        let Ok(answer) = ask(region, service, action, params) else { return found };
        found.extend(answer.get(list).and_then(Value::as_array).into_iter().flatten().cloned());
        let names = ["NextToken", "nextToken", "NextMarker"];
        let next = names.iter().find_map(|name| answer.get(name)?.as_str()).filter(|next| !next.is_empty());
        match next {
            Some(next) => params = json!({ token: next }),
            None => return found,
        }
    }
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer)?.as_str().map(str::to_owned)
}
