//! Network interfaces: each instance has one until it is terminated.

use serde_json::{Value, json};

use super::super::super::api::{Call, Refusal};
use super::super::super::state::State;
use super::super::list::{List, list};
use super::super::{Instance, InstanceState, instances, tags};

const INTERFACES: List = List {
    ids: ("NetworkInterfaceId", "networkInterfaceId"),
    answer: "networkInterfaceSet",
    most: 1000,
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

/// All interfaces, as DescribeNetworkInterfaces shows them.
pub fn all(state: &State) -> Vec<Value> {
    let alive = state.ec2.instances.values().filter(|instance| instance.state != InstanceState::Terminated);
    alive.map(|instance| shown(state, instance)).collect()
}

/// API_DescribeNetworkInterfaces
pub fn describe_network_interfaces(call: &mut Call) -> Result<Value, Refusal> {
    list(call, &INTERFACES, all(call.state))
}

/// The interface's attributes in the instance, and those only in this call (API_NetworkInterface).
fn shown(state: &State, instance: &Instance) -> Value {
    let mut shown = instances::interface(state, instance);
    let zone_id = state.ec2.subnets.get(&instance.subnet).map(|subnet| subnet.zone_id.as_str());
    let more = json!({
        "availabilityZone": instance.zone,
        "availabilityZoneId": zone_id,
        "requesterManaged": false,
        "tagSet": tags::shown(&tags::of(state, &instance.interface)),
    });
    let of = json!({ "instanceId": instance.id, "instanceOwnerId": state.account });
    extend(Some(&mut shown), more);
    extend(shown.get_mut("attachment"), of);
    shown
}

fn extend(object: Option<&mut Value>, more: Value) {
    if let (Some(Value::Object(object)), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}
