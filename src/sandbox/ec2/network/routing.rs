//! A VPC's single resources: internet gateway, main route table, network ACL, DHCP options.

use serde_json::{Value, json};

use super::super::super::api::{Call, Refusal};
use super::super::super::state::State;
use super::super::list::{List, list};
use super::super::tags;

const GATEWAYS: List = List {
    ids: ("InternetGatewayId", "internetGatewayId"),
    answer: "internetGatewaySet",
    most: 1000,
    filters: &[
        ("attachment.state", "attachmentSet.state"),
        ("attachment.vpc-id", "attachmentSet.vpcId"),
        ("internet-gateway-id", "internetGatewayId"),
        ("owner-id", "ownerId"),
    ],
};

const ROUTE_TABLES: List = List {
    ids: ("RouteTableId", "routeTableId"),
    answer: "routeTableSet",
    most: 100,
    filters: &[
        ("association.gateway-id", "associationSet.gatewayId"),
        ("association.main", "associationSet.main"),
        ("association.route-table-association-id", "associationSet.routeTableAssociationId"),
        ("association.route-table-id", "associationSet.routeTableId"),
        ("association.subnet-id", "associationSet.subnetId"),
        ("owner-id", "ownerId"),
        ("route.destination-cidr-block", "routeSet.destinationCidrBlock"),
        ("route.gateway-id", "routeSet.gatewayId"),
        ("route.nat-gateway-id", "routeSet.natGatewayId"),
        ("route.origin", "routeSet.origin"),
        ("route.state", "routeSet.state"),
        ("route-table-id", "routeTableId"),
        ("vpc-id", "vpcId"),
    ],
};

const ACLS: List = List {
    ids: ("NetworkAclId", "networkAclId"),
    answer: "networkAclSet",
    most: 1000,
    filters: &[
        ("association.association-id", "associationSet.networkAclAssociationId"),
        ("association.network-acl-id", "associationSet.networkAclId"),
        ("association.subnet-id", "associationSet.subnetId"),
        ("default", "default"),
        ("network-acl-id", "networkAclId"),
        ("owner-id", "ownerId"),
        ("vpc-id", "vpcId"),
    ],
};

const DHCP: List = List {
    ids: ("DhcpOptionsId", "dhcpOptionsId"),
    answer: "dhcpOptionsSet",
    most: 1000,
    filters: &[
        ("dhcp-options-id", "dhcpOptionsId"),
        ("key", "dhcpConfigurationSet.key"),
        ("owner-id", "ownerId"),
        ("value", "dhcpConfigurationSet.valueSet.value"),
    ],
};

fn tags_of(state: &State, id: &str) -> Value {
    tags::shown(&tags::of(state, id))
}

/// API_DescribeInternetGateways
pub fn describe_internet_gateways(call: &mut Call) -> Result<Value, Refusal> {
    let state = &*call.state;
    let attached = state.ec2.vpcs.values().filter_map(|vpc| Some((vpc, vpc.internet_gateway.as_ref()?)));
    let gateways = attached.map(|(vpc, id)| {
        json!({
            "attachmentSet": [{ "state": "available", "vpcId": vpc.id }],
            "internetGatewayId": id,
            "ownerId": state.account,
            "tagSet": tags_of(state, id),
        })
    });
    list(call, &GATEWAYS, gateways.collect())
}

/// API_DescribeRouteTables: the main table has the local route and the way to the internet.
pub fn describe_route_tables(call: &mut Call) -> Result<Value, Refusal> {
    let state = &*call.state;
    let tables = state.ec2.vpcs.values().map(|vpc| {
        let mut routes = vec![json!({
            "destinationCidrBlock": vpc.cidr, "gatewayId": "local",
            "origin": "CreateRouteTable", "state": "active",
        })];
        routes.extend(vpc.internet_gateway.iter().map(|gateway| {
            json!({
                "destinationCidrBlock": "0.0.0.0/0", "gatewayId": gateway,
                "origin": "CreateRoute", "state": "active",
            })
        }));
        json!({
            "associationSet": [{
                "main": true,
                "routeTableAssociationId": vpc.route_association,
                "routeTableId": vpc.main_route_table,
                "associationState": { "state": "associated" },
            }],
            "propagatingVgwSet": [],
            "routeTableId": vpc.main_route_table,
            "routeSet": routes,
            "tagSet": tags_of(state, &vpc.main_route_table),
            "vpcId": vpc.id,
            "ownerId": state.account,
        })
    });
    list(call, &ROUTE_TABLES, tables.collect())
}

/// API_DescribeNetworkAcls: a default ACL lets everything through (VPC user guide,
/// default-network-acl).
pub fn describe_network_acls(call: &mut Call) -> Result<Value, Refusal> {
    let state = &*call.state;
    let acls = state.ec2.vpcs.values().map(|vpc| {
        let subnets = state.ec2.subnets.values().filter(|subnet| subnet.vpc == vpc.id);
        let associations: Vec<_> = subnets
            .map(|subnet| {
                json!({
                    "networkAclAssociationId": subnet.acl_association,
                    "networkAclId": vpc.network_acl,
                    "subnetId": subnet.id,
                })
            })
            .collect();
        let entries: Vec<_> =
            [(true, 100, "allow"), (true, 32767, "deny"), (false, 100, "allow"), (false, 32767, "deny")]
                .into_iter()
                .map(|(egress, number, action)| {
                    json!({
                        "cidrBlock": "0.0.0.0/0", "egress": egress, "protocol": "-1",
                        "ruleAction": action, "ruleNumber": number,
                    })
                })
                .collect();
        json!({
            "associationSet": associations,
            "entrySet": entries,
            "default": true,
            "networkAclId": vpc.network_acl,
            "tagSet": tags_of(state, &vpc.network_acl),
            "vpcId": vpc.id,
            "ownerId": state.account,
        })
    });
    list(call, &ACLS, acls.collect())
}

/// API_DescribeDhcpOptions: the default set (VPC user guide, DHCPOptionSetConcepts).
pub fn describe_dhcp_options(call: &mut Call) -> Result<Value, Refusal> {
    let state = &*call.state;
    let domain = match state.region.as_str() {
        "us-east-1" => "ec2.internal".to_owned(),
        region => format!("{region}.compute.internal"),
    };
    let mut sets: Vec<&str> = state.ec2.vpcs.values().map(|vpc| vpc.dhcp_options.as_str()).collect();
    sets.sort_unstable();
    sets.dedup();
    let sets = sets.into_iter().map(|id| {
        json!({
            "ownerId": state.account,
            "tagSet": tags_of(state, id),
            "dhcpOptionsId": id,
            "dhcpConfigurationSet": [
                { "key": "domain-name", "valueSet": [{ "value": domain }] },
                { "key": "domain-name-servers", "valueSet": [{ "value": "AmazonProvidedDNS" }] },
            ],
        })
    });
    list(call, &DHCP, sets.collect())
}
