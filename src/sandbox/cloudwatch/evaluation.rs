//! Alarms change their states by the data (CloudWatch user guide, alarm-evaluation and
//! alarms-and-missing-data).

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::alarm::{Alarm, Settings, StateValue, TreatMissing};
use super::metrics::{MINUTE, minute};
use super::query::{self, Series};
use super::{CloudWatch, Metrics, history};

/// Time after a minute within which its data may still come in.
const SETTLE: SignedDuration = SignedDuration::from_secs(5);
/// Periods that are looked at besides the evaluation periods, for data that is late or missing.
const MORE: i64 = 2;

/// Evaluates the alarms; when to look again: when the running minute is over and its data are in.
pub fn tick(cloudwatch: &mut CloudWatch, metrics: &Metrics, now: Timestamp) -> Option<Timestamp> {
    let end = last_minute(now)?;
    let names: Vec<String> = cloudwatch.alarms.keys().cloned().collect();
    for name in &names {
        let Some(alarm) = cloudwatch.alarms.get(name).filter(|alarm| alarm.hold < end) else { continue };
        if let Some((value, reason)) = judged(alarm, metrics, end).filter(|(value, _)| *value != alarm.value)
        {
            let data = json!({ "version": "1.0", "queryDate": format!("{now:.3}") });
            turn(cloudwatch, name, value, reason, Some(data.to_string()), now);
        }
    }
    let next = end.checked_add(SignedDuration::from_secs(MINUTE)).and_then(|next| next.checked_add(SETTLE));
    next.ok().filter(|_| !names.is_empty())
}

/// The end of the last minute whose data are complete.
fn last_minute(now: Timestamp) -> Option<Timestamp> {
    Timestamp::from_second(minute(now.checked_sub(SETTLE).ok()?)).ok()
}

/// Writes a state, which may be the same as before, and why.
pub fn turn(
    cloudwatch: &mut CloudWatch,
    name: &str,
    value: StateValue,
    reason: String,
    data: Option<String>,
    now: Timestamp,
) {
    let Some(alarm) = cloudwatch.alarms.get_mut(name) else { return };
    let old = alarm.value;
    alarm.value = value;
    alarm.reason = reason;
    alarm.reason_data = data;
    alarm.updated = now;
    if old != value {
        alarm.transitioned = now;
        let summary = format!("Alarm updated from {} to {}", old.name(), value.name());
        let data = json!({
            "version": "1.0",
            "oldState": { "stateValue": old.name() },
            "newState": { "stateValue": value.name(), "stateReason": alarm.reason },
        });
        history::note(cloudwatch, name, now, "StateUpdate", summary, data);
    }
}

/// The state that follows from the data until `end`, and why; `None` if it stays.
fn judged(alarm: &Alarm, metrics: &Metrics, end: Timestamp) -> Option<(StateValue, String)> {
    let set = &alarm.settings;
    let periods = i64::from(set.evaluation_periods) + MORE;
    let from = end.checked_sub(SignedDuration::from_secs(set.period() * periods)).ok()?;
    let series = query::evaluate(metrics, &set.queries, (from, end)).into_iter().next()?.1;
    // Newest first, with `None` for a period without data.
    let range: Vec<Option<f64>> = (0..periods)
        .rev()
        .map(|index| series.get(&(from.as_second() + index * set.period())).copied())
        .collect();
    let breached = |value: &f64| set.comparison.breached(*value, set.threshold);
    let range_breached: Vec<Option<bool>> = range.iter().map(|value| value.as_ref().map(breached)).collect();
    let missing = set.missing.unwrap_or(TreatMissing::Missing);
    let needed = set.datapoints_to_alarm.unwrap_or(set.evaluation_periods);
    let value = verdict(&range_breached, set.evaluation_periods as usize, needed as usize, missing)?;
    Some((value, reason(set, value, &series)))
}

/// The state for a range of data points, newest first: each is breaching or not, `None` if missing. Returns
/// `None` if the state stays. Real data points of the whole range are used first; missing ones of `periods`
/// then count as `missing` says.
fn verdict(
    range: &[Option<bool>],
    periods: usize,
    needed: usize,
    missing: TreatMissing,
) -> Option<StateValue> {
    let present: Vec<bool> = range.iter().copied().flatten().take(periods).collect();
    let absent = periods.saturating_sub(present.len());
    let breaching = present.iter().filter(|breaching| **breaching).count();
    if breaching >= needed {
        return Some(StateValue::Alarm);
    }
    let all_breaching = breaching == present.len();
    match missing {
        TreatMissing::Breaching if breaching + absent >= needed => Some(StateValue::Alarm),
        TreatMissing::Breaching | TreatMissing::NotBreaching => Some(StateValue::Ok),
        _ if absent == 0 || !all_breaching => Some(StateValue::Ok),
        TreatMissing::Ignore => None,
        TreatMissing::Missing if present.is_empty() => Some(StateValue::InsufficientData),
        // Only breaching ones, but fewer than needed: an alarm once the oldest is old enough, so that a
        // single first one does not suffice.
        TreatMissing::Missing => {
            let oldest = range.iter().take(periods).rposition(Option::is_some).map_or(0, |index| index + 1);
            (oldest >= needed).then_some(StateValue::Alarm)
        }
    }
}

/// `StateReason`, in the words of CloudWatch.
fn reason(set: &Settings, value: StateValue, series: &Series) -> String {
    if value == StateValue::InsufficientData {
        return "Insufficient Data: No datapoints were received".to_owned();
    }
    let newest = series.iter().rev().take(set.evaluation_periods as usize);
    let shown: Vec<String> = newest
        .map(|(at, value)| {
            let at = Timestamp::from_second(*at).unwrap_or_default();
            format!("{value:?} ({})", at.strftime("%d/%m/%y %H:%M:%S"))
        })
        .collect();
    let breached = series.iter().rev().take(set.evaluation_periods as usize);
    let breached = breached.filter(|(_, value)| set.comparison.breached(**value, set.threshold)).count();
    let missing = (set.evaluation_periods as usize).saturating_sub(shown.len());
    let treated = match set.missing.unwrap_or(TreatMissing::Missing) {
        TreatMissing::Breaching => Some("[Breaching]"),
        TreatMissing::NotBreaching => Some("[NonBreaching]"),
        TreatMissing::Missing | TreatMissing::Ignore => None,
    };
    let plural = |count: usize| if count == 1 { "datapoint" } else { "datapoints" };
    if let (true, Some(treated)) = (missing > 0, treated) {
        let were = if missing == 1 { "was" } else { "were" };
        return format!(
            "Threshold Crossed: no datapoints were received for {missing} {} and {missing} missing {} {were} treated as {treated}.",
            if missing == 1 { "period" } else { "periods" },
            plural(missing),
        );
    }
    let words = set.comparison.words();
    let threshold = set.threshold;
    let datapoints = shown.join(", ");
    match value {
        StateValue::Alarm => format!(
            "Threshold Crossed: {breached} out of the last {} datapoints [{datapoints}] {} {words} the threshold \
             ({threshold:?}) (minimum {} {} for OK -> ALARM transition).",
            set.evaluation_periods,
            if breached == 1 { "was" } else { "were" },
            set.datapoints_to_alarm.unwrap_or(set.evaluation_periods),
            plural(set.datapoints_to_alarm.unwrap_or(set.evaluation_periods) as usize),
        ),
        _ => {
            let enough =
                set.evaluation_periods - set.datapoints_to_alarm.unwrap_or(set.evaluation_periods) + 1;
            format!(
                "Threshold Crossed: {} out of the last {} datapoints [{datapoints}] {} not {words} the threshold \
                 ({threshold:?}) (minimum {enough} {} for ALARM -> OK transition).",
                shown.len() - breached,
                set.evaluation_periods,
                if shown.len() - breached == 1 { "was" } else { "were" },
                plural(enough as usize),
            )
        }
    }
}

#[cfg(test)]
#[path = "evaluation_tests.rs"]
mod tests;
