//! Instance refreshes: instances replaced batch by batch (user guide, instance-refresh-overview).

mod calls;
mod preferences;
mod run;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::group::Template;
use super::shown;
pub use calls::ACTIONS;
pub use preferences::Preferences;
pub use run::tick;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Refresh {
    pub id: String,
    pub group: String,
    pub status: Status,
    pub reason: Option<String>,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub preferences: Preferences,
    /// The configuration that the group gets on success.
    pub desired: Option<Configuration>,
    /// Instances to be replaced, those that are gone included.
    pub old: BTreeSet<String>,
    /// Instances that stay: skipped, protected, on standby.
    pub kept: BTreeSet<String>,
    /// Number of instances to replace at its start.
    pub total: i64,
    pub percentage: i64,
    pub remaining: i64,
    /// Number of checkpoints that have passed.
    pub checkpoint: usize,
    /// The delay of a checkpoint, or the bake time, ends then.
    pub until: Option<Timestamp>,
    /// The last time that it came nearer to its end.
    pub moved_at: Timestamp,
    /// Number of instances that it currently wants beyond the desired capacity.
    pub extra: i64,
    pub rollback: Option<Rollback>,
}

/// The launch source of instances.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Configuration {
    pub template: Template,
    pub mixed: Option<Value>,
}

/// The progress of a refresh when it turned back (API_RollbackDetails).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rollback {
    pub reason: String,
    pub started_at: Timestamp,
    pub percentage: i64,
    pub remaining: i64,
}

/// API_InstanceRefresh, Status
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    #[default]
    Pending,
    InProgress,
    Successful,
    Failed,
    Cancelling,
    Cancelled,
    RollbackInProgress,
    RollbackFailed,
    RollbackSuccessful,
    Baking,
}

impl Status {
    pub fn ended(self) -> bool {
        matches!(
            self,
            Status::Successful
                | Status::Failed
                | Status::Cancelled
                | Status::RollbackFailed
                | Status::RollbackSuccessful
        )
    }
}

impl Refresh {
    /// The group's launch source during this refresh, if it is not its own template.
    pub fn launches(&self) -> Option<(&Template, Option<&Value>)> {
        let forward = matches!(self.status, Status::Pending | Status::InProgress | Status::Baking);
        let desired = self.desired.as_ref().filter(|_| forward)?;
        Some((&desired.template, desired.mixed.as_ref()))
    }

    fn end(&mut self, status: Status, reason: Option<String>, now: Timestamp) {
        self.status = status;
        self.reason = reason;
        self.ended_at = Some(now);
        self.until = None;
        self.extra = 0;
    }

    fn shown(&self) -> Value {
        let progress = |percentage: i64, remaining: i64| json!({ "LivePoolProgress": { "PercentageComplete": percentage, "InstancesToUpdate": remaining } });
        let desired = self.desired.as_ref().map(|desired| match &desired.mixed {
            Some(mixed) => json!({ "MixedInstancesPolicy": mixed }),
            None => json!({ "LaunchTemplate": desired.template.shown() }),
        });
        let rollback = self.rollback.as_ref().map(|rollback| {
            json!({
                "RollbackReason": rollback.reason,
                "RollbackStartTime": shown(rollback.started_at),
                "PercentageCompleteOnRollback": rollback.percentage,
                "InstancesToUpdateOnRollback": rollback.remaining,
                "ProgressDetailsOnRollback": progress(rollback.percentage, rollback.remaining),
            })
        });
        json!({
            "InstanceRefreshId": self.id,
            "AutoScalingGroupName": self.group,
            "Status": self.status,
            "StatusReason": self.reason,
            "StartTime": shown(self.started_at),
            "EndTime": self.ended_at.map(shown),
            "PercentageComplete": self.percentage,
            "InstancesToUpdate": self.remaining,
            "ProgressDetails": progress(self.percentage, self.remaining),
            "Preferences": self.preferences.shown(),
            "DesiredConfiguration": desired,
            "RollbackDetails": rollback,
            "Strategy": "Rolling",
        })
    }
}
