//! What a load balancer asks of the region's network: subnets, security groups, an address.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use super::super::api::Refusal;
use super::super::state::{Network, State};

/// A subnet, as far as a load balancer needs it.
#[derive(Debug, Clone)]
pub struct Subnet {
    pub id: String,
    pub vpc: String,
    /// Such as `us-east-1a`.
    pub zone: String,
}

/// The port where port 80 of a load balancer is served on its address.
pub const WEB: u16 = 10_080;
/// Where the system has only 127.0.0.1, load balancers have ports from here up.
const FIRST_OWN_PORT: u16 = 30_000;

/// A subnet that must exist: `SubnetNotFound`.
pub fn subnet(state: &State, id: &str) -> Result<Subnet, Refusal> {
    find_subnet(state, id)
        .ok_or_else(|| Refusal::new("SubnetNotFound", format!("The subnet ID '{id}' does not exist")))
}

fn find_subnet(state: &State, id: &str) -> Option<Subnet> {
    let letter = id.strip_prefix("subnet-").and_then(|rest| rest.chars().last())?;
    let zone = state.zones().into_iter().map(|(name, _)| name).find(|name| name.ends_with(letter))?;
    Some(Subnet { id: id.to_owned(), vpc: "vpc-1".to_owned(), zone })
}

/// Whether there is such a VPC.
pub fn has_vpc(_state: &State, id: &str) -> bool {
    id == "vpc-1"
}

/// The VPC of a security group.
pub fn vpc_of_group(_state: &State, id: &str) -> Option<String> {
    id.starts_with("sg-").then(|| "vpc-1".to_owned())
}

/// The security group that a VPC has from the start.
pub fn default_group(_state: &State, _vpc: &str) -> Option<String> {
    Some("sg-default".to_owned())
}

/// A free address for a load balancer, and the port there that serves its port 80.
pub fn place(state: &State) -> Result<(Ipv4Addr, u16), Refusal> {
    match state.network {
        Network::Ports => Ok((Ipv4Addr::LOCALHOST, own_port(state)?)),
        Network::Addresses { octet } => {
            let taken: BTreeSet<Ipv4Addr> =
                state.elbv2.load_balancers.values().map(|one| one.address).collect();
            let free = (1..=250).map(|last| Ipv4Addr::new(127, octet, 255, last));
            let address = free.into_iter().find(|address| !taken.contains(address));
            address.map(|address| (address, WEB)).ok_or_else(no_room)
        }
    }
}

/// A port of 127.0.0.1 that nothing of the region has.
pub fn own_port(state: &State) -> Result<u16, Refusal> {
    let balancers = state.elbv2.load_balancers.values().map(|one| one.web_port);
    let listeners = state.elbv2.listeners.values().map(|one| one.served_at);
    let instances = state.ec2.instances.values().filter_map(|one| one.own_port);
    let taken: BTreeSet<u16> = balancers.chain(listeners).chain(instances).collect();
    (FIRST_OWN_PORT..=u16::MAX).find(|port| !taken.contains(port)).ok_or_else(no_room)
}

fn no_room() -> Refusal {
    Refusal::new("InvalidSubnet", "Not enough IP space available in the subnets of the load balancer")
}

/// Where a load balancer is reached by an instance or a person on this machine.
pub fn host(address: Ipv4Addr) -> IpAddr {
    IpAddr::V4(address)
}
