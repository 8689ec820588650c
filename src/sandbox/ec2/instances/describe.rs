//! DescribeInstances.

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::super::super::api::{Call, Page, Refusal};
use super::super::super::state::State;
use super::super::list::{self, List};
use super::{Instance, check_ids, shown};

const INSTANCES: List = List {
    // Looked at before.
    ids: ("", ""),
    answer: "reservationSet",
    most: usize::MAX,
    filters: &[
        ("architecture", "architecture"),
        ("association.public-ip", "ipAddress"),
        ("availability-zone", "placement.availabilityZone"),
        ("block-device-mapping.attach-time", "blockDeviceMapping.ebs.attachTime"),
        ("block-device-mapping.delete-on-termination", "blockDeviceMapping.ebs.deleteOnTermination"),
        ("block-device-mapping.device-name", "blockDeviceMapping.deviceName"),
        ("block-device-mapping.status", "blockDeviceMapping.ebs.status"),
        ("block-device-mapping.volume-id", "blockDeviceMapping.ebs.volumeId"),
        ("client-token", "clientToken"),
        ("dns-name", "dnsName"),
        ("ebs-optimized", "ebsOptimized"),
        ("hypervisor", "hypervisor"),
        ("iam-instance-profile.arn", "iamInstanceProfile.arn"),
        ("image-id", "imageId"),
        ("instance-id", "instanceId"),
        ("instance-lifecycle", ""),
        ("instance-state-code", "instanceState.code"),
        ("instance-state-name", "instanceState.name"),
        ("instance-type", "instanceType"),
        ("instance.group-id", "groupSet.groupId"),
        ("instance.group-name", "groupSet.groupName"),
        ("ip-address", "ipAddress"),
        ("kernel-id", ""),
        ("key-name", "keyName"),
        ("launch-index", "amiLaunchIndex"),
        ("launch-time", "launchTime"),
        ("metadata-options.http-endpoint", "metadataOptions.httpEndpoint"),
        ("metadata-options.http-tokens", "metadataOptions.httpTokens"),
        ("monitoring-state", "monitoring.state"),
        ("network-interface.addresses.association.public-ip", "ipAddress"),
        ("network-interface.addresses.private-ip-address", "privateIpAddress"),
        ("network-interface.group-id", "groupSet.groupId"),
        ("network-interface.group-name", "groupSet.groupName"),
        ("network-interface.network-interface-id", "networkInterfaceSet.networkInterfaceId"),
        ("network-interface.subnet-id", "subnetId"),
        ("network-interface.vpc-id", "vpcId"),
        ("owner-id", "_owner"),
        ("platform", ""),
        ("platform-details", "platformDetails"),
        ("private-dns-name", "privateDnsName"),
        ("private-ip-address", "privateIpAddress"),
        ("product-code", ""),
        ("ramdisk-id", ""),
        ("reason", "reason"),
        ("requester-id", "_requester"),
        ("reservation-id", "_reservation"),
        ("root-device-name", "rootDeviceName"),
        ("root-device-type", "rootDeviceType"),
        ("source-dest-check", "sourceDestCheck"),
        ("state-reason-code", "stateReason.code"),
        ("state-reason-message", "stateReason.message"),
        ("subnet-id", "subnetId"),
        ("tenancy", "placement.tenancy"),
        ("virtualization-type", "virtualizationType"),
        ("vpc-id", "vpcId"),
    ],
};

/// The requester of Auto Scaling's instances.
const SCALING: &str = "940372691376";

/// API_DescribeInstances: instances in their reservations. `MaxResults` is 5 to 1000 and excludes ids.
pub fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let page = select(call, |_| true)?;
    let mut reservations: IndexMap<String, Value> = IndexMap::new();
    for mut instance in page.items {
        let mut take = |name: &str| instance.as_object_mut().and_then(|shown| shown.shift_remove(name));
        let (owner, requester, id) = (take("_owner"), take("_requester"), take("_reservation"));
        let id = id.as_ref().and_then(Value::as_str).unwrap_or_default();
        let reservation = reservations.entry(id.to_owned()).or_insert_with(
            || json!({ "reservationId": id, "ownerId": owner, "groupSet": [], "instancesSet": [] }),
        );
        if let Some(requester) = requester.filter(|requester| !requester.is_null()) {
            reservation["requesterId"] = requester;
        }
        if let Some(instances) = reservation["instancesSet"].as_array_mut() {
            instances.push(instance);
        }
    }
    Ok(json!({ "reservationSet": reservations.into_values().collect::<Vec<_>>(), "nextToken": page.next }))
}

/// The instances that a describe call selects by `InstanceId` and `Filter`, in the form of answers, if they
/// also pass `also`. `InvalidParameterCombination`.
pub fn select(call: &Call, also: impl Fn(&Instance) -> bool) -> Result<Page<Value>, Refusal> {
    let ids = call.params.texts("InstanceId");
    check_ids(call.state, &ids)?;
    if call.params.has("MaxResults") && !ids.is_empty() {
        let message = "The parameter instancesSet cannot be used with the parameter maxResults";
        return Err(Refusal::new("InvalidParameterCombination", message));
    }
    let asked = call.state.ec2.instances.values().filter(|one| ids.is_empty() || ids.contains(&one.id));
    let items = asked.filter(|one| also(one)).map(|one| with_reservation(call.state, one)).collect();
    list::select(call, &INSTANCES, items)
}

fn with_reservation(state: &State, instance: &Instance) -> Value {
    let mut shown = shown::shown(state, instance);
    shown["_owner"] = json!(state.account);
    shown["_requester"] = json!(instance.group.as_ref().map(|_| SCALING));
    shown["_reservation"] = json!(instance.reservation);
    shown
}
