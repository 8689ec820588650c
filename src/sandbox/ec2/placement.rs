//! What launching needs to know of the network.

use std::net::Ipv4Addr;

use super::super::state::State;

/// A subnet, as far as a launch is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub subnet: String,
    pub vpc: String,
    pub zone: String,
    /// Its first address, and the length of its prefix.
    pub base: Ipv4Addr,
    pub prefix: u8,
    /// Whether instances in it have a public address unless told otherwise.
    pub public: bool,
}

/// All subnets.
fn places(state: &State) -> Vec<Place> {
    let octet = state.network.octet();
    let zones = state.zones().into_iter().enumerate();
    zones
        .map(|(index, (zone, _))| Place {
            subnet: format!("subnet-{index:017x}"),
            vpc: format!("vpc-{:017x}", 0),
            zone,
            base: Ipv4Addr::new(127, octet, 16 * u8::try_from(index).unwrap_or_default(), 0),
            prefix: 20,
            public: true,
        })
        .collect()
}

/// The subnet with this id.
pub fn subnet(state: &State, id: &str) -> Option<Place> {
    places(state).into_iter().find(|place| place.subnet == id)
}

/// The default subnet of a zone; of the first zone where none is named.
pub fn default_subnet(state: &State, zone: Option<&str>) -> Option<Place> {
    places(state).into_iter().find(|place| zone.is_none_or(|zone| place.zone == zone))
}

/// The default security group of a VPC.
pub fn default_group(_state: &State, vpc: &str) -> Option<String> {
    Some(vpc.replacen("vpc-", "sg-", 1))
}

/// The name and the VPC of a security group.
pub fn group(state: &State, id: &str) -> Option<(String, String)> {
    let vpc = places(state).into_iter().next()?.vpc;
    (default_group(state, &vpc)? == id).then(|| ("default".to_owned(), vpc))
}

/// The id of a security group of the VPC, by its name.
pub fn group_named(state: &State, vpc: &str, name: &str) -> Option<String> {
    let id = default_group(state, vpc)?;
    (group(state, &id)?.0 == name).then_some(id)
}
