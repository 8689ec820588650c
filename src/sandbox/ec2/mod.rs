//! EC2: the network, instances, images and their snapshots, security groups, launch templates.

pub mod instances;
pub mod launch;
mod tick;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::api::Handler;
use super::state::State;
pub use instances::{Instance, InstanceState};
pub use tick::{reported, tick, wanted};

/// What EC2 remembers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ec2 {
    pub instances: IndexMap<String, Instance>,
}

/// Puts in what an account has from the start: the default VPC with a subnet a zone, its default
/// security group, the base images.
pub fn furnish(_state: &mut State, _now: Timestamp) {}

/// The calls of EC2, by name.
pub const ACTIONS: &[(&str, Handler)] = &[];
