//! Images and their sources.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::super::api::{Actions, Refusal};
use super::super::compute::ImageSource;
use super::super::state::{State, new_id};
use super::ids;
use super::snapshots::{Snapshot, SnapshotState};

mod attributes;
mod create;
mod describe;
mod remove;

/// The calls about images, by name.
pub const ACTIONS: Actions = &[
    ("CopyImage", create::copy),
    ("CreateImage", create::create),
    ("DeregisterImage", remove::deregister),
    ("DescribeImageAttribute", attributes::describe),
    ("DescribeImages", describe::describe),
    ("ModifyImageAttribute", attributes::modify),
];

/// An image. Its folder belongs to `compute`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Image {
    pub id: String,
    pub name: String,
    pub description: Option<String>,
    /// An account.
    pub owner: String,
    pub created: Timestamp,
    pub state: ImageState,
    pub from: ImageSource,
    /// Whether the folder exists.
    pub made: bool,
    /// Why it could not be made.
    pub failure: Option<String>,
    /// Whether its source instance is booted again when the folder exists.
    pub reboot: bool,
    /// Such as `x86_64`.
    pub architecture: String,
    pub root_device: String,
    pub devices: Vec<ImageDevice>,
    /// Whether every account may launch it.
    pub public: bool,
    /// Accounts that may launch it beside its owner's.
    pub shared_with: Vec<String>,
    /// The instance or the image that it was made of.
    pub source: Option<String>,
    /// It is no longer listed; instances launched from it go on.
    pub deregistered: bool,
}

/// A volume that instances of an image get.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageDevice {
    pub device: String,
    pub snapshot: String,
    /// GiB.
    pub size: u32,
    pub kind: String,
    pub encrypted: bool,
    pub delete_on_termination: bool,
}

/// API_Image, `imageState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageState {
    Pending,
    Available,
    Failed,
}

const AMAZON: &str = "137112412989";
const CANONICAL: &str = "099720109477";

/// A base image: id (empty: made of the name), name, description, owner, root device, compute's name.
type Base = (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

const BASE: [Base; 4] = [
    (
        "ami-12c6146b",
        "amzn2-ami-hvm-2.0.20260101.0-x86_64-gp2",
        "Amazon Linux 2 AMI 2.0.20260101.0 x86_64 HVM gp2",
        AMAZON,
        "/dev/xvda",
        "linux",
    ),
    (
        "",
        "al2023-ami-2023.6.20260101.0-kernel-6.1-x86_64",
        "Amazon Linux 2023 AMI 2023.6.20260101.0 x86_64 HVM kernel-6.1",
        AMAZON,
        "/dev/xvda",
        "linux",
    ),
    (
        "",
        "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-20260101",
        "Canonical, Ubuntu, 22.04 LTS, amd64 jammy image build on 2026-01-01",
        CANONICAL,
        "/dev/sda1",
        "linux",
    ),
    ("", "bgform-hello-1.0", "A service that answers with its release", AMAZON, "/dev/xvda", "hello"),
];

/// The name that an owner's account has in answers and in `Owner`.
pub fn alias(owner: &str) -> Option<&'static str> {
    (owner == AMAZON).then_some("amazon")
}

/// Puts in the base images. Their ids are the same in every sandbox.
pub fn furnish(state: &mut State, now: Timestamp) {
    for (id, name, description, owner, root, base) in BASE {
        let hash: String = Sha256::digest(name.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        let digits = hash.get(..17).unwrap_or(&hash);
        let id = if id.is_empty() { format!("ami-{digits}") } else { id.to_owned() };
        let made = ready(&id, name, owner, root, ImageSource::Base(base.to_owned()), now);
        let image = Image { description: Some(description.to_owned()), public: true, ..made };
        put(state, image, format!("snap-{digits}"), SnapshotState::Completed);
    }
}

fn ready(id: &str, name: &str, owner: &str, root: &str, from: ImageSource, now: Timestamp) -> Image {
    Image {
        id: id.to_owned(),
        name: name.to_owned(),
        description: None,
        owner: owner.to_owned(),
        created: now,
        state: ImageState::Available,
        from,
        made: true,
        failure: None,
        reboot: false,
        architecture: "x86_64".to_owned(),
        root_device: root.to_owned(),
        devices: Vec::new(),
        public: false,
        shared_with: Vec::new(),
        source: None,
        deregistered: false,
    }
}

/// Puts in an image that has one volume of 8 GiB, with its snapshot.
fn put(state: &mut State, mut image: Image, snapshot: String, snapshot_state: SnapshotState) {
    image.devices = vec![ImageDevice {
        device: image.root_device.clone(),
        snapshot: snapshot.clone(),
        size: 8,
        kind: "gp2".to_owned(),
        encrypted: false,
        delete_on_termination: true,
    }];
    let record = Snapshot {
        id: snapshot.clone(),
        owner: image.owner.clone(),
        volume: "vol-ffffffff".to_owned(),
        size: 8,
        description: format!("Copied for {}", image.id),
        started: image.created,
        encrypted: false,
        state: snapshot_state,
        of_image: Some(image.id.clone()),
    };
    state.ec2.snapshots.insert(snapshot, record);
    state.ec2.images.insert(image.id.clone(), image);
}

/// Makes an image of a folder, owned by the account (`bgform sandbox image`), which is `pending` until
/// compute has it. Returns its id. `InvalidAMIName.Duplicate`, `InvalidAMIName.Malformed`.
pub fn add_image(
    state: &mut State,
    name: &str,
    description: Option<&str>,
    folder: PathBuf,
    now: Timestamp,
) -> Result<String, Refusal> {
    create::check_name(state, name)?;
    let id = new_id("ami");
    let owner = state.account.clone();
    let image = ready(&id, name, &owner, "/dev/xvda", ImageSource::Folder(folder), now);
    let description = description.map(str::to_owned);
    let image = Image { state: ImageState::Pending, made: false, description, ..image };
    put(state, image, new_id("snap"), SnapshotState::Pending);
    Ok(id)
}

/// The image with this id, which is listed. `InvalidAMIID.Malformed`, `InvalidAMIID.NotFound`.
pub fn find<'a>(state: &'a State, id: &str) -> Result<&'a Image, Refusal> {
    let listed = state.ec2.images.get(id).filter(|image| !image.deregistered);
    listed.ok_or_else(|| ids::refused("ami", id))
}

/// Tells whether one of `owners`, an account, an alias or `self`, is this owner.
pub fn owned_by(state: &State, owner: &str, owners: &[String]) -> bool {
    owners.iter().any(|one| {
        one == owner || Some(one.as_str()) == alias(owner) || one == "self" && owner == state.account
    })
}

/// The image, if it can be launched. `InvalidAMIID.Unavailable` while it is not available.
pub fn usable<'a>(state: &'a State, id: &str) -> Result<&'a Image, Refusal> {
    if id.is_empty() {
        return Err(Refusal::missing("ImageId"));
    }
    let image = find(state, id)?;
    match image.state {
        ImageState::Available => Ok(image),
        _ => Err(Refusal::new("InvalidAMIID.Unavailable", format!("The image ID '{id}' is not available"))),
    }
}

/// The account's own image, to change it; `AuthFailure` for another account's.
fn own<'a>(state: &'a mut State, id: &str) -> Result<&'a mut Image, Refusal> {
    let other = || Refusal::new("AuthFailure", format!("Not authorized for image:{id}")).status(403);
    if find(state, id)?.owner != state.account {
        return Err(other());
    }
    state.ec2.images.get_mut(id).ok_or_else(other)
}

/// A listed image that has this snapshot.
pub fn using<'a>(state: &'a State, snapshot: &str) -> Option<&'a str> {
    let mut images = state.ec2.images.values().filter(|image| !image.deregistered);
    let image = images.find(|image| image.devices.iter().any(|device| device.snapshot == snapshot));
    image.map(|image| image.id.as_str())
}
