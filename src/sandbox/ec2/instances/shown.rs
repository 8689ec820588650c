//! Instances as answers have them (API_Instance).

use serde_json::{Value, json};

use super::super::super::state::State;
use super::super::{placement, profiles, tags};
use super::{Instance, InstanceState};

/// The private host name: of the address, as EC2 makes it.
pub fn private_name(state: &State, instance: &Instance) -> String {
    let dashed = instance.private_address.to_string().replace('.', "-");
    match state.region.as_str() {
        "us-east-1" => format!("ip-{dashed}.ec2.internal"),
        region => format!("ip-{dashed}.{region}.compute.internal"),
    }
}

/// The public address, while it has one: where the instance is really reached. It is its public
/// host name too, since no name server knows the sandbox.
pub fn public_address(state: &State, instance: &Instance) -> Option<String> {
    let has = instance.public && instance.state.runs();
    has.then(|| state.network.host(instance.private_address).to_string())
}

/// Groups as answers have them.
pub fn groups(state: &State, instance: &Instance) -> Vec<Value> {
    let name = |id: &str| placement::group(state, id).map(|(name, _)| name);
    instance.security_groups.iter().map(|id| json!({ "groupId": id, "groupName": name(id) })).collect()
}

/// `blockDeviceMapping`
pub fn devices(state: &State, instance: &Instance) -> Vec<Value> {
    let attached = |device: &super::Device| {
        let at = state.ec2.volumes.get(&device.volume)?.attachment.as_ref()?;
        Some(json!({
            "deviceName": device.device,
            "ebs": {
                "attachTime": format!("{:.3}", at.at), "deleteOnTermination": at.delete_on_termination,
                "status": "attached", "volumeId": device.volume,
            },
        }))
    };
    instance.devices.iter().filter_map(attached).collect()
}

/// The root device of the image.
pub fn root_device(state: &State, instance: &Instance) -> String {
    let image = state.ec2.images.get(&instance.image);
    let first = instance.devices.first().map(|device| device.device.clone());
    image.map(|image| image.root_device.clone()).or(first).unwrap_or_else(|| "/dev/xvda".to_owned())
}

/// `x86_64`, or the image's architecture.
pub fn architecture(state: &State, instance: &Instance) -> String {
    state
        .ec2
        .images
        .get(&instance.image)
        .map_or_else(|| "x86_64".to_owned(), |image| image.architecture.clone())
}

/// Its network interface (API_InstanceNetworkInterface).
pub fn interface(state: &State, instance: &Instance) -> Value {
    let address = instance.private_address.to_string();
    let name = private_name(state, instance);
    let association = public_address(state, instance)
        .map(|public| json!({ "ipOwnerId": "amazon", "publicDnsName": public, "publicIp": public }));
    let [a, b, c, d] = instance.private_address.octets();
    let attached = match instance.state {
        InstanceState::Pending => "attaching",
        InstanceState::ShuttingDown => "detaching",
        _ => "attached",
    };
    json!({
        "networkInterfaceId": instance.interface, "subnetId": instance.subnet, "vpcId": instance.vpc,
        "description": instance.interface_description, "ownerId": state.account, "status": "in-use",
        "macAddress": format!("02:00:{a:02x}:{b:02x}:{c:02x}:{d:02x}"),
        "privateIpAddress": address, "privateDnsName": name,
        "sourceDestCheck": instance.attributes.source_dest_check, "groupSet": groups(state, instance),
        "attachment": {
            "attachmentId": instance.interface_attachment, "deviceIndex": 0, "networkCardIndex": 0,
            "status": attached,
            "attachTime": format!("{:.3}", instance.launched_at), "deleteOnTermination": true,
        },
        "association": association,
        "privateIpAddressesSet": [{
            "privateIpAddress": address, "privateDnsName": name, "primary": true, "association": association,
        }],
        "ipv6AddressesSet": [], "interfaceType": "interface",
    })
}

/// `enabled`, or that it is on the way (API_Monitoring).
pub fn monitoring(instance: &Instance) -> &'static str {
    match (instance.attributes.monitoring, instance.state) {
        (true, InstanceState::Pending) => "pending",
        (true, _) => "enabled",
        (false, _) => "disabled",
    }
}

/// `state` of the metadata options stays `pending` until the instance runs.
pub fn metadata(instance: &Instance) -> Value {
    let pending = instance.state == InstanceState::Pending;
    instance.attributes.metadata.shown(if pending { "pending" } else { "applied" })
}

/// One instance. A terminated one has no network and no devices.
pub fn shown(state: &State, instance: &Instance) -> Value {
    let attributes = &instance.attributes;
    let ended = instance.state == InstanceState::Terminated;
    let there = |value: Value| if ended { Value::Null } else { value };
    let list = |values: Vec<Value>| if ended { Vec::new() } else { values };
    let public = public_address(state, instance);
    let mut shown = json!({
        "instanceId": instance.id, "imageId": instance.image,
        "instanceState": { "code": instance.state.code(), "name": instance.state },
        "privateDnsName": if ended { String::new() } else { private_name(state, instance) },
        "dnsName": public.clone().unwrap_or_default(), "reason": instance.transition_reason,
        "keyName": instance.key_name, "amiLaunchIndex": instance.index, "productCodes": [],
        "instanceType": instance.instance_type, "launchTime": format!("{:.3}", instance.launched_at),
        "placement": {
            "availabilityZone": instance.zone, "groupName": "", "tenancy": attributes.tenancy,
            "availabilityZoneId": state.zones().into_iter().find(|(name, _)| *name == instance.zone).map(|(_, id)| id),
        },
        "monitoring": { "state": monitoring(instance) },
        "subnetId": there(json!(instance.subnet)), "vpcId": there(json!(instance.vpc)),
        "privateIpAddress": there(json!(instance.private_address.to_string())), "ipAddress": public,
        "sourceDestCheck": there(json!(attributes.source_dest_check)),
        "groupSet": list(groups(state, instance)),
    });
    let rest = json!({
        "stateReason": instance.state_reason.as_ref().map(|(code, message)| json!({ "code": code, "message": message })),
        "architecture": architecture(state, instance), "rootDeviceType": "ebs",
        "rootDeviceName": root_device(state, instance), "blockDeviceMapping": devices(state, instance),
        "virtualizationType": "hvm", "clientToken": instance.client_token.clone().unwrap_or_default(),
        "tagSet": tags::shown(&tags::of(state, &instance.id)), "hypervisor": "xen",
        "networkInterfaceSet": list(vec![interface(state, instance)]),
        "iamInstanceProfile": instance.profile.as_ref().map(|profile| profiles::shown(state, profile)),
        "ebsOptimized": attributes.ebs_optimized, "enaSupport": true,
        "sriovNetSupport": "simple",
        "cpuOptions": { "coreCount": 1, "threadsPerCore": 2 },
        "capacityReservationSpecification": { "capacityReservationPreference": "open" },
        "hibernationOptions": { "configured": false }, "enclaveOptions": { "enabled": false },
        "metadataOptions": metadata(instance),
        "maintenanceOptions": { "autoRecovery": attributes.auto_recovery },
        "platformDetails": "Linux/UNIX", "usageOperation": "RunInstances",
        "usageOperationUpdateTime": format!("{:.3}", instance.launched_at),
        "privateDnsNameOptions": there(json!({
            "hostnameType": "ip-name", "enableResourceNameDnsARecord": false,
            "enableResourceNameDnsAAAARecord": false,
        })),
        "currentInstanceBootMode": "legacy-bios",
    });
    if let (Value::Object(shown), Value::Object(rest)) = (&mut shown, rest) {
        shown.extend(rest);
    }
    shown
}
