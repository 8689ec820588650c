//! The network of tasks: subnets, security groups, addresses and ports.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Task, TaskDefinition, invalid};
use crate::api::{Params, Refusal};
use crate::ec2::launch::address;
use crate::ec2::placement;
use crate::network::served;
use crate::state::State;

/// `awsvpcConfiguration`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Network {
    pub subnets: Vec<String>,
    pub security_groups: Vec<String>,
    pub public: bool,
}

/// A place for a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Place {
    pub subnet: String,
    pub vpc: String,
    pub zone: String,
    pub address: Ipv4Addr,
    /// The real port for each port of a container, if the address is shared.
    pub ports: BTreeMap<u16, u16>,
}

impl Network {
    /// The configuration of a call; `None` if it has none. `InvalidParameterException`.
    pub fn read(state: &State, params: &Params) -> Result<Option<Self>, Refusal> {
        let given = params.child("networkConfiguration").and_then(|one| one.child("awsvpcConfiguration"));
        let Some(given) = given else { return Ok(None) };
        let network = Self {
            subnets: given.texts("subnets"),
            security_groups: given.texts("securityGroups"),
            public: given.text("assignPublicIp").as_deref() == Some("ENABLED"),
        };
        if network.subnets.is_empty() {
            return Err(invalid("subnets can not be empty."));
        }
        let mut vpc = None;
        for id in &network.subnets {
            let place = placement::subnet(state, id).ok_or_else(|| {
                invalid(format!(
                    "Error retrieving subnet information for [{id}]: The subnet ID '{id}' does not exist (ErrorCode: \
                     InvalidSubnetID.NotFound)"
                ))
            })?;
            vpc = Some(place.vpc);
        }
        for id in &network.security_groups {
            let group = placement::group(state, id).ok_or_else(|| {
                invalid(format!(
                    "Error retrieving security group information for [{id}]: The security group '{id}' does not exist \
                     (ErrorCode: InvalidGroup.NotFound)"
                ))
            })?;
            if Some(&group.1) != vpc.as_ref() {
                return Err(invalid(format!(
                    "Security group {id} does not appear to belong to the same VPC as the input subnets."
                )));
            }
        }
        Ok(Some(network))
    }

    /// Checks that awsvpc tasks have a configuration, and others none.
    pub fn fits(network: Option<&Self>, definition: &TaskDefinition) -> Result<(), Refusal> {
        match (definition.is_awsvpc(), network) {
            (true, None) => {
                Err(invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified."))
            }
            (false, Some(_)) => Err(invalid(
                "Network Configuration is not valid for the given networkMode of this task definition.",
            )),
            _ => Ok(()),
        }
    }

    /// A place in the subnet with the fewest of `others`, for a task with these ports.
    pub fn place(&self, state: &mut State, others: &[String], ports: &[u16]) -> Result<Place, Refusal> {
        let load = |id: &&String| others.iter().filter(|other| other == id).count();
        let Some(subnet) = self.subnets.iter().min_by_key(load) else {
            return Err(invalid("subnets can not be empty."));
        };
        let place = placement::subnet(state, subnet)
            .ok_or_else(|| invalid(format!("The subnet ID '{subnet}' does not exist")))?;
        let address = address::take(state, &place, None)?;
        let mut own = BTreeMap::new();
        for port in ports {
            let taken: Vec<u16> = own.values().copied().collect();
            own.extend(address::take_port(state, address, &taken)?.map(|served| (*port, served)));
        }
        Ok(Place { subnet: place.subnet, vpc: place.vpc, zone: place.zone, address, ports: own })
    }

    pub fn shown(&self) -> Value {
        json!({ "awsvpcConfiguration": {
            "subnets": self.subnets,
            "securityGroups": self.security_groups,
            "assignPublicIp": if self.public { "ENABLED" } else { "DISABLED" },
        } })
    }
}

impl Place {
    /// The real port for a port of a container.
    pub fn served(&self, port: u16) -> u16 {
        self.ports.get(&port).copied().unwrap_or_else(|| served(port))
    }
}

fn live(state: &State) -> impl Iterator<Item = &Task> {
    state.ecs.tasks.values().filter(|task| task.status != super::task::Status::Stopped)
}

/// Tells whether a task in a VPC has this address.
pub fn holds(state: &State, vpc: &str, address: Ipv4Addr) -> bool {
    live(state).any(|task| task.place.address == address && task.place.vpc == vpc)
}

/// Tells whether a task is in this subnet, so that it cannot be deleted.
pub fn placed_in(state: &State, subnet: &str) -> bool {
    live(state).any(|task| task.place.subnet == subnet)
}

/// Tells whether a task has this security group, so that it cannot be deleted.
pub fn uses_group(state: &State, group: &str) -> bool {
    live(state).any(|task| task.network.security_groups.iter().any(|own| own == group))
}

/// Tells whether a task has this port of the shared address.
pub fn uses_port(state: &State, port: u16) -> bool {
    live(state).any(|task| task.place.ports.values().any(|own| *own == port))
}

/// The reachable host of the task with this address, its mapping of ports, and its names in faults; `None` if
/// no task has the address.
pub fn reached<'a>(state: &'a State, address: &str) -> Option<(IpAddr, &'a Place, Vec<String>)> {
    let address: Ipv4Addr = address.parse().ok()?;
    let task = live(state).find(|task| task.place.address == address)?;
    Some((state.network.host(address), &task.place, task.labels()))
}
