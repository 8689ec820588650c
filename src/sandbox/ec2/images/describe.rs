//! DescribeImages.

use serde_json::{Value, json};

use super::super::super::api::{Call, Filters, Refusal, page};
use super::super::super::state::State;
use super::super::tags;
use super::{Image, alias, find};

/// API_DescribeImages: what the account may launch, narrowed by ids, owners, executable users and
/// filters.
pub fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let (params, state) = (call.params, &*call.state);
    let (filters, ids) = (Filters::of(params), params.texts("ImageId"));
    let (owners, users) = (params.texts("Owner"), params.texts("ExecutableBy"));
    for id in &ids {
        find(state, id)?;
    }
    let mut found = Vec::new();
    let listed = state.ec2.images.values().filter(|image| !image.deregistered);
    for image in listed.filter(|one| ids.is_empty() || ids.contains(&one.id)) {
        let owned = |owner: &String| {
            *owner == image.owner
                || Some(owner.as_str()) == alias(&image.owner)
                || owner == "self" && image.owner == state.account
        };
        let executable = |user: &String| match user.as_str() {
            "all" => image.public,
            "self" => image.shared_with.contains(&state.account),
            user => image.shared_with.iter().any(|one| one == user),
        };
        let chosen = (owners.is_empty() || owners.iter().any(owned))
            && (users.is_empty() || users.iter().any(executable));
        if filters.pass(&tags::of(state, &image.id), |name| values(image, name))? && chosen {
            found.push(shown(state, image));
        }
    }
    let size = params.number("MaxResults")?.unwrap_or(usize::MAX);
    let page = page(found, params.text("NextToken"), size)?;
    Ok(json!({ "imagesSet": page.items, "nextToken": page.next }))
}

fn values(image: &Image, name: &str) -> Option<Vec<String>> {
    let devices = || image.devices.iter();
    let constant = |value: &str| vec![value.to_owned()];
    Some(match name {
        "architecture" => vec![image.architecture.clone()],
        "block-device-mapping.delete-on-termination" => {
            devices().map(|one| one.delete_on_termination.to_string()).collect()
        }
        "block-device-mapping.device-name" => devices().map(|one| one.device.clone()).collect(),
        "block-device-mapping.snapshot-id" => devices().map(|one| one.snapshot.clone()).collect(),
        "block-device-mapping.volume-size" => devices().map(|one| one.size.to_string()).collect(),
        "block-device-mapping.volume-type" => devices().map(|one| one.kind.clone()).collect(),
        "block-device-mapping.encrypted" => devices().map(|one| one.encrypted.to_string()).collect(),
        "creation-date" => vec![format!("{:.3}", image.created)],
        "description" => image.description.clone().into_iter().collect(),
        "ena-support" => constant("true"),
        "hypervisor" => constant("xen"),
        "image-id" => vec![image.id.clone()],
        "image-type" => constant("machine"),
        "is-public" => vec![image.public.to_string()],
        "name" => vec![image.name.clone()],
        "owner-alias" => alias(&image.owner).map(str::to_owned).into_iter().collect(),
        "owner-id" => vec![image.owner.clone()],
        "platform" | "kernel-id" | "ramdisk-id" | "product-code" | "product-code.type" => Vec::new(),
        "platform-details" => constant("Linux/UNIX"),
        "root-device-name" => vec![image.root_device.clone()],
        "root-device-type" => constant("ebs"),
        "source-image-id" => source(image, "ami-").into_iter().collect(),
        "source-instance-id" => source(image, "i-").into_iter().collect(),
        "state" => vec![image.state.name().to_owned()],
        "state-reason-code" => image.failure.iter().map(|_| "Client.InternalError".to_owned()).collect(),
        "state-reason-message" => image.failure.iter().map(|why| reason(why)).collect(),
        "virtualization-type" => constant("hvm"),
        _ => return None,
    })
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
        "imageState": image.state.name(), "imageOwnerId": image.owner,
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
