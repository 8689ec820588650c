//! The parts of the region's network that a load balancer needs: subnets, security groups, an address.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::super::api::Refusal;
use super::super::ec2::network::Subnet;
use super::super::ec2::security_groups;
use super::super::state::{Network, State};

/// The port where port 80 of a load balancer is served on its address.
pub const WEB: u16 = 10_080;

/// A subnet that must exist: `SubnetNotFound`.
pub fn subnet<'a>(state: &'a State, id: &str) -> Result<&'a Subnet, Refusal> {
    let not_found = || Refusal::new("SubnetNotFound", format!("The subnet ID '{id}' does not exist"));
    state.ec2.subnets.get(id).ok_or_else(not_found)
}

/// Tells whether this VPC exists.
pub fn has_vpc(state: &State, id: &str) -> bool {
    state.ec2.vpcs.contains_key(id)
}

/// Tells whether a VPC has a way to the internet.
pub fn has_internet_gateway(state: &State, vpc: &str) -> bool {
    state.ec2.vpcs.get(vpc).is_some_and(|vpc| vpc.internet_gateway.is_some())
}

/// The VPC of a security group.
pub fn vpc_of_group<'a>(state: &'a State, id: &str) -> Option<&'a str> {
    state.ec2.security_groups.get(id).map(|group| group.vpc.as_str())
}

/// The security group that a VPC has from the start.
pub fn default_group(state: &State, vpc: &str) -> Option<String> {
    security_groups::default_of(state, vpc).map(|group| group.id.clone())
}

/// A free address for a load balancer, and the port there that serves its port 80.
pub fn place(state: &State) -> Result<(Ipv4Addr, u16), Refusal> {
    match state.network {
        Network::Ports { first } => Ok((Ipv4Addr::LOCALHOST, own_port(state, first)?)),
        Network::Addresses { octet } => {
            let taken: BTreeSet<Ipv4Addr> =
                state.elbv2.load_balancers.values().map(|one| one.address).collect();
            let free = (1..=250).map(|last| Ipv4Addr::new(127, octet, 255, last));
            let address = free.into_iter().find(|address| !taken.contains(address));
            address.map(|address| (address, WEB)).ok_or_else(no_room)
        }
    }
}

/// A port of 127.0.0.1 that nothing of the region has, of the share that begins at `first`.
pub fn own_port(state: &State, first: u16) -> Result<u16, Refusal> {
    let balancers = state.elbv2.load_balancers.values().map(|one| one.web_port);
    let listeners = state.elbv2.listeners.values().map(|one| one.served_at);
    let taken: BTreeSet<u16> = balancers.chain(listeners).collect();
    (first + 1..=first + Network::LISTENERS).find(|port| !taken.contains(port)).ok_or_else(no_room)
}

fn no_room() -> Refusal {
    Refusal::new("InvalidSubnet", "Not enough IP space available in the subnets of the load balancer")
}
