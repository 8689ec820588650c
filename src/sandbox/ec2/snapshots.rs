//! Snapshots: the source of an image's volumes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::api::{Actions, Call, Refusal};
use super::super::state::{State, new_id};
use super::list::{List, list};
use super::{ids, images, tags};

/// The calls about snapshots, by name.
pub const ACTIONS: Actions =
    &[("CreateSnapshot", create), ("DeleteSnapshot", delete), ("DescribeSnapshots", describe)];

/// A snapshot of a volume.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    pub id: String,
    /// The account, or that of a base image.
    pub owner: String,
    pub volume: String,
    /// GiB.
    pub size: u32,
    pub description: String,
    pub started: Timestamp,
    pub encrypted: bool,
    pub state: SnapshotState,
    /// The image that it is made and completed with; `None`: made by itself.
    pub of_image: Option<String>,
}

/// API_Snapshot, `status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SnapshotState {
    Pending,
    Completed,
    Error,
}

/// When a snapshot that began then is done.
pub fn due(state: &State, started: Timestamp) -> Timestamp {
    started.saturating_add(state.pace.image).unwrap_or(Timestamp::MAX)
}

/// `InvalidSnapshotID.Malformed`, `InvalidSnapshot.NotFound`.
pub fn find<'a>(state: &'a State, id: &str) -> Result<&'a Snapshot, Refusal> {
    state.ec2.snapshots.get(id).ok_or_else(|| ids::refused("snap", id))
}

fn progress(state: &State, snapshot: &Snapshot, now: Timestamp) -> String {
    let percent = match snapshot.state {
        SnapshotState::Completed => 100,
        SnapshotState::Error => 0,
        SnapshotState::Pending => {
            let whole = state.pace.image.as_millis().max(1);
            let passed = u128::try_from(now.duration_since(snapshot.started).as_millis()).unwrap_or_default();
            (passed * 100 / whole).min(99)
        }
    };
    format!("{percent}%")
}

fn shown(state: &State, snapshot: &Snapshot, now: Timestamp) -> Value {
    let done = snapshot.state == SnapshotState::Completed;
    json!({
        "snapshotId": snapshot.id, "volumeId": snapshot.volume, "status": snapshot.state,
        "startTime": format!("{:.3}", snapshot.started),
        "completionTime": done.then(|| format!("{:.3}", due(state, snapshot.started))),
        "progress": progress(state, snapshot, now), "ownerId": snapshot.owner,
        "ownerAlias": images::alias(&snapshot.owner),
        "volumeSize": snapshot.size, "description": snapshot.description,
        "encrypted": snapshot.encrypted,
        "kmsKeyId": snapshot.encrypted.then(|| state.arn("kms", "alias/aws/ebs")),
        "storageTier": "standard", "tagSet": tags::shown(&tags::of(state, &snapshot.id)),
    })
}

const SNAPSHOTS: List = List {
    ids: ("SnapshotId", "snapshotId"),
    answer: "snapshotSet",
    most: 1000,
    filters: &[
        ("snapshot-id", "snapshotId"),
        ("description", "description"),
        ("encrypted", "encrypted"),
        ("owner-id", "ownerId"),
        ("owner-alias", "ownerAlias"),
        ("progress", "progress"),
        ("start-time", "startTime"),
        ("status", "status"),
        ("storage-tier", "storageTier"),
        ("volume-id", "volumeId"),
        ("volume-size", "volumeSize"),
    ],
};

/// API_DescribeSnapshots.
fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let owners = call.params.texts("Owner");
    for id in call.params.texts("SnapshotId") {
        find(call.state, &id)?;
    }
    let state = &*call.state;
    let snapshots = state.ec2.snapshots.values();
    let asked = snapshots.filter(|one| owners.is_empty() || images::owned_by(state, &one.owner, &owners));
    list(call, &SNAPSHOTS, asked.map(|one| shown(state, one, call.now)).collect())
}

/// API_CreateSnapshot.
fn create(call: &mut Call) -> Result<Value, Refusal> {
    let volume = call.params.needed("VolumeId");
    ids::check(call.state, "vol", &volume)?;
    let (size, encrypted) =
        call.state.ec2.volumes.get(&volume).map_or((1, false), |one| (one.size.size, one.encrypted));
    let id = new_id("snap");
    let snapshot = Snapshot {
        id: id.clone(),
        owner: call.state.account.clone(),
        volume,
        size,
        description: call.params.text("Description").unwrap_or_default(),
        started: call.now,
        encrypted,
        state: SnapshotState::Pending,
        of_image: None,
    };
    tags::set(call.state, &id, tags::specified(call.params, "snapshot")?);
    let answer = shown(call.state, &snapshot, call.now);
    call.state.ec2.snapshots.insert(id, snapshot);
    Ok(answer)
}

/// API_DeleteSnapshot: `InvalidSnapshot.InUse` while an image is made of it.
fn delete(call: &mut Call) -> Result<Value, Refusal> {
    let id = call.params.needed("SnapshotId");
    if find(call.state, &id)?.owner != call.state.account {
        return Err(Refusal::new("AuthFailure", format!("Not authorized for snapshot:{id}")).status(403));
    }
    if let Some(image) = images::using(call.state, &id) {
        let message = format!("The snapshot {id} is currently in use by {image}");
        return Err(Refusal::new("InvalidSnapshot.InUse", message));
    }
    remove(call.state, &id);
    Ok(json!({ "return": true }))
}

/// Takes a snapshot away with its tags.
pub fn remove(state: &mut State, id: &str) {
    state.ec2.snapshots.shift_remove(id);
    tags::forget(state, id);
}
