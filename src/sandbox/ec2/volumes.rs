//! Volumes: a record each; the content of a root volume is its instance's folder.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::api::{Actions, Call, Refusal};
use super::super::state::{State, new_id};
use super::images::Image;
use super::launch::DeviceChange;
use super::list::{List, list};
use super::{ids, snapshots, tags};

mod modify;

pub use modify::Modification;

/// The calls about volumes, by name.
pub const ACTIONS: Actions = &[
    ("DeleteVolume", delete),
    ("DescribeVolumes", describe),
    ("DescribeVolumesModifications", modify::describe),
    ("ModifyVolume", modify::modify),
];

/// A volume. One without an instance was left by `DeleteOnTermination` = false.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Volume {
    pub id: String,
    pub zone: String,
    pub created: Timestamp,
    pub snapshot: Option<String>,
    pub encrypted: bool,
    pub kms_key: Option<String>,
    pub size: Shape,
    pub attachment: Option<Attachment>,
    pub modification: Option<Modification>,
}

/// The attributes that ModifyVolume changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    /// GiB.
    pub size: u32,
    /// Such as `gp3`.
    pub kind: String,
    pub iops: Option<u32>,
    /// MiB/s.
    pub throughput: Option<u32>,
}

/// The attachment of a volume.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attachment {
    pub instance: String,
    pub device: String,
    pub at: Timestamp,
    pub delete_on_termination: bool,
}

impl Shape {
    /// A shape whose numbers fit its type (API_CreateVolume), with the type's defaults.
    /// `InvalidParameterValue`, `InvalidParameterCombination`.
    pub fn of(size: u32, kind: &str, iops: Option<u32>, throughput: Option<u32>) -> Result<Self, Refusal> {
        let (sizes, rates) = match kind {
            "gp2" => (1..=16_384, None),
            "gp3" => (1..=65_536, Some((3000..=80_000, Some(3000)))),
            "io1" => (4..=16_384, Some((100..=64_000, None))),
            "io2" => (4..=65_536, Some((100..=256_000, None))),
            "st1" | "sc1" => (125..=16_384, None),
            // standard
            _ => (1..=1024, None),
        };
        if !sizes.contains(&size) {
            return Err(Refusal::value(format!(
                "Volume of {size}GiB is {} for volume type {kind}; {} is {} GiB.",
                if size < *sizes.start() { "too small" } else { "too large" },
                if size < *sizes.start() { "minimum" } else { "maximum" },
                if size < *sizes.start() { sizes.start() } else { sizes.end() },
            )));
        }
        let combination = |what: &str| {
            let message = format!("The parameter {what} is not supported for {kind} volumes.");
            Err(Refusal::new("InvalidParameterCombination", message))
        };
        let iops = match (rates, iops) {
            // A gp2 volume's IOPS follow from its size (EBS user guide, general-purpose).
            (None, _) if kind == "gp2" => Some((size * 3).clamp(100, 16_000)),
            (None, Some(_)) => return combination("iops"),
            (None, None) => None,
            (Some((allowed, _)), Some(iops)) if !allowed.contains(&iops) => {
                return Err(Refusal::value(format!(
                    "Volume iops of {iops} is out of the range of {kind} volumes."
                )));
            }
            (Some((_, otherwise)), iops) => Some(iops.or(otherwise).ok_or_else(|| {
                Refusal::new(
                    "MissingParameter",
                    format!("The parameter iops must be specified for {kind} volumes."),
                )
            })?),
        };
        let throughput = match (kind, throughput) {
            ("gp3", given) if given.is_none_or(|given| (125..=2000).contains(&given)) => {
                Some(given.unwrap_or(125))
            }
            ("gp3", Some(given)) => {
                return Err(Refusal::value(format!(
                    "Throughput of {given} MiB/s is out of the range of gp3 volumes."
                )));
            }
            (_, Some(_)) => return combination("throughput"),
            (_, None) => None,
        };
        Ok(Self { size, kind: kind.to_owned(), iops, throughput })
    }
}

/// Makes the volumes of a launch: those of the image, changed and added to by the mappings of the
/// launch. Their devices and ids.
pub fn for_launch(
    state: &mut State,
    image: &Image,
    changes: &[DeviceChange],
    (instance, zone): (&str, &str),
    now: Timestamp,
) -> Result<Vec<(String, String)>, Refusal> {
    let unchanged = DeviceChange::default();
    let mut wanted = Vec::new();
    for device in &image.devices {
        let change = changes.iter().find(|change| change.device == device.device);
        if change.is_some_and(|change| change.none && device.device != image.root_device) {
            continue;
        }
        let change = change.unwrap_or(&unchanged);
        let size = change.size.unwrap_or(device.size);
        if size < device.size {
            let message = format!(
                "Volume of size {size}GB is smaller than snapshot '{}', expect size >= {}GB",
                device.snapshot, device.size
            );
            return Err(Refusal::new("InvalidBlockDeviceMapping", message));
        }
        let kind = change.kind.as_deref().unwrap_or(&device.kind);
        let shape = Shape::of(size, kind, change.iops, change.throughput)?;
        let delete = change.delete_on_termination.unwrap_or(device.delete_on_termination);
        wanted.push((
            device.device.clone(),
            Some(device.snapshot.clone()),
            shape,
            change,
            delete,
            device.encrypted,
        ));
    }
    let added = changes
        .iter()
        .filter(|change| !change.none && !image.devices.iter().any(|one| one.device == change.device));
    for change in added {
        let from = match &change.snapshot {
            Some(id) => Some(snapshots::find(state, id)?.size),
            None => None,
        };
        let size = change.size.or(from).ok_or_else(|| {
            Refusal::new("MissingParameter", "The request must contain the parameter size or snapshotId")
        })?;
        let shape = Shape::of(size, change.kind.as_deref().unwrap_or("gp2"), change.iops, change.throughput)?;
        let delete = change.delete_on_termination.unwrap_or(true);
        wanted.push((change.device.clone(), change.snapshot.clone(), shape, change, delete, false));
    }
    let made =
        wanted.into_iter().map(|(device, snapshot, size, change, delete_on_termination, encrypted)| {
            let id = new_id("vol");
            let encrypted = encrypted || change.encrypted.unwrap_or_default();
            let volume = Volume {
                id: id.clone(),
                zone: zone.to_owned(),
                created: now,
                snapshot,
                encrypted,
                kms_key: change.kms_key.clone().filter(|_| encrypted),
                size,
                attachment: Some(Attachment {
                    instance: instance.to_owned(),
                    device: device.clone(),
                    at: now,
                    delete_on_termination,
                }),
                modification: None,
            };
            state.ec2.volumes.insert(id.clone(), volume);
            (device, id)
        });
    Ok(made.collect())
}

/// Deletes or detaches a terminated instance's volumes.
pub fn instance_ended(state: &mut State, instance: &str) {
    let of = |volume: &Volume| volume.attachment.as_ref().filter(|at| at.instance == instance).cloned();
    let theirs: Vec<(String, bool)> = state
        .ec2
        .volumes
        .values()
        .filter_map(|volume| Some((volume.id.clone(), of(volume)?.delete_on_termination)))
        .collect();
    for (id, goes) in theirs {
        if goes {
            state.ec2.volumes.shift_remove(&id);
            tags::forget(state, &id);
        } else if let Some(volume) = state.ec2.volumes.get_mut(&id) {
            volume.attachment = None;
        }
    }
}

fn shown(state: &State, volume: &Volume) -> Value {
    let word = if volume.attachment.is_some() { "in-use" } else { "available" };
    let attachments: Vec<Value> = volume
        .attachment
        .iter()
        .map(|at| {
            json!({
                "volumeId": volume.id, "instanceId": at.instance, "device": at.device, "status": "attached",
                "attachTime": format!("{:.3}", at.at), "deleteOnTermination": at.delete_on_termination,
            })
        })
        .collect();
    let kms =
        volume.encrypted.then(|| volume.kms_key.clone().unwrap_or_else(|| state.arn("kms", "alias/aws/ebs")));
    json!({
        "volumeId": volume.id, "size": volume.size.size, "snapshotId": volume.snapshot.clone().unwrap_or_default(),
        "availabilityZone": volume.zone, "status": word, "createTime": format!("{:.3}", volume.created),
        "attachmentSet": attachments, "tagSet": tags::shown(&tags::of(state, &volume.id)),
        "volumeType": volume.size.kind, "iops": volume.size.iops, "throughput": volume.size.throughput,
        "encrypted": volume.encrypted, "kmsKeyId": kms, "multiAttachEnabled": false,
    })
}

const VOLUMES: List = List {
    ids: ("VolumeId", "volumeId"),
    answer: "volumeSet",
    most: 1000,
    filters: &[
        ("volume-id", "volumeId"),
        ("attachment.attach-time", "attachmentSet.attachTime"),
        ("attachment.instance-id", "attachmentSet.instanceId"),
        ("attachment.device", "attachmentSet.device"),
        ("attachment.status", "attachmentSet.status"),
        ("attachment.delete-on-termination", "attachmentSet.deleteOnTermination"),
        ("availability-zone", "availabilityZone"),
        ("encrypted", "encrypted"),
        ("size", "size"),
        ("snapshot-id", "snapshotId"),
        ("status", "status"),
        ("volume-type", "volumeType"),
        ("create-time", "createTime"),
    ],
};

/// API_DescribeVolumes.
fn describe(call: &mut Call) -> Result<Value, Refusal> {
    for id in call.params.texts("VolumeId") {
        ids::check(call.state, "vol", &id)?;
    }
    list(call, &VOLUMES, call.state.ec2.volumes.values().map(|volume| shown(call.state, volume)).collect())
}

/// API_DeleteVolume: `VolumeInUse` while an instance has it.
fn delete(call: &mut Call) -> Result<Value, Refusal> {
    let id = call.params.needed("VolumeId");
    ids::check(call.state, "vol", &id)?;
    if let Some(at) = call.state.ec2.volumes.get(&id).and_then(|volume| volume.attachment.as_ref()) {
        let message = format!("Volume {id} is currently attached to {}", at.instance);
        return Err(Refusal::new("VolumeInUse", message));
    }
    call.state.ec2.volumes.shift_remove(&id);
    tags::forget(call.state, &id);
    Ok(json!({ "return": true }))
}
