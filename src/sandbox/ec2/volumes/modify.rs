//! Changes of volumes in use.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::super::api::{Call, Refusal};
use super::super::super::pace::Pace;
use super::super::ids;
use super::super::list::{List, list};
use super::{Shape, Volume};

/// The last change of a volume. Its progress follows from the time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Modification {
    pub from: Shape,
    pub started: Timestamp,
    /// The start times of earlier changes that still count.
    #[serde(default)]
    pub earlier: Vec<Timestamp>,
}

/// Number of modifications of a volume within a period (API_ModifyVolume).
const MODIFICATIONS: usize = 4;
const PERIOD: Duration = Duration::from_secs(24 * 3600);

impl Modification {
    /// When this one and those before it began.
    fn starts(&self) -> Vec<Timestamp> {
        self.earlier.iter().copied().chain([self.started]).collect()
    }

    /// `modifying`, `optimizing`, `completed` (EBS user guide, monitoring-volume-modifications), with
    /// the percentage, and the end.
    fn progress(&self, pace: &Pace, now: Timestamp) -> (&'static str, u8, Option<Timestamp>) {
        let passed = now.duration_since(self.started);
        let after =
            |parts: u32| self.started.saturating_add(pace.image * parts / 2).unwrap_or(Timestamp::MAX);
        match () {
            () if now >= after(2) => ("completed", 100, Some(after(2))),
            () if now >= after(1) => ("optimizing", 50, None),
            () => ("modifying", if passed.is_zero() { 0 } else { 25 }, None),
        }
    }
}

/// API_ModifyVolume. Volumes do not shrink; one takes a second change once the first is completed,
/// and four within 24 hours.
pub fn modify(call: &mut Call) -> Result<Value, Refusal> {
    let id = call.params.needed("VolumeId");
    ids::check(call.state, "vol", &id)?;
    let (now, pace) = (call.now, call.state.pace.clone());
    let params = call.params;
    let since = now.saturating_sub(PERIOD).unwrap_or(Timestamp::MIN);
    let Some(volume) = call.state.ec2.volumes.get_mut(&id) else { return Err(Refusal::missing("VolumeId")) };
    if let Some((word @ ("modifying" | "optimizing"), ..)) =
        volume.modification.as_ref().map(|change| change.progress(&pace, now))
    {
        let message = format!("Volume {id} is in modification state '{word}' and cannot be modified now.");
        return Err(Refusal::new("IncorrectModificationState", message));
    }
    let mut earlier = volume.modification.as_ref().map(Modification::starts).unwrap_or_default();
    earlier.retain(|started| *started > since);
    if earlier.len() >= MODIFICATIONS {
        return Err(Refusal::new(
            "VolumeModificationRateExceeded",
            format!(
                "You've reached the maximum modification rate of volume {id}: {MODIFICATIONS} within 24 hours."
            ),
        ));
    }
    let from = volume.size.clone();
    let kind = params.text("VolumeType").unwrap_or_else(|| from.kind.clone());
    let same = kind == from.kind;
    let size = params.number("Size").unwrap_or(from.size);
    if size < from.size {
        return Err(Refusal::value("New size cannot be smaller than existing size"));
    }
    let iops = params.number("Iops");
    let throughput = params.number("Throughput");
    let iops = iops.or(from.iops.filter(|_| kind != "gp2" && (same || kind.starts_with("io"))));
    volume.size = Shape::of(size, &kind, iops, throughput.or(from.throughput.filter(|_| same)))?;
    volume.modification = Some(Modification { from, started: now, earlier });
    Ok(json!({ "volumeModification": shown(volume, &pace, now) }))
}

fn shown(volume: &Volume, pace: &Pace, now: Timestamp) -> Value {
    let Some(change) = &volume.modification else { return Value::Null };
    let (word, progress, end) = change.progress(pace, now);
    let (from, to) = (&change.from, &volume.size);
    json!({
        "volumeId": volume.id, "modificationState": word,
        "targetSize": to.size, "targetIops": to.iops, "targetVolumeType": to.kind,
        "targetThroughput": to.throughput, "targetMultiAttachEnabled": false,
        "originalSize": from.size, "originalIops": from.iops, "originalVolumeType": from.kind,
        "originalThroughput": from.throughput, "originalMultiAttachEnabled": false,
        "progress": progress, "startTime": format!("{:.3}", change.started),
        "endTime": end.map(|end| format!("{end:.3}")),
    })
}

const MODIFIED: List = List {
    ids: ("VolumeId", "volumeId"),
    answer: "volumeModificationSet",
    most: 500,
    filters: &[
        ("volume-id", "volumeId"),
        ("modification-state", "modificationState"),
        ("original-size", "originalSize"),
        ("original-volume-type", "originalVolumeType"),
        ("target-size", "targetSize"),
        ("target-volume-type", "targetVolumeType"),
        ("start-time", "startTime"),
    ],
};

/// API_DescribeVolumesModifications: volumes that were never modified are not listed, and asked for
/// by id they are an error.
pub fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let volumes = &call.state.ec2.volumes;
    for id in call.params.texts("VolumeId") {
        ids::check(call.state, "vol", &id)?;
        if volumes.get(&id).is_some_and(|volume| volume.modification.is_none()) {
            return Err(Refusal::new(
                "InvalidVolumeModification.NotFound",
                format!("Modification for volume '{id}' does not exist."),
            ));
        }
    }
    let modified = volumes.values().filter(|volume| volume.modification.is_some());
    list(call, &MODIFIED, modified.map(|volume| shown(volume, &call.state.pace, call.now)).collect())
}
