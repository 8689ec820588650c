//! EC2: the network, instances, images and their snapshots, security groups, launch templates.

pub mod addresses;
mod ids;
pub mod images;
pub mod instance_types;
pub mod instances;
pub mod key_pairs;
pub mod launch;
pub mod launch_templates;
mod list;
pub mod network;
pub mod placement;
pub mod profiles;
pub mod security_groups;
pub mod snapshots;
pub mod tags;
mod tick;
pub mod volumes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::api::{Actions, Known, Protocol, Service, Shapes, Wire};
use super::state::{State, Tags};
pub use instances::{Instance, InstanceState};
pub use launch_templates::LaunchTemplate;
pub use network::{Subnet, Vpc};
pub use security_groups::SecurityGroup;
pub use tick::{reported, tick, wanted};

/// The state of EC2.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ec2 {
    pub instances: IndexMap<String, Instance>,
    pub vpcs: IndexMap<String, Vpc>,
    pub subnets: IndexMap<String, Subnet>,
    pub security_groups: IndexMap<String, SecurityGroup>,
    pub launch_templates: IndexMap<String, LaunchTemplate>,
    /// Includes deregistered images, until nothing needs their folders.
    pub images: IndexMap<String, images::Image>,
    /// Ids of images that were deregistered.
    pub deregistered: BTreeSet<String>,
    pub snapshots: IndexMap<String, snapshots::Snapshot>,
    pub volumes: IndexMap<String, volumes::Volume>,
    pub key_pairs: IndexMap<String, key_pairs::KeyPair>,
    pub addresses: IndexMap<String, addresses::Address>,
    /// The address that was given out last in each subnet, so that one is not given again at once.
    pub last_address: BTreeMap<String, u32>,
    pub last_port: Option<u16>,
    /// Of everything in EC2 that has tags, by its id.
    pub tags: BTreeMap<String, Tags>,
}

/// Adds the resources of a new account: the default VPC with a subnet in each zone, its default security
/// group, the base images.
pub fn furnish(state: &mut State, now: Timestamp) {
    network::furnish(state);
    images::furnish(state, now);
}

/// EC2.
pub static SERVICE: Service = Service {
    wire: Wire {
        name: "ec2",
        signed: "ec2",
        query: Some(Protocol::Ec2),
        namespace: "http://ec2.amazonaws.com/doc/2016-11-15/",
        throttled: Known("RequestLimitExceeded", "Request limit exceeded.", 503),
        broken: Known("InternalError", "An internal error has occurred", 500),
        ..Wire::QUERY
    },
    actions: ACTIONS,
    shapes: LazyLock::new(|| Shapes::parse(include_str!("shapes.txt"))),
    tick: Some(|state, _, now| tick(state, now)),
};

/// The calls, by name.
const ACTIONS: &[Actions] = &[
    addresses::ACTIONS,
    images::ACTIONS,
    instance_types::ACTIONS,
    instances::ACTIONS,
    key_pairs::ACTIONS,
    launch_templates::ACTIONS,
    network::ACTIONS,
    profiles::ACTIONS,
    security_groups::ACTIONS,
    snapshots::ACTIONS,
    tags::ACTIONS,
    volumes::ACTIONS,
];
