//! VPCs, subnets, zones, network interfaces, and read-only parts of a network.

mod interfaces;
mod make;
mod routing;
#[cfg(test)]
mod tests;
mod vpcs;
mod zones;

use serde::{Deserialize, Serialize};

use super::super::api::Actions;
use super::super::state::{State, new_id};
use super::security_groups;
pub use interfaces::all as interfaces;

/// The calls about networks, by name.
pub const ACTIONS: Actions = &[
    ("CreateVpc", make::create_vpc),
    ("DeleteVpc", make::delete_vpc),
    ("CreateSubnet", make::create_subnet),
    ("DeleteSubnet", make::delete_subnet),
    ("DescribeVpcs", vpcs::describe_vpcs),
    ("DescribeVpcAttribute", vpcs::describe_vpc_attribute),
    ("DescribeSubnets", vpcs::describe_subnets),
    ("DescribeAvailabilityZones", zones::describe_availability_zones),
    ("DescribeRegions", zones::describe_regions),
    ("DescribeAccountAttributes", zones::describe_account_attributes),
    ("DescribeInternetGateways", routing::describe_internet_gateways),
    ("DescribeRouteTables", routing::describe_route_tables),
    ("DescribeNetworkAcls", routing::describe_network_acls),
    ("DescribeDhcpOptions", routing::describe_dhcp_options),
    ("DescribeNetworkInterfaces", interfaces::describe_network_interfaces),
];

/// A VPC, with its single resources.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Vpc {
    pub id: String,
    /// Such as `127.31.0.0/16`.
    pub cidr: String,
    pub is_default: bool,
    /// The id of the association of its address range.
    pub cidr_association: String,
    pub main_route_table: String,
    pub route_association: String,
    pub internet_gateway: Option<String>,
    pub network_acl: String,
    pub dhcp_options: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subnet {
    pub id: String,
    pub vpc: String,
    /// Such as `us-east-1a`.
    pub zone: String,
    /// Such as `use1-az1`.
    pub zone_id: String,
    /// Such as `127.31.16.0/20`; the first four addresses and the last are AWS's own (VPC user
    /// guide, subnet-sizing).
    pub cidr: String,
    pub default_for_az: bool,
    pub map_public_ip_on_launch: bool,
    pub acl_association: String,
}

/// Puts in the default VPC, a default subnet in each zone, the default security group.
pub fn furnish(state: &mut State) {
    let id = add_vpc(state, state.network.cidr(), None);
    if let Some(vpc) = state.ec2.vpcs.get_mut(&id) {
        vpc.is_default = true;
        vpc.internet_gateway = Some(new_id("igw"));
    }
    for (index, (zone, zone_id)) in state.zones().into_iter().enumerate() {
        let subnet = Subnet {
            id: new_id("subnet"),
            vpc: id.clone(),
            zone,
            zone_id,
            cidr: format!("127.{}.{}.0/20", state.network.octet(), index * 16),
            default_for_az: true,
            map_public_ip_on_launch: true,
            acl_association: new_id("aclassoc"),
        };
        state.ec2.subnets.insert(subnet.id.clone(), subnet);
    }
}

/// Adds a VPC with its initial resources; returns its id. Without given DHCP options it gets new ones.
fn add_vpc(state: &mut State, cidr: String, dhcp_options: Option<String>) -> String {
    let vpc = Vpc {
        id: new_id("vpc"),
        cidr,
        is_default: false,
        cidr_association: new_id("vpc-cidr-assoc"),
        main_route_table: new_id("rtb"),
        route_association: new_id("rtbassoc"),
        internet_gateway: None,
        network_acl: new_id("acl"),
        dhcp_options: dhcp_options.unwrap_or_else(|| new_id("dopt")),
    };
    let id = vpc.id.clone();
    state.ec2.vpcs.insert(id.clone(), vpc);
    security_groups::furnish(state, &id);
    id
}

pub fn default_vpc(state: &State) -> Option<&Vpc> {
    state.ec2.vpcs.values().find(|vpc| vpc.is_default)
}

/// The default subnet of a zone, or of the first one.
pub fn default_subnet<'a>(state: &'a State, zone: Option<&str>) -> Option<&'a Subnet> {
    let mut defaults = state.ec2.subnets.values().filter(|subnet| subnet.default_for_az);
    defaults.find(|subnet| zone.is_none_or(|zone| subnet.zone == zone))
}
