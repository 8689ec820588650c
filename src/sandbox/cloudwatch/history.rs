//! The history of alarms.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::CloudWatch;
use super::alarms::PAGES;
use crate::api::{Actions, Call, Refusal, timestamp};

pub const ACTIONS: Actions = &[("DescribeAlarmHistory", describe_alarm_history)];

/// Number of items that are kept.
const KEPT: usize = 500;

/// An item of the history (API_AlarmHistoryItem).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    pub alarm: String,
    pub at: Timestamp,
    /// `ConfigurationUpdate` or `StateUpdate`.
    pub kind: String,
    pub summary: String,
    /// JSON, as text.
    pub data: String,
}

/// Adds an item; drops the oldest if there are too many.
pub fn note(
    cloudwatch: &mut CloudWatch,
    alarm: &str,
    at: Timestamp,
    kind: &str,
    summary: String,
    data: Value,
) {
    let (alarm, kind, data) = (alarm.to_owned(), kind.to_owned(), data.to_string());
    cloudwatch.history.push(Item { alarm, at, kind, summary, data });
    let surplus = cloudwatch.history.len().saturating_sub(KEPT);
    cloudwatch.history.drain(..surplus);
}

/// API_DescribeAlarmHistory.
fn describe_alarm_history(call: &mut Call) -> Result<Value, Refusal> {
    let params = call.params;
    let (name, kind) = (params.text("AlarmName"), params.text("HistoryItemType"));
    let (from, to) = (params.timestamp("StartDate"), params.timestamp("EndDate"));
    let mut items: Vec<&Item> = call.state.cloudwatch.history.iter().collect();
    items.retain(|item| {
        name.as_ref().is_none_or(|name| *name == item.alarm)
            && kind.as_ref().is_none_or(|kind| *kind == item.kind)
            && from.is_none_or(|from| from <= item.at)
            && to.is_none_or(|to| item.at <= to)
    });
    if params.text("ScanBy").as_deref() != Some("TimestampAscending") {
        items.reverse();
    }
    let page = PAGES.page(params, items)?;
    let shown = page.items.into_iter().map(|item| {
        json!({
            "AlarmName": item.alarm,
            "AlarmType": "MetricAlarm",
            "Timestamp": timestamp(item.at),
            "HistoryItemType": item.kind,
            "HistorySummary": item.summary,
            "HistoryData": item.data,
        })
    });
    Ok(json!({ "AlarmHistoryItems": shown.collect::<Vec<_>>(), "NextToken": page.next }))
}
