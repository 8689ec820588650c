//! VPCs and subnets.

use serde_json::{Value, json};

use super::super::super::api::{Call, Refusal};
use super::super::super::state::State;
use super::super::list::{List, list};
use super::super::{InstanceState, ids, tags};
use super::{Subnet, Vpc};

const VPCS: List = List {
    ids: ("VpcId", "vpcId"),
    answer: "vpcSet",
    most: 1000,
    filters: &[
        ("cidr", "cidrBlock"),
        ("cidr-block-association.cidr-block", "cidrBlockAssociationSet.cidrBlock"),
        ("cidr-block-association.association-id", "cidrBlockAssociationSet.associationId"),
        ("cidr-block-association.state", "cidrBlockAssociationSet.cidrBlockState.state"),
        ("dhcp-options-id", "dhcpOptionsId"),
        ("is-default", "isDefault"),
        ("isDefault", "isDefault"),
        ("owner-id", "ownerId"),
        ("state", "state"),
        ("vpc-id", "vpcId"),
    ],
};

const SUBNETS: List = List {
    ids: ("SubnetId", "subnetId"),
    answer: "subnetSet",
    most: 1000,
    filters: &[
        ("availability-zone", "availabilityZone"),
        ("availabilityZone", "availabilityZone"),
        ("availability-zone-id", "availabilityZoneId"),
        ("availabilityZoneId", "availabilityZoneId"),
        ("available-ip-address-count", "availableIpAddressCount"),
        ("cidr-block", "cidrBlock"),
        ("cidr", "cidrBlock"),
        ("cidrBlock", "cidrBlock"),
        ("default-for-az", "defaultForAz"),
        ("defaultForAz", "defaultForAz"),
        ("map-public-ip-on-launch", "mapPublicIpOnLaunch"),
        ("owner-id", "ownerId"),
        ("state", "state"),
        ("subnet-arn", "subnetArn"),
        ("subnet-id", "subnetId"),
        ("vpc-id", "vpcId"),
    ],
};

/// API_DescribeVpcs
pub fn describe_vpcs(call: &mut Call) -> Result<Value, Refusal> {
    let vpcs = call.state.ec2.vpcs.values().map(|vpc| shown_vpc(call.state, vpc)).collect();
    list(call, &VPCS, vpcs)
}

/// As answers have it (API_Vpc).
pub fn shown_vpc(state: &State, vpc: &Vpc) -> Value {
    json!({
        "ownerId": state.account,
        "instanceTenancy": "default",
        "ipv6CidrBlockAssociationSet": [],
        "cidrBlockAssociationSet": [{
            "associationId": vpc.cidr_association,
            "cidrBlock": vpc.cidr,
            "cidrBlockState": { "state": "associated" },
        }],
        "isDefault": vpc.is_default,
        "tagSet": tags::shown(&tags::of(state, &vpc.id)),
        "vpcId": vpc.id,
        "state": "available",
        "cidrBlock": vpc.cidr,
        "dhcpOptionsId": vpc.dhcp_options,
    })
}

/// API_DescribeVpcAttribute: a default VPC has both DNS attributes on.
pub fn describe_vpc_attribute(call: &mut Call) -> Result<Value, Refusal> {
    let id = call.params.needed("VpcId");
    let attribute = call.params.needed("Attribute");
    let vpc = call.state.ec2.vpcs.get(&id).ok_or_else(|| ids::not_found(&id))?;
    let on = match attribute.as_str() {
        "enableDnsSupport" => true,
        "enableDnsHostnames" => vpc.is_default,
        // enableNetworkAddressUsageMetrics
        _ => false,
    };
    let mut answer = json!({ "vpcId": id });
    answer[attribute] = json!({ "value": on });
    Ok(answer)
}

/// API_DescribeSubnets
pub fn describe_subnets(call: &mut Call) -> Result<Value, Refusal> {
    let subnets = call.state.ec2.subnets.values().map(|subnet| shown_subnet(call.state, subnet)).collect();
    list(call, &SUBNETS, subnets)
}

/// As answers have it (API_Subnet).
pub fn shown_subnet(state: &State, subnet: &Subnet) -> Value {
    json!({
        "availabilityZoneId": subnet.zone_id,
        "mapCustomerOwnedIpOnLaunch": false,
        "ownerId": state.account,
        "assignIpv6AddressOnCreation": false,
        "ipv6CidrBlockAssociationSet": [],
        "tagSet": tags::shown(&tags::of(state, &subnet.id)),
        "subnetArn": state.arn("ec2", &format!("subnet/{}", subnet.id)),
        "enableDns64": false,
        "ipv6Native": false,
        "privateDnsNameOptionsOnLaunch": {
            "hostnameType": "ip-name",
            "enableResourceNameDnsARecord": false,
            "enableResourceNameDnsAAAARecord": false,
        },
        "subnetId": subnet.id,
        "state": "available",
        "vpcId": subnet.vpc,
        "cidrBlock": subnet.cidr,
        "availableIpAddressCount": free(state, subnet),
        "availabilityZone": subnet.zone,
        "defaultForAz": subnet.default_for_az,
        "mapPublicIpOnLaunch": subnet.map_public_ip_on_launch,
    })
}

/// The free addresses: those of the range less AWS's five and those of instances, including stopped ones (VPC
/// user guide, subnet-sizing).
fn free(state: &State, subnet: &Subnet) -> u32 {
    let bits = subnet.cidr.split_once('/').and_then(|(_, bits)| bits.parse::<u32>().ok()).unwrap_or(32);
    let range = 1u32.checked_shl(32u32.saturating_sub(bits)).unwrap_or(u32::MAX);
    let holds = |state: InstanceState| state != InstanceState::Terminated;
    let taken =
        state.ec2.instances.values().filter(|instance| instance.subnet == subnet.id && holds(instance.state));
    range.saturating_sub(5).saturating_sub(u32::try_from(taken.count()).unwrap_or(u32::MAX))
}
