//! The ids of EC2: the resource type of a prefix, whether an id exists, and the refusal of one that does not
//! (EC2 API reference, Error codes).

use super::super::api::Refusal;
use super::super::state::State;
use super::network;

/// One type of resource.
#[derive(Debug)]
struct Kind {
    prefix: &'static str,
    /// As tags and tag specifications name it.
    resource_type: &'static str,
    /// The error code of a missing id.
    code: &'static str,
    /// Its name in messages.
    what: &'static str,
    exists: fn(&State, &str) -> bool,
}

const fn kind(
    prefix: &'static str,
    resource_type: &'static str,
    code: &'static str,
    what: &'static str,
    exists: fn(&State, &str) -> bool,
) -> Kind {
    Kind { prefix, resource_type, code, what, exists }
}

const KINDS: &[Kind] = &[
    kind("i", "instance", "InvalidInstanceID.NotFound", "instance ID", |state, id| {
        state.ec2.instances.contains_key(id)
    }),
    kind("ami", "image", "InvalidAMIID.NotFound", "image id", |state, id| {
        state.ec2.images.get(id).is_some_and(|image| !image.deregistered)
    }),
    kind("snap", "snapshot", "InvalidSnapshot.NotFound", "snapshot", |state, id| {
        state.ec2.snapshots.contains_key(id)
    }),
    kind("vol", "volume", "InvalidVolume.NotFound", "volume", |state, id| state.ec2.volumes.contains_key(id)),
    kind("sg", "security-group", "InvalidGroup.NotFound", "security group", |state, id| {
        state.ec2.security_groups.contains_key(id)
    }),
    kind(
        "sgr",
        "security-group-rule",
        "InvalidSecurityGroupRuleId.NotFound",
        "security group rule ID",
        |state, id| state.ec2.security_groups.values().any(|group| group.rules.contains_key(id)),
    ),
    kind(
        "lt",
        "launch-template",
        "InvalidLaunchTemplateId.NotFound",
        "specified launch template, with template ID",
        |state, id| state.ec2.launch_templates.contains_key(id),
    ),
    kind("vpc", "vpc", "InvalidVpcID.NotFound", "vpc ID", |state, id| state.ec2.vpcs.contains_key(id)),
    kind("subnet", "subnet", "InvalidSubnetID.NotFound", "subnet ID", |state, id| {
        state.ec2.subnets.contains_key(id)
    }),
    kind(
        "eni",
        "network-interface",
        "InvalidNetworkInterfaceID.NotFound",
        "networkInterface ID",
        |state, id| network::interfaces(state).iter().any(|interface| interface["networkInterfaceId"] == id),
    ),
    kind(
        "igw",
        "internet-gateway",
        "InvalidInternetGatewayID.NotFound",
        "internetGateway ID",
        |state, id| state.ec2.vpcs.values().any(|vpc| vpc.internet_gateway.as_deref() == Some(id)),
    ),
    kind("rtb", "route-table", "InvalidRouteTableID.NotFound", "routeTable ID", |state, id| {
        state.ec2.vpcs.values().any(|vpc| vpc.main_route_table == id)
    }),
    kind("acl", "network-acl", "InvalidNetworkAclID.NotFound", "networkAcl ID", |state, id| {
        state.ec2.vpcs.values().any(|vpc| vpc.network_acl == id)
    }),
    kind("key", "key-pair", "InvalidKeyPair.NotFound", "key pair", |state, id| {
        state.ec2.key_pairs.contains_key(id)
    }),
    kind("eipalloc", "elastic-ip", "InvalidAllocationID.NotFound", "allocation ID", |state, id| {
        state.ec2.addresses.contains_key(id)
    }),
    kind("dopt", "dhcp-options", "InvalidDhcpOptionID.NotFound", "dhcpOption ID", |state, id| {
        state.ec2.vpcs.values().any(|vpc| vpc.dhcp_options == id)
    }),
];

fn kind_of(id: &str) -> Option<&'static Kind> {
    let (prefix, _) = id.rsplit_once('-')?;
    KINDS.iter().find(|kind| kind.prefix == prefix)
}

/// Tells whether a resource of EC2 has this id.
pub fn exists(state: &State, id: &str) -> bool {
    kind_of(id).is_some_and(|kind| (kind.exists)(state, id))
}

/// The resource type of an id; `None` for a prefix that EC2 does not have here.
pub fn resource_type(id: &str) -> Option<&'static str> {
    kind_of(id).map(|kind| kind.resource_type)
}

/// Refuses an id that is malformed for this type, or does not exist.
pub fn check(state: &State, prefix: &str, id: &str) -> Result<(), Refusal> {
    match exists(state, id) {
        true => Ok(()),
        false => Err(refused(prefix, id)),
    }
}

/// The refusal of a missing or malformed id of this type.
pub fn refused(prefix: &str, id: &str) -> Refusal {
    let message = format!("Invalid id: \"{id}\" (expecting \"{prefix}-...\")");
    match prefix {
        _ if well_formed(prefix, id) => not_found(id),
        "i" => Refusal::new("InvalidInstanceID.Malformed", message),
        "ami" => Refusal::new("InvalidAMIID.Malformed", message),
        "snap" => Refusal::new("InvalidSnapshotID.Malformed", message),
        "sg" => Refusal::new("InvalidGroupId.Malformed", message),
        "sgr" => Refusal::new("InvalidSecurityGroupRuleId.Malformed", message),
        "lt" => Refusal::new("InvalidLaunchTemplateId.Malformed", message),
        _ => Refusal::value(message),
    }
}

/// The refusal of a missing id; `InvalidID` for an unknown prefix.
pub fn not_found(id: &str) -> Refusal {
    match kind_of(id) {
        Some(kind) if kind.prefix == "lt" => {
            Refusal::new(kind.code, format!("The {} {id}, does not exist.", kind.what))
        }
        Some(kind) if kind.prefix == "ami" => {
            Refusal::new(kind.code, format!("The {} '[{id}]' does not exist", kind.what))
        }
        Some(kind) => Refusal::new(kind.code, format!("The {} '{id}' does not exist", kind.what)),
        None => Refusal::new("InvalidID", format!("The ID '{id}' is not valid")),
    }
}

/// Tells whether an id has a prefix and 8 or 17 hexadecimal digits, like EC2's ids.
pub fn well_formed(prefix: &str, id: &str) -> bool {
    let digits = id.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-'));
    digits.is_some_and(|digits| {
        matches!(digits.len(), 8 | 17) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}
