//! Scheduled actions: new bounds at a time.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::expression::Expression;
use super::targets::{self, Scalable};
use super::{Resource, asked, invalid, paged};
use crate::api::{Actions, Call, Refusal, timestamp};
use crate::state::{State, random_hex};

/// The calls about scheduled actions, by name.
pub const ACTIONS: Actions =
    &[("DeleteScheduledAction", delete), ("DescribeScheduledActions", describe), ("PutScheduledAction", put)];

/// A scheduled action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scheduled {
    pub resource: Resource,
    pub name: String,
    pub arn: String,
    pub schedule: String,
    pub zone: Option<String>,
    pub start: Option<Timestamp>,
    pub end: Option<Timestamp>,
    pub least: Option<u32>,
    pub most: Option<u32>,
    pub created: Timestamp,
    /// All runs until then are done.
    pub done: Timestamp,
}

impl Scheduled {
    fn zone(&self) -> TimeZone {
        self.zone.as_ref().and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC)
    }

    /// The time of its next run; `None`: never again.
    fn next(&self) -> Option<Timestamp> {
        let from = self.start.unwrap_or(self.created);
        // A run exactly at the start counts.
        let after =
            self.start.map_or(self.done, |start| self.done.max(start - jiff::SignedDuration::from_secs(1)));
        let next = Expression::parse(&self.schedule)?.next(from, after, &self.zone())?;
        self.end.is_none_or(|end| next <= end).then_some(next)
    }
}

fn not_found(name: &str, resource: &Resource) -> Refusal {
    let text = format!("No scheduled action found for {}, scheduled action name: {name}", resource.told());
    Refusal::new("ObjectNotFoundException", text)
}

fn put(call: &mut Call) -> Result<Value, Refusal> {
    let (state, params) = (&mut *call.state, call.params);
    let resource = Resource::read(params);
    targets::find(state, &resource)?;
    let name = params.needed("ScheduledActionName");
    let all = &state.application_autoscaling.scheduled;
    let old = all.iter().find(|one| one.resource == resource && one.name == name).cloned();
    let schedule = params.given("Schedule").or(old.as_ref().map(|old| old.schedule.clone()));
    let schedule = schedule.ok_or_else(|| invalid("Schedule must be specified"))?;
    if Expression::parse(&schedule).is_none() {
        return Err(invalid(format!("Schedule expression is invalid: {schedule}")));
    }
    let zone = params.given("Timezone").or(old.as_ref().and_then(|old| old.zone.clone()));
    if zone.as_ref().is_some_and(|zone| TimeZone::get(zone).is_err()) {
        return Err(invalid("The time zone is not valid."));
    }
    let (least, most) = match params.child("ScalableTargetAction") {
        Some(given) => (given.number("MinCapacity"), given.number("MaxCapacity")),
        None => old.as_ref().map(|old| (old.least, old.most)).unwrap_or_default(),
    };
    if least.is_none() && most.is_none() {
        return Err(invalid("At least one of MinCapacity and MaxCapacity must be specified"));
    }
    if least.zip(most).is_some_and(|(least, most)| least > most) {
        return Err(invalid("Maximum capacity cannot be less than minimum capacity"));
    }
    let path =
        format!("scheduledAction:{}:resource/ecs/{}:scheduledActionName/{name}", random_hex(32), resource.id);
    let action = Scheduled {
        arn: old.as_ref().map_or_else(|| state.arn("autoscaling", &path), |old| old.arn.clone()),
        schedule,
        zone,
        start: params.timestamp("StartTime"),
        end: params.timestamp("EndTime"),
        least,
        most,
        created: old.as_ref().map_or(call.now, |old| old.created),
        done: call.now,
        resource,
        name,
    };
    if action.schedule.starts_with("at(") && action.next().is_none() {
        return Err(invalid("The schedule is in the past."));
    }
    let all = &mut state.application_autoscaling.scheduled;
    all.retain(|one| one.resource != action.resource || one.name != action.name);
    all.push(action);
    Ok(json!({}))
}

fn delete(call: &mut Call) -> Result<Value, Refusal> {
    let (resource, name) = (Resource::read(call.params), call.params.needed("ScheduledActionName"));
    let all = &mut call.state.application_autoscaling.scheduled;
    let before = all.len();
    all.retain(|one| one.resource != resource || one.name != name);
    if all.len() == before { Err(not_found(&name, &resource)) } else { Ok(json!({})) }
}

fn describe(call: &mut Call) -> Result<Value, Refusal> {
    let names = call.params.texts("ScheduledActionNames");
    let all = call.state.application_autoscaling.scheduled.iter();
    let found = all
        .filter(|one| asked(call.params, &one.resource) && (names.is_empty() || names.contains(&one.name)));
    let shown = |one: &Scheduled| {
        json!({
            "ScheduledActionName": one.name,
            "ScheduledActionARN": one.arn,
            "ServiceNamespace": one.resource.namespace,
            "ResourceId": one.resource.id,
            "ScalableDimension": one.resource.dimension,
            "Schedule": one.schedule,
            "Timezone": one.zone,
            "StartTime": one.start.map(timestamp),
            "EndTime": one.end.map(timestamp),
            "ScalableTargetAction": { "MinCapacity": one.least, "MaxCapacity": one.most },
            "CreationTime": timestamp(one.created),
        })
    };
    paged(call.params, "ScheduledActions", found.map(shown).collect())
}

/// Runs the actions that are due; returns when the next one is.
pub fn tick(state: &mut State, now: Timestamp) -> Option<Timestamp> {
    let mut due = None;
    for mut action in state.application_autoscaling.scheduled.clone() {
        let Some(next) = action.next() else { continue };
        if next > now {
            due = [due, Some(next)].into_iter().flatten().min();
            continue;
        }
        if let Ok(target) = targets::find(state, &action.resource).cloned() {
            run(state, &action, target);
        }
        action.done = now;
        due = [due, action.next()].into_iter().flatten().min();
        let mut all = state.application_autoscaling.scheduled.iter_mut();
        if let Some(slot) = all.find(|one| one.arn == action.arn) {
            *slot = action;
        }
    }
    due
}

/// Sets the target's bounds to the action's; if only one is given, the other gives way.
fn run(state: &mut State, action: &Scheduled, target: Scalable) {
    if target.suspends("ScheduledScalingSuspended") {
        return;
    }
    let least = action.least.unwrap_or_else(|| target.least.min(action.most.unwrap_or(u32::MAX)));
    let most = action.most.unwrap_or_else(|| target.most.max(least));
    targets::put(state, Scalable { least, most, ..target });
}
