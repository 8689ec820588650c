//! The placement of load balancers: subnets, security groups, types of addresses.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::api::{Actions, Call, Params, Refusal};
use super::super::ec2::network::Subnet;
use super::super::state::State;
use super::load_balancers::{Kind, LoadBalancer};
use super::network;
use super::resource::Resource;

/// The calls about the placement of load balancers, by name.
pub const ACTIONS: Actions = &[
    ("SetSubnets", set_subnets),
    ("SetSecurityGroups", set_security_groups),
    ("SetIpAddressType", set_ip_address_type),
];

/// A zone of a load balancer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Placed {
    pub zone: String,
    pub subnet: String,
}

/// A load balancer that must exist, to be changed.
fn changed<'a>(state: &'a mut State, arn: &str) -> Result<&'a mut LoadBalancer, Refusal> {
    state.elbv2.load_balancers.get_mut(arn).ok_or_else(|| LoadBalancer::not_found(arn))
}

/// The VPC and a subnet of each zone, by zone (`Subnets` or `SubnetMappings`).
pub fn subnets(state: &State, params: &Params, kind: Kind) -> Result<(String, Vec<Placed>), Refusal> {
    let mut ids = params.texts("Subnets");
    let mappings = params.items("SubnetMappings");
    if !ids.is_empty() && !mappings.is_empty() {
        return Err(Refusal::validation("You must specify either subnets or subnet mappings, but not both"));
    }
    for mapping in mappings {
        if mapping.has("AllocationId") {
            return Err(Refusal::new("AllocationIdNotFound", "The specified allocation ID does not exist"));
        }
        ids.push(mapping.needed("SubnetId"));
    }
    if ids.is_empty() {
        return Err(Refusal::validation("You must specify either subnets or subnet mappings"));
    }
    let found: Vec<&Subnet> = ids.iter().map(|id| network::subnet(state, id)).collect::<Result<_, _>>()?;
    let Some(vpc) = found.first().map(|subnet| subnet.vpc.clone()) else {
        return Err(Refusal::validation("You must specify either subnets or subnet mappings"));
    };
    if found.iter().any(|subnet| subnet.vpc != vpc) {
        return Err(Refusal::new("InvalidConfigurationRequest", "All subnets must belong to the same VPC"));
    }
    let unique: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
    let zones: BTreeSet<&str> = found.iter().map(|subnet| subnet.zone.as_str()).collect();
    if zones.len() < unique.len() || unique.len() < ids.len() {
        return Err(Refusal::new(
            "InvalidConfigurationRequest",
            "A load balancer cannot be attached to multiple subnets in the same Availability Zone",
        ));
    }
    if kind == Kind::Application && zones.len() < 2 {
        return Err(Refusal::validation(
            "At least two subnets in two different Availability Zones must be specified",
        ));
    }
    let mut placed: Vec<Placed> = found
        .into_iter()
        .map(|subnet| Placed { zone: subnet.zone.clone(), subnet: subnet.id.clone() })
        .collect();
    placed.sort();
    Ok((vpc, placed))
}

/// Security groups of the call, or the VPC's default one for an application load balancer.
pub fn security_groups(
    state: &State,
    params: &Params,
    kind: Kind,
    vpc: &str,
) -> Result<Vec<String>, Refusal> {
    let groups = params.texts("SecurityGroups");
    for group in &groups {
        match network::vpc_of_group(state, group) {
            None => {
                return Err(Refusal::new(
                    "InvalidSecurityGroup",
                    format!("The security group '{group}' does not exist"),
                ));
            }
            Some(of) if of != vpc => {
                return Err(Refusal::new(
                    "InvalidConfigurationRequest",
                    format!(
                        "One or more security groups are invalid: '{group}' does not belong to VPC '{vpc}'"
                    ),
                ));
            }
            Some(_) => {}
        }
    }
    match (groups.is_empty(), kind) {
        (true, Kind::Application) => Ok(network::default_group(state, vpc).into_iter().collect()),
        _ => Ok(groups),
    }
}

/// The zones of a load balancer as answers have them.
pub fn zones_shown(one: &LoadBalancer) -> Value {
    let zones = one.subnets.iter();
    zones
        .map(|placed| json!({ "ZoneName": placed.zone, "SubnetId": placed.subnet, "LoadBalancerAddresses": [] }))
        .collect()
}

/// The type of addresses that a load balancer can have (API_CreateLoadBalancer; application guide,
/// application-load-balancers).
pub fn addresses(of: &str, kind: Kind, scheme: &str) -> Result<(), Refusal> {
    let fits = of != "dualstack-without-public-ipv4" || (kind == Kind::Application && scheme != "internal");
    match fits {
        true => Ok(()),
        false => Err(Refusal::new(
            "InvalidConfigurationRequest",
            format!("The IP address type '{of}' is not supported for this load balancer"),
        )),
    }
}

/// API_SetSubnets: what is given replaces what was. Another subnet of the same zone takes two calls
/// with a network load balancer (Network Load Balancers guide, availability-zones).
fn set_subnets(call: &mut Call) -> Result<Value, Refusal> {
    let arn = LoadBalancer::arn(call.params)?;
    let there = LoadBalancer::find(call.state, &arn)?;
    let (vpc, placed) = subnets(call.state, call.params, there.kind)?;
    if vpc != there.vpc {
        return Err(Refusal::new(
            "InvalidConfigurationRequest",
            "The subnets must belong to the VPC of the load balancer",
        ));
    }
    let swapped = placed
        .iter()
        .find(|new| there.subnets.iter().any(|old| old.zone == new.zone && old.subnet != new.subnet));
    if let Some(Placed { zone, subnet }) = swapped.filter(|_| there.kind == Kind::Network) {
        return Err(Refusal::new(
            "InvalidConfigurationRequest",
            format!(
                "You cannot specify an additional subnet from an Availability Zone that is already associated with \
                 the load balancer. The Availability Zone '{zone}' corresponding to the new subnet '{subnet}' is \
                 already associated with the load balancer."
            ),
        ));
    }
    let ip_address_type = call.params.given("IpAddressType");
    if let Some(given) = &ip_address_type {
        addresses(given, there.kind, &there.scheme)?;
    }
    let one = changed(call.state, &arn)?;
    one.subnets = placed;
    if let Some(ip_address_type) = ip_address_type {
        one.ip_address_type = ip_address_type;
    }
    Ok(json!({ "AvailabilityZones": zones_shown(one), "IpAddressType": one.ip_address_type }))
}

/// API_SetSecurityGroups: the given groups replace the earlier ones.
fn set_security_groups(call: &mut Call) -> Result<Value, Refusal> {
    let arn = LoadBalancer::arn(call.params)?;
    let there = LoadBalancer::find(call.state, &arn)?;
    if there.kind == Kind::Network && there.security_groups.is_empty() {
        return Err(Refusal::new(
            "InvalidConfigurationRequest",
            format!("Security groups cannot be set on load balancer '{arn}', which was created without one"),
        ));
    }
    let groups = security_groups(call.state, call.params, there.kind, &there.vpc)?;
    changed(call.state, &arn)?.security_groups.clone_from(&groups);
    Ok(json!({ "SecurityGroupIds": groups }))
}

/// API_SetIpAddressType
fn set_ip_address_type(call: &mut Call) -> Result<Value, Refusal> {
    let arn = LoadBalancer::arn(call.params)?;
    let wanted = call.params.needed("IpAddressType");
    let there = LoadBalancer::find(call.state, &arn)?;
    addresses(&wanted, there.kind, &there.scheme)?;
    changed(call.state, &arn)?.ip_address_type.clone_from(&wanted);
    Ok(json!({ "IpAddressType": wanted }))
}
