//! Images of instances, and copies of images.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::super::api::{Call, Refusal};
use super::super::super::compute::ImageSource;
use super::super::super::state::{State, Tags, new_id};
use super::super::instances::{self, InstanceState};
use super::super::snapshots::{Snapshot, SnapshotState};
use super::super::tags;
use super::{Image, ImageDevice, ImageState, find, usable};

/// A name that no listed image of the account has (API_CreateImage). `InvalidAMIName.Malformed`,
/// `InvalidAMIName.Duplicate`.
pub fn check_name(state: &State, name: &str) -> Result<(), Refusal> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "()[] ./-'@_".contains(c);
    if !(3..=128).contains(&name.chars().count()) || !name.chars().all(allowed) {
        return Err(Refusal::new(
            "InvalidAMIName.Malformed",
            "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, '(', ')', \
             '[', ']', ' ', '.', '/', '-', ''', '@' and '_'",
        ));
    }
    let mut own =
        state.ec2.images.values().filter(|image| !image.deregistered && image.owner == state.account);
    match own.find(|image| image.name == name) {
        Some(image) => Err(Refusal::new(
            "InvalidAMIName.Duplicate",
            format!("AMI name {name} is already in use by AMI {}", image.id),
        )),
        None => Ok(()),
    }
}

/// A snapshot for an image that begins to be made.
fn snapshot(
    state: &mut State,
    volume: &str,
    size: u32,
    encrypted: bool,
    (image, description): (&str, String),
    (given, now): (&Tags, Timestamp),
) -> String {
    let id = new_id("snap");
    let snapshot = Snapshot {
        id: id.clone(),
        owner: state.account.clone(),
        volume: volume.to_owned(),
        size,
        description,
        started: now,
        encrypted,
        state: SnapshotState::Pending,
        of_image: Some(image.to_owned()),
    };
    tags::set(state, &id, given.clone());
    state.ec2.snapshots.insert(id.clone(), snapshot);
    id
}

/// API_CreateImage. A running instance is booted again once its folder is copied, unless
/// `NoReboot`.
pub fn create(call: &mut Call) -> Result<Value, Refusal> {
    let (params, now) = (call.params, call.now);
    let source = params.needed("InstanceId");
    let name = params.needed("Name");
    let instance = instances::find(call.state, &source)?.clone();
    if !matches!(instance.state, InstanceState::Running | InstanceState::Stopped) {
        let message = format!("The instance '{source}' is not in the 'running' or 'stopped' state.");
        return Err(Refusal::new("IncorrectInstanceState", message));
    }
    check_name(call.state, &name)?;
    let no_reboot = params.flag("NoReboot").unwrap_or_default();
    let id = new_id("ami");
    let snapshot_tags = tags::specified(params, "snapshot")?;
    let mut devices = Vec::new();
    for device in &instance.devices {
        let Some(volume) = call.state.ec2.volumes.get(&device.volume).cloned() else { continue };
        let described = (id.as_str(), format!("Created by CreateImage({source}) for {id}"));
        let (size, encrypted) = (volume.size.size, volume.encrypted);
        let snapshot = snapshot(call.state, &volume.id, size, encrypted, described, (&snapshot_tags, now));
        devices.push(ImageDevice {
            device: device.device.clone(),
            snapshot,
            size: volume.size.size,
            kind: volume.size.kind.clone(),
            encrypted: volume.encrypted,
            delete_on_termination: volume.attachment.is_some_and(|at| at.delete_on_termination),
        });
    }
    let old = call.state.ec2.images.get(&instance.image);
    let architecture = old.map_or("x86_64", |image| image.architecture.as_str()).to_owned();
    let root_device = old.map_or("/dev/xvda", |image| image.root_device.as_str()).to_owned();
    let image = Image {
        id: id.clone(),
        name,
        description: params.text("Description"),
        owner: call.state.account.clone(),
        created: now,
        state: ImageState::Pending,
        from: ImageSource::Instance(source.clone()),
        made: false,
        failure: None,
        reboot: instance.state == InstanceState::Running && !no_reboot,
        architecture,
        root_device,
        devices,
        public: false,
        shared_with: Vec::new(),
        source: Some(source),
        deregistered: false,
    };
    call.state.ec2.images.insert(id.clone(), image);
    tags::set(call.state, &id, tags::specified(params, "image")?);
    Ok(json!({ "imageId": id }))
}

/// API_CopyImage, within the region.
pub fn copy(call: &mut Call) -> Result<Value, Refusal> {
    let (params, now) = (call.params, call.now);
    let source = params.needed("SourceImageId");
    let name = params.needed("Name");
    let from = params.needed("SourceRegion");
    if from != call.state.region {
        find(call.state, &source)?;
        return Err(Refusal::new(
            "UnsupportedOperation",
            format!("The sandbox copies no images from the region {from} to {}.", call.state.region),
        ));
    }
    let original = usable(call.state, &source)?.clone();
    check_name(call.state, &name)?;
    let id = new_id("ami");
    let snapshot_tags = tags::specified(params, "snapshot")?;
    let encrypted = params.flag("Encrypted").unwrap_or_default();
    let mut devices = Vec::new();
    for device in &original.devices {
        let described = (
            id.as_str(),
            format!(
                "Copied for DestinationAmi {id} from SourceAmi {source} for SourceSnapshot {}.",
                device.snapshot
            ),
        );
        let encrypted = encrypted || device.encrypted;
        let snapshot =
            snapshot(call.state, "vol-ffffffff", device.size, encrypted, described, (&snapshot_tags, now));
        devices.push(ImageDevice { snapshot, encrypted, ..device.clone() });
    }
    let description = params.text("Description");
    let default = format!("[Copied {source} from {from}] {}", original.name);
    let image = Image {
        id: id.clone(),
        name,
        description: description.or(Some(default)),
        owner: call.state.account.clone(),
        created: now,
        state: ImageState::Pending,
        from: ImageSource::Image(source.clone()),
        made: false,
        devices,
        public: false,
        shared_with: Vec::new(),
        source: Some(source.clone()),
        ..original
    };
    call.state.ec2.images.insert(id.clone(), image);
    let mut given = tags::specified(params, "image")?;
    if params.flag("CopyImageTags").unwrap_or_default() {
        let theirs = tags::of(call.state, &source).into_iter().filter(|(key, _)| !key.starts_with("aws:"));
        let own = std::mem::take(&mut given);
        given.extend(theirs);
        given.extend(own);
    }
    tags::set(call.state, &id, given);
    Ok(json!({ "imageId": id }))
}
