//! The part of the network that a launch needs.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::super::state::State;
use super::network::{self, Subnet};
use super::security_groups;

/// The attributes of a subnet for a launch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub subnet: String,
    pub vpc: String,
    pub zone: String,
    /// Its first address, and the length of its prefix.
    pub base: Ipv4Addr,
    pub prefix: u8,
    /// Whether its instances have a public address by default.
    pub public: bool,
}

impl Place {
    fn of(subnet: &Subnet) -> Option<Self> {
        let range: Ipv4Net = subnet.cidr.parse().ok()?;
        Some(Self {
            subnet: subnet.id.clone(),
            vpc: subnet.vpc.clone(),
            zone: subnet.zone.clone(),
            base: range.network(),
            prefix: range.prefix_len(),
            public: subnet.map_public_ip_on_launch,
        })
    }
}

/// The subnet with this id.
pub fn subnet(state: &State, id: &str) -> Option<Place> {
    Place::of(state.ec2.subnets.get(id)?)
}

/// The default subnet of a zone, or of the first zone if none is named.
pub fn default_subnet(state: &State, zone: Option<&str>) -> Option<Place> {
    Place::of(network::default_subnet(state, zone)?)
}

/// The default security group of a VPC.
pub fn default_group(state: &State, vpc: &str) -> Option<String> {
    security_groups::default_of(state, vpc).map(|group| group.id.clone())
}

/// The name and the VPC of a security group.
pub fn group(state: &State, id: &str) -> Option<(String, String)> {
    let group = security_groups::get(state, id).ok()?;
    Some((group.name.clone(), group.vpc.clone()))
}

/// The id of a security group of the VPC, by its name.
pub fn group_named(state: &State, vpc: &str, name: &str) -> Option<String> {
    security_groups::named(state, vpc, name).map(|group| group.id.clone())
}
