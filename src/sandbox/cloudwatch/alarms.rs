//! Calls about alarms.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::alarm::{Alarm, Settings, StateValue};
use super::query;
use super::{evaluation, history};
use crate::api::{Actions, Call, Paging, Refusal};
use crate::state::Tags;

pub const ACTIONS: Actions = &[
    ("PutMetricAlarm", put_metric_alarm),
    ("DescribeAlarms", describe_alarms),
    ("DescribeAlarmsForMetric", describe_alarms_for_metric),
    ("DeleteAlarms", delete_alarms),
    ("SetAlarmState", set_alarm_state),
    ("EnableAlarmActions", enable_alarm_actions),
    ("DisableAlarmActions", disable_alarm_actions),
];

/// `StateReason` of an alarm that was not evaluated yet.
const UNCHECKED: &str = "Unchecked: Initial alarm creation";

/// The paging of lists of alarms and of their history.
pub const PAGES: Paging =
    Paging { most: "MaxRecords", size: 100, token: "NextToken", next: "NextToken", bad: "InvalidNextToken" };

/// CloudWatch's refusal of an unknown alarm, in calls about alarms.
fn unknown(names: &[&String]) -> Refusal {
    let message = match names {
        [] => String::new(),
        names => format!("Alarms {names:?} do not exist"),
    };
    Refusal::new("ResourceNotFound", message).status(404)
}

/// API_PutMetricAlarm: an alarm of that name gets all settings anew, and keeps its state and tags.
fn put_metric_alarm(call: &mut Call) -> Result<Value, Refusal> {
    let settings = Settings::read(call.params)?;
    let name = settings.name.clone();
    let tags = call.params.items("Tags");
    let tags: Tags = tags.iter().map(|tag| (tag.needed("Key"), tag.needed("Value"))).collect();
    let (now, arn) = (call.now, call.state.arn("cloudwatch", &format!("alarm:{name}")));
    let cloudwatch = &mut call.state.cloudwatch;
    let summary = match cloudwatch.alarms.get_mut(&name) {
        Some(alarm) => {
            (alarm.settings, alarm.configured, alarm.hold) = (settings, now, now);
            "updated"
        }
        None => {
            let alarm = Alarm {
                arn,
                settings,
                tags,
                configured: now,
                value: StateValue::InsufficientData,
                reason: UNCHECKED.to_owned(),
                reason_data: None,
                updated: now,
                transitioned: now,
                hold: now,
            };
            cloudwatch.alarms.insert(name.clone(), alarm);
            "created"
        }
    };
    history::note(
        cloudwatch,
        &name,
        now,
        "ConfigurationUpdate",
        format!("Alarm \"{name}\" {summary}"),
        json!({}),
    );
    Ok(Value::Null)
}

/// API_DescribeAlarms. The region has only metric alarms.
fn describe_alarms(call: &mut Call) -> Result<Value, Refusal> {
    let params = call.params;
    let (names, prefix) = (params.texts("AlarmNames"), params.text("AlarmNamePrefix"));
    if !names.is_empty() && prefix.is_some() {
        return Err(Refusal::validation("AlarmNames and AlarmNamePrefix cannot be specified together."));
    }
    if params.has("ChildrenOfAlarmName") || params.has("ParentsOfAlarmName") {
        return Err(Refusal::validation("The sandbox has no composite alarms."));
    }
    let value = params.text("StateValue").map(|name| StateValue::named(&name));
    let types = params.texts("AlarmTypes");
    let action = params.text("ActionPrefix");
    let alarms = call.state.cloudwatch.alarms.values().filter(|alarm| {
        let set = &alarm.settings;
        let mut actions =
            set.alarm_actions.iter().chain(&set.ok_actions).chain(&set.insufficient_data_actions);
        (types.is_empty() || types.iter().any(|kind| kind == "MetricAlarm"))
            && (names.is_empty() || names.contains(&set.name))
            && prefix.as_ref().is_none_or(|prefix| set.name.starts_with(prefix.as_str()))
            && value.is_none_or(|value| value == alarm.value)
            && action.as_ref().is_none_or(|prefix| actions.any(|arn| arn.starts_with(prefix.as_str())))
    });
    let page = PAGES.page(params, alarms.collect())?;
    let alarms: Vec<Value> = page.items.into_iter().map(Alarm::shown).collect();
    Ok(json!({ "CompositeAlarms": [], "MetricAlarms": alarms, "NextToken": page.next }))
}

/// API_DescribeAlarmsForMetric: alarms of a single metric.
fn describe_alarms_for_metric(call: &mut Call) -> Result<Value, Refusal> {
    let params = call.params;
    let (name, namespace) = (params.needed("MetricName"), params.needed("Namespace"));
    let dimensions: BTreeMap<String, String> = query::dimensions(params);
    let stat = params.text("Statistic").or_else(|| params.text("ExtendedStatistic"));
    let (period, unit) = (params.number::<i64>("Period"), params.text("Unit"));
    let alarms = call.state.cloudwatch.alarms.values().filter(|alarm| {
        alarm.settings.stat().is_some_and(|watched| {
            watched.name == name
                && watched.namespace == namespace
                && watched.dimensions == dimensions
                && stat.as_ref().is_none_or(|stat| *stat == watched.stat)
                && period.is_none_or(|period| period == watched.period)
                && unit.as_ref().is_none_or(|unit| Some(unit) == watched.unit.as_ref())
        })
    });
    Ok(json!({ "MetricAlarms": alarms.map(Alarm::shown).collect::<Vec<_>>() }))
}

/// API_DeleteAlarms: deletes all of them, or on an error none.
fn delete_alarms(call: &mut Call) -> Result<Value, Refusal> {
    let names = call.params.texts("AlarmNames");
    let cloudwatch = &mut call.state.cloudwatch;
    let missing: Vec<&String> = names.iter().filter(|name| !cloudwatch.alarms.contains_key(*name)).collect();
    if !missing.is_empty() {
        return Err(unknown(&missing));
    }
    for name in &names {
        if cloudwatch.alarms.remove(name).is_some() {
            let summary = format!("Alarm \"{name}\" deleted");
            history::note(cloudwatch, name, call.now, "ConfigurationUpdate", summary, json!({}));
        }
    }
    Ok(Value::Null)
}

/// API_SetAlarmState: until the alarm is next evaluated, which is when the running minute is over.
fn set_alarm_state(call: &mut Call) -> Result<Value, Refusal> {
    let name = call.params.needed("AlarmName");
    let value = StateValue::named(&call.params.needed("StateValue"));
    let reason = call.params.needed("StateReason");
    let data = call.params.text("StateReasonData");
    if data.as_ref().is_some_and(|data| serde_json::from_str::<Value>(data).is_err()) {
        return Err(Refusal::new("InvalidFormat", "StateReasonData must be JSON."));
    }
    let cloudwatch = &mut call.state.cloudwatch;
    if !cloudwatch.alarms.contains_key(&name) {
        return Err(unknown(&[]));
    }
    evaluation::turn(cloudwatch, &name, value, reason, data, call.now);
    if let Some(alarm) = cloudwatch.alarms.get_mut(&name) {
        alarm.hold = call.now;
    }
    Ok(Value::Null)
}

/// API_EnableAlarmActions.
fn enable_alarm_actions(call: &mut Call) -> Result<Value, Refusal> {
    actions_enabled(call, true)
}

/// API_DisableAlarmActions.
fn disable_alarm_actions(call: &mut Call) -> Result<Value, Refusal> {
    actions_enabled(call, false)
}

fn actions_enabled(call: &mut Call, enabled: bool) -> Result<Value, Refusal> {
    let now = call.now;
    for name in call.params.texts("AlarmNames") {
        // These two calls have no error for a missing alarm.
        let Some(alarm) = call.state.cloudwatch.alarms.get_mut(&name) else { continue };
        if alarm.settings.actions_enabled != enabled {
            alarm.settings.actions_enabled = enabled;
            alarm.configured = now;
        }
    }
    Ok(Value::Null)
}
