//! Addresses and ports for instances.

use std::net::Ipv4Addr;

use super::super::super::api::Refusal;
use super::super::super::ecs;
use super::super::super::state::{Network, State};
use super::super::InstanceState;
use super::super::placement::Place;

/// Ports of an address that instances share: below those that the system gives to outgoing
/// connections itself.
const PORTS: std::ops::Range<u16> = 20_000..32_768;

/// Tells whether something in a VPC has this address. The last 256 of the region's own addresses belong to
/// its load balancers.
fn in_use(state: &State, vpc: &str, address: Ipv4Addr) -> bool {
    let mut live = state.ec2.instances.values().filter(|one| one.state != InstanceState::Terminated);
    (address.is_loopback() && address.octets()[2] == 255)
        || live.any(|one| one.private_address == address && one.vpc == vpc)
        || ecs::holds(state, vpc, address)
}

/// A free address of the subnet, or the requested one. The first four and the last one are reserved (VPC user
/// guide, subnet-sizing). `InsufficientFreeAddressesInSubnet`, `InvalidIPAddress.InUse`,
/// `InvalidParameterValue`.
pub fn take(state: &mut State, place: &Place, asked: Option<Ipv4Addr>) -> Result<Ipv4Addr, Refusal> {
    let size = 1_u32.checked_shl(32 - u32::from(place.prefix.min(32))).unwrap_or(u32::MAX);
    let base = u32::from(place.base);
    let (first, count) = (base.saturating_add(4), size.saturating_sub(5));
    if let Some(asked) = asked {
        if !(first..first.saturating_add(count)).contains(&u32::from(asked)) {
            return Err(Refusal::value(format!(
                "Invalid value '{asked}' for address. Address is not in the subnet's address range or is reserved."
            )));
        }
        if in_use(state, &place.vpc, asked) {
            return Err(Refusal::new("InvalidIPAddress.InUse", format!("Address {asked} is in use.")));
        }
        return Ok(asked);
    }
    // From the one after the last: an address that was just given back stays unused for long.
    let after = state.ec2.last_address.get(&place.subnet).map_or(0, |last| last.wrapping_sub(first) + 1);
    let free = (0..count)
        .map(|step| Ipv4Addr::from(first + (after.wrapping_add(step)) % count))
        .find(|address| !in_use(state, &place.vpc, *address))
        .ok_or_else(|| {
            Refusal::new(
                "InsufficientFreeAddressesInSubnet",
                format!(
                    "There are not enough free addresses in subnet '{}' to satisfy the requested number of instances.",
                    place.subnet
                ),
            )
        })?;
    state.ec2.last_address.insert(place.subnet.clone(), u32::from(free));
    Ok(free)
}

/// A port of the shared address that nothing has, nor is in `taken`, where something with this address needs one.
pub fn take_port(state: &mut State, address: Ipv4Addr, taken: &[u16]) -> Result<Option<u16>, Refusal> {
    if !state.network.shares(address) {
        return Ok(None);
    }
    let ports = match state.network {
        Network::Ports { first } => first + Network::LISTENERS + 1..first + Network::SHARE,
        Network::Addresses { .. } => PORTS,
    };
    let live = state.ec2.instances.values().filter(|one| one.state != InstanceState::Terminated);
    let used: Vec<u16> = live.filter_map(|one| one.own_port).chain(taken.iter().copied()).collect();
    let after = state.ec2.last_port.map_or(0, |last| last.saturating_sub(ports.start) + 1);
    let count = ports.end - ports.start;
    let free = (0..count)
        .map(|step| ports.start + (after + step) % count)
        .find(|port| !used.contains(port) && !ecs::uses_port(state, *port));
    state.ec2.last_port = free.or(state.ec2.last_port);
    free.map(Some).ok_or_else(|| {
        Refusal::new("InsufficientInstanceCapacity", "The sandbox has no free port for an instance.")
    })
}
