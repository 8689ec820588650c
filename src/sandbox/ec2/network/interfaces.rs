//! Network interfaces: each instance has one, as long as it is not terminated.

use serde_json::{Value, json};

use super::super::super::api::{Call, Refusal};
use super::super::super::state::State;
use super::super::list::{List, list};
use super::super::{Instance, InstanceState, tags};

const INTERFACES: List = List {
    ids: ("NetworkInterfaceId", "networkInterfaceId"),
    answer: "networkInterfaceSet",
    sizes: (5, 1000),
    filters: &[
        ("addresses.primary", "privateIpAddressesSet.primary"),
        ("addresses.private-ip-address", "privateIpAddressesSet.privateIpAddress"),
        ("attachment.attachment-id", "attachment.attachmentId"),
        ("attachment.delete-on-termination", "attachment.deleteOnTermination"),
        ("attachment.device-index", "attachment.deviceIndex"),
        ("attachment.instance-id", "attachment.instanceId"),
        ("attachment.instance-owner-id", "attachment.instanceOwnerId"),
        ("attachment.status", "attachment.status"),
        ("availability-zone", "availabilityZone"),
        ("availability-zone-id", "availabilityZoneId"),
        ("description", "description"),
        ("group-id", "groupSet.groupId"),
        ("group-name", "groupSet.groupName"),
        ("interface-type", "interfaceType"),
        ("mac-address", "macAddress"),
        ("network-interface-id", "networkInterfaceId"),
        ("owner-id", "ownerId"),
        ("private-dns-name", "privateDnsName"),
        ("private-ip-address", "privateIpAddress"),
        ("requester-id", "requesterId"),
        ("requester-managed", "requesterManaged"),
        ("source-dest-check", "sourceDestCheck"),
        ("status", "status"),
        ("subnet-id", "subnetId"),
        ("vpc-id", "vpcId"),
    ],
};

/// The id of an instance's interface: `eni-` with the digits of the instance's own.
pub fn id_of(instance: &str) -> String {
    format!("eni-{}", instance.trim_start_matches("i-"))
}

/// All interfaces, as DescribeNetworkInterfaces shows them.
pub fn all(state: &State) -> Vec<Value> {
    let alive = state.ec2.instances.values().filter(|instance| instance.state != InstanceState::Terminated);
    alive.map(|instance| shown(state, instance)).collect()
}

/// API_DescribeNetworkInterfaces
pub fn describe_network_interfaces(call: &mut Call) -> Result<Value, Refusal> {
    list(call, &INTERFACES, all(call.state))
}

fn shown(state: &State, instance: &Instance) -> Value {
    let id = id_of(&instance.id);
    let digits = instance.id.trim_start_matches("i-");
    let [_, b, c, d] = instance.private_address.octets();
    let groups: Vec<_> = instance
        .security_groups
        .iter()
        .map(|id| {
            let name = state.ec2.security_groups.get(id).map(|group| group.name.as_str());
            json!({ "groupId": id, "groupName": name })
        })
        .collect();
    let zone_id = state.ec2.subnets.get(&instance.subnet).map(|subnet| subnet.zone_id.as_str());
    let attached = match instance.state {
        InstanceState::Pending => "attaching",
        InstanceState::ShuttingDown => "detaching",
        _ => "attached",
    };
    json!({
        "attachment": {
            "attachTime": format!("{:.3}", instance.launched_at),
            "attachmentId": format!("eni-attach-{digits}"),
            "deleteOnTermination": true,
            "deviceIndex": 0,
            "networkCardIndex": 0,
            "instanceId": instance.id,
            "instanceOwnerId": state.account,
            "status": attached,
        },
        "availabilityZone": instance.zone,
        "description": "",
        "groupSet": groups,
        "interfaceType": "interface",
        "ipv6AddressesSet": [],
        "macAddress": format!("0a:7f:1f:{b:02x}:{c:02x}:{d:02x}"),
        "networkInterfaceId": id,
        "ownerId": state.account,
        "privateIpAddress": instance.private_address.to_string(),
        "privateIpAddressesSet": [{
            "primary": true,
            "privateIpAddress": instance.private_address.to_string(),
        }],
        "requesterManaged": false,
        "sourceDestCheck": true,
        "status": "in-use",
        "subnetId": instance.subnet,
        "tagSet": tags::shown(&tags::of(state, &id)),
        "vpcId": instance.vpc,
        "availabilityZoneId": zone_id,
    })
}
