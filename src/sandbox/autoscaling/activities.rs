//! Scaling activities: a group's changes of its instances, and their causes (API_Activity).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{AutoScaling, not_found, paged, shown, uuid};
use crate::api::{Actions, Call, Refusal};
use crate::state::State;

/// The calls about activities, by name.
pub const ACTIONS: Actions = &[("DescribeScalingActivities", describe)];

/// Number of activities that are kept; AWS keeps those of six weeks.
const KEPT: usize = 2000;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Activity {
    pub id: String,
    pub group: String,
    pub group_arn: String,
    pub description: String,
    pub cause: String,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub status: Status,
    pub message: Option<String>,
    pub progress: u8,
    /// `Subnet ID` and `Availability Zone`.
    pub details: Option<(String, String)>,
    /// Its group is gone.
    pub deleted: bool,
}

/// The codes that are used here (API_Activity, StatusCode).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    #[default]
    InProgress,
    PreInService,
    WaitingForELBConnectionDraining,
    MidLifecycleAction,
    Successful,
    Failed,
    Cancelled,
}

impl Status {
    fn ended(self) -> bool {
        matches!(self, Status::Successful | Status::Failed | Status::Cancelled)
    }
}

impl Activity {
    /// As answers have it.
    pub fn shown(&self) -> Value {
        let details = self
            .details
            .as_ref()
            .map(|(subnet, zone)| json!({ "Subnet ID": subnet, "Availability Zone": zone }));
        json!({
            "ActivityId": self.id,
            "AutoScalingGroupName": self.group,
            "Description": self.description,
            "Cause": self.cause.chars().take(1023).collect::<String>(),
            "StartTime": shown(self.started_at),
            "EndTime": self.ended_at.map(shown),
            "StatusCode": self.status,
            "StatusMessage": self.message.as_ref().map(|text| text.chars().take(255).collect::<String>()),
            "Progress": self.progress,
            "Details": details.unwrap_or(json!({})).to_string(),
            "AutoScalingGroupState": self.deleted.then_some("Deleted"),
            "AutoScalingGroupARN": self.group_arn,
        })
    }
}

impl AutoScaling {
    /// Writes an activity down; its id.
    pub fn record(&mut self, activity: Activity) -> String {
        let id = uuid();
        let spare = (self.activities.len() + 1).saturating_sub(KEPT);
        self.activities.drain(..spare);
        self.activities.push(Activity { id: id.clone(), ..activity });
        id
    }

    /// Updates an activity; one that has ended stays as it is.
    pub fn proceed(&mut self, id: Option<&str>, status: Status, progress: u8, now: Timestamp) {
        let found = self.activities.iter_mut().rev().find(|one| Some(one.id.as_str()) == id);
        if let Some(activity) = found.filter(|one| !one.status.ended()) {
            activity.status = status;
            activity.progress = progress;
            activity.ended_at = status.ended().then_some(now);
        }
    }

    /// An activity fails.
    pub fn fail(&mut self, id: Option<&str>, status: Status, message: &str, now: Timestamp) {
        self.proceed(id, status, 100, now);
        if let Some(activity) = self.activities.iter_mut().rev().find(|one| Some(one.id.as_str()) == id) {
            activity.message = Some(message.to_owned());
            activity.description = format!("{}.  Status Reason: {message}", activity.description);
        }
    }

    /// Tells whether a group has an activity under way.
    pub fn active(&self, arn: &str) -> bool {
        self.activities.iter().any(|one| one.group_arn == arn && !one.status.ended())
    }

    /// The activity with this id, as answers have it.
    pub fn shown(&self, id: &str) -> Value {
        self.activities.iter().rev().find(|one| one.id == id).map(Activity::shown).into()
    }
}

/// Newest first; those of groups that are gone only where they are asked for.
fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let params = call.params;
    let state: &State = call.state;
    let group = params.text("AutoScalingGroupName");
    let with_deleted = params.flag("IncludeDeletedGroups").unwrap_or(false);
    let ids = params.texts("ActivityIds");
    if let Some(name) = &group
        && !with_deleted
        && !state.autoscaling.groups.contains_key(name)
    {
        return Err(not_found(name));
    }
    let asked = |one: &&Activity| {
        group.as_ref().is_none_or(|name| *name == one.group)
            && (with_deleted || !one.deleted)
            && (ids.is_empty() || ids.contains(&one.id))
    };
    let items = state.autoscaling.activities.iter().rev().filter(asked).map(Activity::shown).collect();
    paged(params, "Activities", items, (100, 100))
}
