//! Scheduled actions: sizes that a group gets at a time.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::cron::Cron;
use super::group::Group;
use super::{asked_groups, changed_group, paged, shown, sooner};
use crate::api::{Actions, Call, Params, Refusal};

/// The calls about scheduled actions, by name.
pub const ACTIONS: Actions = &[
    ("BatchDeleteScheduledAction", delete_batch),
    ("BatchPutScheduledUpdateGroupAction", put_batch),
    ("DeleteScheduledAction", delete),
    ("DescribeScheduledActions", describe),
    ("PutScheduledUpdateGroupAction", put_one),
];

/// Scheduled actions of a group at most (user guide, ec2-auto-scaling-quotas).
const MOST: usize = 125;

/// A scheduled action; gone once it has fired for the last time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Action {
    pub arn: String,
    /// When it fires next.
    pub start: Timestamp,
    pub end: Option<Timestamp>,
    pub recurrence: Option<String>,
    pub zone: Option<String>,
    pub min: Option<i64>,
    pub max: Option<i64>,
    pub desired: Option<i64>,
}

impl Action {
    /// The next time of the recurrence.
    fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let zone = match &self.zone {
            Some(name) => TimeZone::get(name).ok()?,
            None => TimeZone::UTC,
        };
        let next = Cron::parse(self.recurrence.as_deref()?)?.next(after, &zone)?;
        self.end.is_none_or(|end| next <= end).then_some(next)
    }
}

fn put(group: &mut Group, arn: &str, params: &Params, now: Timestamp) -> Result<(), Refusal> {
    let name = params.needed("ScheduledActionName");
    if !group.schedule.contains_key(&name) && group.schedule.len() >= MOST {
        return Err(Refusal::new(
            "LimitExceeded",
            format!("A group can have at most {MOST} scheduled actions."),
        ));
    }
    let mut action = Action {
        arn: format!("{arn}:scheduledActionName/{name}"),
        end: params.timestamp("EndTime"),
        recurrence: params.given("Recurrence"),
        zone: params.given("TimeZone"),
        min: params.number::<i64>("MinSize").filter(|size| *size >= 0),
        max: params.number::<i64>("MaxSize").filter(|size| *size >= 0),
        desired: params.number::<i64>("DesiredCapacity").filter(|size| *size >= 0),
        ..Action::default()
    };
    if action.min.is_none() && action.max.is_none() && action.desired.is_none() {
        return Err(Refusal::validation(
            "At least one of MinSize, MaxSize and DesiredCapacity must be specified.",
        ));
    }
    if let (Some(min), Some(max)) = (action.min, action.max)
        && min > max
    {
        return Err(Refusal::validation(format!(
            "Max bound, {max}, must be greater than or equal to min bound, {min}"
        )));
    }
    if let Some(recurrence) = &action.recurrence
        && Cron::parse(recurrence).is_none()
    {
        return Err(Refusal::validation(format!("Given recurrence string: {recurrence} is invalid.")));
    }
    if let Some(zone) = &action.zone
        && TimeZone::get(zone).is_err()
    {
        return Err(Refusal::validation(format!("Invalid time zone: {zone}")));
    }
    let start = params.timestamp("StartTime").or(params.timestamp("Time"));
    action.start = match start {
        Some(start) if start <= now => {
            return Err(Refusal::validation("Given start time is in the past"));
        }
        Some(start) => start,
        None => action
            .next(now)
            .ok_or_else(|| Refusal::validation("Either StartTime or Recurrence must be specified."))?,
    };
    if action.end.is_some_and(|end| end <= action.start) {
        return Err(Refusal::validation("EndTime must be after StartTime."));
    }
    if group.schedule.iter().any(|(other, one)| *other != name && one.start == action.start) {
        return Err(Refusal::new("AlreadyExists", "Another scheduled action has the same start time."));
    }
    group.schedule.insert(name, action);
    Ok(())
}

fn arn(call: &Call, group: &str) -> String {
    call.state.arn(
        "autoscaling",
        &format!("scheduledUpdateGroupAction:{}:autoScalingGroupName/{group}", super::uuid()),
    )
}

fn put_one(call: &mut Call) -> Result<Value, Refusal> {
    let arn = arn(call, &call.params.needed("AutoScalingGroupName"));
    put(changed_group(call.state, call.params)?, &arn, call.params, call.now)?;
    Ok(json!({}))
}

fn failed(name: &str, refusal: Refusal) -> Value {
    json!({ "ScheduledActionName": name, "ErrorCode": refusal.code, "ErrorMessage": refusal.message })
}

/// Failed entries are answered; the others are carried out.
fn put_batch(call: &mut Call) -> Result<Value, Refusal> {
    let arn = arn(call, &call.params.needed("AutoScalingGroupName"));
    let group = changed_group(call.state, call.params)?;
    let mut refused = Vec::new();
    for one in call.params.items("ScheduledUpdateGroupActions") {
        let name = one.text("ScheduledActionName").unwrap_or_default();
        if let Err(refusal) = put(group, &arn, &one, call.now) {
            refused.push(failed(&name, refusal));
        }
    }
    Ok(json!({ "FailedScheduledUpdateGroupActions": refused }))
}

fn remove(group: &mut Group, name: &str) -> Result<(), Refusal> {
    let removed = group.schedule.shift_remove(name);
    removed.map(drop).ok_or_else(|| Refusal::validation("Scheduled action name not found"))
}

fn delete(call: &mut Call) -> Result<Value, Refusal> {
    let name = call.params.needed("ScheduledActionName");
    remove(changed_group(call.state, call.params)?, &name)?;
    Ok(json!({}))
}

fn delete_batch(call: &mut Call) -> Result<Value, Refusal> {
    let names = call.params.texts("ScheduledActionNames");
    let group = changed_group(call.state, call.params)?;
    let refused = names.iter().filter_map(|name| Some(failed(name, remove(group, name).err()?)));
    Ok(json!({ "FailedScheduledActions": refused.collect::<Vec<_>>() }))
}

fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let params = call.params;
    let names = params.texts("ScheduledActionNames");
    let (from, to) = (params.timestamp("StartTime"), params.timestamp("EndTime"));
    let mut items = Vec::new();
    for group in asked_groups(call.state, params)? {
        for (name, action) in &group.schedule {
            let named = names.is_empty() || names.contains(name) || names.contains(&action.arn);
            let within =
                from.is_none_or(|from| action.start >= from) && to.is_none_or(|to| action.start <= to);
            if named && within {
                items.push(json!({
                    "AutoScalingGroupName": group.name,
                    "ScheduledActionName": name,
                    "ScheduledActionARN": action.arn,
                    "Time": shown(action.start),
                    "StartTime": shown(action.start),
                    "EndTime": action.end.map(shown),
                    "Recurrence": action.recurrence,
                    "MinSize": action.min,
                    "MaxSize": action.max,
                    "DesiredCapacity": action.desired,
                    "TimeZone": action.zone,
                }));
            }
        }
    }
    paged(params, "ScheduledUpdateGroupActions", items, (50, 100))
}

/// Fires what is due; returns when the next action is. An action that falls due while ScheduledActions is
/// suspended does not fire, and is not made up for (user guide, as-suspend-resume-processes).
pub fn tick(group: &mut Group, now: Timestamp) -> Option<Timestamp> {
    let mut due = None;
    for name in group.schedule.keys().cloned().collect::<Vec<_>>() {
        let Some(action) = group.schedule.get(&name).cloned() else { continue };
        if action.start > now {
            due = sooner(due, Some(action.start));
            continue;
        }
        if group.runs("ScheduledActions") && !group.deleting {
            fire(group, &action, now);
        }
        match action.next(now) {
            Some(next) => {
                due = sooner(due, Some(next));
                if let Some(action) = group.schedule.get_mut(&name) {
                    action.start = next;
                }
            }
            None => {
                group.schedule.shift_remove(&name);
            }
        }
    }
    due
}

fn fire(group: &mut Group, action: &Action, now: Timestamp) {
    let (min, max) = (action.min.unwrap_or(group.min), action.max.unwrap_or(group.max));
    if min > max {
        return;
    }
    let desired = action.desired.unwrap_or(group.desired).clamp(min, max);
    (group.min, group.max) = (min, max);
    let why = format!(
        "a scheduled action update of AutoScalingGroup constraints to min: {min}, max: {max}, desired: {desired}"
    );
    group.set_desired(desired, now, &why);
}
