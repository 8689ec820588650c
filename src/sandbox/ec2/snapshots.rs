//! Snapshots: what an image's volumes are made of.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::api::{Actions, Call, Filters, Refusal, page};
use super::super::state::{State, new_id};
use super::{images, instances, tags, volumes};

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
    /// The image that it is made with and gets done with; None: made by itself.
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

impl SnapshotState {
    fn name(self) -> &'static str {
        match self {
            SnapshotState::Pending => "pending",
            SnapshotState::Completed => "completed",
            SnapshotState::Error => "error",
        }
    }
}

/// When a snapshot that began then is done.
pub fn due(state: &State, started: Timestamp) -> Timestamp {
    started.saturating_add(state.pace.image).unwrap_or(Timestamp::MAX)
}

/// `InvalidSnapshotID.Malformed`, `InvalidSnapshot.NotFound`.
pub fn find<'a>(state: &'a State, id: &str) -> Result<&'a Snapshot, Refusal> {
    if !instances::well_formed(id, "snap") {
        let message = format!("Invalid id: \"{id}\" (expecting \"snap-...\")");
        return Err(Refusal::new("InvalidSnapshotID.Malformed", message));
    }
    let missing = || Refusal::new("InvalidSnapshot.NotFound", format!("The snapshot '{id}' does not exist."));
    state.ec2.snapshots.get(id).ok_or_else(missing)
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
        "snapshotId": snapshot.id, "volumeId": snapshot.volume, "status": snapshot.state.name(),
        "startTime": format!("{:.3}", snapshot.started),
        "completionTime": done.then(|| format!("{:.3}", due(state, snapshot.started))),
        "progress": progress(state, snapshot, now), "ownerId": snapshot.owner,
        "volumeSize": snapshot.size, "description": snapshot.description,
        "encrypted": snapshot.encrypted,
        "kmsKeyId": snapshot.encrypted.then(|| state.arn("kms", "alias/aws/ebs")),
        "storageTier": "standard", "tagSet": tags::shown(&tags::of(state, &snapshot.id)),
    })
}

/// API_DescribeSnapshots.
fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let (filters, ids) = (Filters::of(call.params), call.params.texts("SnapshotId"));
    let owners = call.params.texts("Owner");
    for id in &ids {
        find(call.state, id)?;
    }
    let (state, now) = (&*call.state, call.now);
    let alias = |one: &Snapshot| images::alias(&one.owner).map(str::to_owned);
    let mut found = Vec::new();
    for one in state.ec2.snapshots.values().filter(|one| ids.is_empty() || ids.contains(&one.id)) {
        let owned = owners.iter().any(|owner| {
            *owner == one.owner
                || alias(one).as_ref() == Some(owner)
                || owner == "self" && one.owner == state.account
        });
        let passes = filters.pass(&tags::of(state, &one.id), |name| {
            Some(match name {
                "snapshot-id" => vec![one.id.clone()],
                "description" => vec![one.description.clone()],
                "encrypted" => vec![one.encrypted.to_string()],
                "owner-id" => vec![one.owner.clone()],
                "owner-alias" => alias(one).into_iter().collect(),
                "progress" => vec![progress(state, one, now)],
                "start-time" => vec![format!("{:.3}", one.started)],
                "status" => vec![one.state.name().to_owned()],
                "storage-tier" => vec!["standard".to_owned()],
                "volume-id" => vec![one.volume.clone()],
                "volume-size" => vec![one.size.to_string()],
                _ => return None,
            })
        })?;
        if passes && (owners.is_empty() || owned) {
            found.push(shown(state, one, now));
        }
    }
    let size = call.params.number("MaxResults")?.unwrap_or(1000);
    let page = page(found, call.params.text("NextToken"), size)?;
    Ok(json!({ "snapshotSet": page.items, "nextToken": page.next }))
}

/// API_CreateSnapshot.
fn create(call: &mut Call) -> Result<Value, Refusal> {
    let volume = call.params.required("VolumeId")?;
    volumes::check_id(call.state, &volume)?;
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
    let id = call.params.required("SnapshotId")?;
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
