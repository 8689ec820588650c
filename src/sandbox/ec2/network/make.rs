//! VPCs and subnets made and deleted.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde_json::{Value, json};

use super::super::super::api::{Call, Params, Refusal};
use super::super::super::state::{State, new_id};
use super::super::super::{ecs, elbv2};
use super::super::{InstanceState, ids, tags};
use super::vpcs::{shown_subnet, shown_vpc};
use super::{Subnet, add_vpc, default_vpc};

/// VPCs of a region and subnets of a VPC (VPC user guide, amazon-vpc-limits).
const VPCS: usize = 5;
const SUBNETS: usize = 200;

/// Ranges that no VPC can have (VPC user guide, vpc-cidr-blocks).
const RESTRICTED: [Ipv4Net; 4] = [
    Ipv4Net::new_assert(Ipv4Addr::new(0, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 0, 0), 16),
    Ipv4Net::new_assert(Ipv4Addr::new(224, 0, 0, 0), 4),
];

/// A range of addresses, /16 to /28. `10.0.0.18/24` is `10.0.0.0/24` (API_CreateVpc, API_CreateSubnet).
/// `code` is the refusal of any other text.
fn range(params: &Params, code: &str) -> Result<Ipv4Net, Refusal> {
    let text = params.needed("CidrBlock");
    let range: Ipv4Net = text.parse().map_err(|_| {
        Refusal::value(format!(
            "Value ({text}) for parameter cidrBlock is invalid. This is not a valid CIDR block."
        ))
    })?;
    match (16..=28).contains(&range.prefix_len()) {
        true => Ok(range.trunc()),
        false => Err(outside(code, range)),
    }
}

fn outside(code: &str, range: Ipv4Net) -> Refusal {
    Refusal::new(code, format!("The CIDR '{range}' is invalid."))
}

/// Refuses parameters that the region does not support: IPv6, address pools, Outposts.
fn none_of(params: &Params, names: &[&str]) -> Result<(), Refusal> {
    match names.iter().find(|name| params.text(name).is_some_and(|text| text != "false")) {
        Some(name) => Err(Refusal::new(
            "UnsupportedOperation",
            format!("The parameter {name} is not supported in this region."),
        )),
        None => Ok(()),
    }
}

/// API_CreateVpc. It comes with a main route table, a network ACL and a default security group, and
/// without a way to the internet.
pub fn create_vpc(call: &mut Call) -> Result<Value, Refusal> {
    none_of(
        call.params,
        &[
            "AmazonProvidedIpv6CidrBlock",
            "Ipv6CidrBlock",
            "Ipv6Pool",
            "Ipv4IpamPoolId",
            "Ipv6IpamPoolId",
            "Ipv4NetmaskLength",
            "Ipv6NetmaskLength",
        ],
    )?;
    if let Some(tenancy) = call.params.text("InstanceTenancy").filter(|tenancy| tenancy != "default") {
        return Err(Refusal::new(
            "UnsupportedTenancy",
            format!("The tenancy value {tenancy} is not supported."),
        ));
    }
    let range = range(call.params, "InvalidVpc.Range")?;
    if RESTRICTED.iter().any(|restricted| restricted.contains(&range)) {
        return Err(outside("InvalidVpc.Range", range));
    }
    let given = tags::specified(call.params, "vpc")?;
    if call.state.ec2.vpcs.len() >= VPCS {
        return Err(Refusal::new("VpcLimitExceeded", "The maximum number of VPCs has been reached."));
    }
    let dhcp_options = default_vpc(call.state).map(|vpc| vpc.dhcp_options.clone());
    let id = add_vpc(call.state, range.to_string(), dhcp_options);
    tags::set(call.state, &id, given);
    let mut shown = call.state.ec2.vpcs.get(&id).map(|vpc| shown_vpc(call.state, vpc)).unwrap_or_default();
    shown["state"] = json!("pending");
    Ok(json!({ "vpc": shown }))
}

/// API_DeleteVpc: deletes a VPC with its initial resources, if nothing else is in it.
pub fn delete_vpc(call: &mut Call) -> Result<Value, Refusal> {
    let id = call.params.needed("VpcId");
    let state = &mut *call.state;
    let vpc = state.ec2.vpcs.get(&id).ok_or_else(|| ids::not_found(&id))?;
    let groups = || state.ec2.security_groups.values().filter(|group| group.vpc == id);
    if vpc.internet_gateway.is_some()
        || state.ec2.subnets.values().any(|subnet| subnet.vpc == id)
        || groups().any(|group| group.name != "default")
    {
        return Err(dependencies("vpc", &id));
    }
    let mut gone = vec![id.clone(), vpc.main_route_table.clone(), vpc.network_acl.clone()];
    for group in groups() {
        gone.push(group.id.clone());
        gone.extend(group.rules.keys().cloned());
    }
    state.ec2.security_groups.retain(|_, group| group.vpc != id);
    state.ec2.vpcs.shift_remove(&id);
    gone.iter().for_each(|id| tags::forget(state, id));
    Ok(json!({ "return": true }))
}

fn dependencies(what: &str, id: &str) -> Refusal {
    Refusal::new("DependencyViolation", format!("The {what} '{id}' has dependencies and cannot be deleted."))
}

/// API_CreateSubnet: in the zone that is asked for, or the first one.
pub fn create_subnet(call: &mut Call) -> Result<Value, Refusal> {
    none_of(
        call.params,
        &[
            "Ipv6CidrBlock",
            "Ipv6Native",
            "OutpostArn",
            "Ipv4IpamPoolId",
            "Ipv6IpamPoolId",
            "Ipv4NetmaskLength",
            "Ipv6NetmaskLength",
        ],
    )?;
    let id = call.params.needed("VpcId");
    let vpc = call.state.ec2.vpcs.get(&id).ok_or_else(|| ids::not_found(&id))?;
    let range = range(call.params, "InvalidSubnet.Range")?;
    if !vpc.cidr.parse::<Ipv4Net>().is_ok_and(|vpc| vpc.contains(&range)) {
        return Err(outside("InvalidSubnet.Range", range));
    }
    let beside = || call.state.ec2.subnets.values().filter(|subnet| subnet.vpc == id);
    let overlaps = |subnet: &Subnet| {
        let there = subnet.cidr.parse::<Ipv4Net>();
        there.is_ok_and(|there| there.contains(&range) || range.contains(&there))
    };
    if beside().any(overlaps) {
        return Err(Refusal::new(
            "InvalidSubnet.Conflict",
            format!("The CIDR '{range}' conflicts with another subnet"),
        ));
    }
    if beside().count() >= SUBNETS {
        return Err(Refusal::new(
            "SubnetLimitExceeded",
            format!("The maximum number of subnets for VPC '{id}' has been reached."),
        ));
    }
    let (zone, zone_id) = zone(call.state, call.params)?;
    let given = tags::specified(call.params, "subnet")?;
    let subnet = Subnet {
        id: new_id("subnet"),
        vpc: id,
        zone,
        zone_id,
        cidr: range.to_string(),
        default_for_az: false,
        map_public_ip_on_launch: false,
        acl_association: new_id("aclassoc"),
    };
    tags::set(call.state, &subnet.id, given);
    let shown = shown_subnet(call.state, &subnet);
    call.state.ec2.subnets.insert(subnet.id.clone(), subnet);
    Ok(json!({ "subnet": shown }))
}

/// Name and id of the zone that a call asks for by either.
fn zone(state: &State, params: &Params) -> Result<(String, String), Refusal> {
    let mut zones = state.zones().into_iter();
    let given = |name: &str| params.text(name).filter(|text| !text.is_empty());
    let (parameter, asked, found) = match (given("AvailabilityZone"), given("AvailabilityZoneId")) {
        (Some(name), _) => ("availabilityZone", name.clone(), zones.find(|zone| zone.0 == name)),
        (None, Some(id)) => ("availabilityZoneId", id.clone(), zones.find(|zone| zone.1 == id)),
        (None, None) => ("availabilityZone", String::new(), zones.next()),
    };
    found.ok_or_else(|| {
        let names: Vec<String> = state.zones().into_iter().map(|(name, _)| name).collect();
        Refusal::value(format!(
            "Value ({asked}) for parameter {parameter} is invalid. Subnets can currently only be created in the \
             following availability zones: {}.",
            names.join(", ")
        ))
    })
}

/// API_DeleteSubnet: once no instance and no load balancer is in it.
pub fn delete_subnet(call: &mut Call) -> Result<Value, Refusal> {
    let id = call.params.needed("SubnetId");
    let state = &mut *call.state;
    if !state.ec2.subnets.contains_key(&id) {
        return Err(ids::not_found(&id));
    }
    let mut alive = state.ec2.instances.values().filter(|one| one.state != InstanceState::Terminated);
    if alive.any(|instance| instance.subnet == id)
        || elbv2::placed_in(state, &id)
        || ecs::placed_in(state, &id)
    {
        return Err(dependencies("subnet", &id));
    }
    state.ec2.subnets.shift_remove(&id);
    state.ec2.last_address.remove(&id);
    tags::forget(state, &id);
    Ok(json!({ "return": true }))
}
