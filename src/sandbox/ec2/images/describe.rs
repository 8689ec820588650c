//! DescribeImages.

use serde_json::{Value, json};

use super::super::super::api::{Call, Refusal};
use super::super::super::state::State;
use super::super::list::{List, list};
use super::super::tags;
use super::{Image, alias, find, owned_by};

const IMAGES: List = List {
    ids: ("ImageId", "imageId"),
    answer: "imagesSet",
    most: usize::MAX,
    filters: &[
        ("architecture", "architecture"),
        ("block-device-mapping.delete-on-termination", "blockDeviceMapping.ebs.deleteOnTermination"),
        ("block-device-mapping.device-name", "blockDeviceMapping.deviceName"),
        ("block-device-mapping.snapshot-id", "blockDeviceMapping.ebs.snapshotId"),
        ("block-device-mapping.volume-size", "blockDeviceMapping.ebs.volumeSize"),
        ("block-device-mapping.volume-type", "blockDeviceMapping.ebs.volumeType"),
        ("block-device-mapping.encrypted", "blockDeviceMapping.ebs.encrypted"),
        ("creation-date", "creationDate"),
        ("description", "description"),
        ("ena-support", "enaSupport"),
        ("hypervisor", "hypervisor"),
        ("image-id", "imageId"),
        ("image-type", "imageType"),
        ("is-public", "isPublic"),
        ("kernel-id", ""),
        ("name", "name"),
        ("owner-alias", "imageOwnerAlias"),
        ("owner-id", "imageOwnerId"),
        ("platform", ""),
        ("platform-details", "platformDetails"),
        ("product-code", ""),
        ("product-code.type", ""),
        ("ramdisk-id", ""),
        ("root-device-name", "rootDeviceName"),
        ("root-device-type", "rootDeviceType"),
        ("source-image-id", "sourceImageId"),
        ("source-instance-id", "sourceInstanceId"),
        ("state", "imageState"),
        ("state-reason-code", "stateReason.code"),
        ("state-reason-message", "stateReason.message"),
        ("virtualization-type", "virtualizationType"),
    ],
};

/// API_DescribeImages: the images that the account may launch, filtered by ids, owners, executable users and
/// filters.
pub fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let (params, state) = (call.params, &*call.state);
    let (owners, users) = (params.texts("Owner"), params.texts("ExecutableBy"));
    for id in params.texts("ImageId") {
        find(state, &id)?;
    }
    let chosen = |image: &&Image| {
        let executable = |user: &String| match user.as_str() {
            "all" => image.public,
            "self" => image.shared_with.contains(&state.account),
            user => image.shared_with.iter().any(|one| one == user),
        };
        !image.deregistered
            && (owners.is_empty() || owned_by(state, &image.owner, &owners))
            && (users.is_empty() || users.iter().any(executable))
    };
    list(call, &IMAGES, state.ec2.images.values().filter(chosen).map(|image| shown(state, image)).collect())
}

fn source(image: &Image, prefix: &str) -> Option<String> {
    image.source.clone().filter(|source| source.starts_with(prefix))
}

fn reason(why: &str) -> String {
    format!("Client.InternalError: {why}")
}

fn shown(state: &State, image: &Image) -> Value {
    let devices: Vec<Value> = image
        .devices
        .iter()
        .map(|one| {
            json!({
                "deviceName": one.device,
                "ebs": {
                    "deleteOnTermination": one.delete_on_termination, "snapshotId": one.snapshot,
                    "volumeSize": one.size, "volumeType": one.kind, "encrypted": one.encrypted,
                },
            })
        })
        .collect();
    let failed = image.state == super::ImageState::Failed;
    let state_reason = image.failure.as_ref().filter(|_| failed);
    json!({
        "imageId": image.id,
        "imageLocation": format!("{}/{}", alias(&image.owner).unwrap_or(&image.owner), image.name),
        "imageState": image.state, "imageOwnerId": image.owner,
        "creationDate": format!("{:.3}", image.created), "isPublic": image.public,
        "architecture": image.architecture, "imageType": "machine", "platformDetails": "Linux/UNIX",
        "usageOperation": "RunInstances",
        "stateReason": state_reason.map(|why| json!({ "code": "Client.InternalError", "message": reason(why) })),
        "imageOwnerAlias": alias(&image.owner), "name": image.name, "description": image.description,
        "rootDeviceType": "ebs", "rootDeviceName": image.root_device, "blockDeviceMapping": devices,
        "virtualizationType": "hvm", "hypervisor": "xen", "enaSupport": true, "sriovNetSupport": "simple",
        "sourceImageId": source(image, "ami-"), "sourceInstanceId": source(image, "i-"),
        "tagSet": tags::shown(&tags::of(state, &image.id)),
    })
}
