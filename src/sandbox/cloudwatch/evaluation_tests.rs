use std::collections::BTreeMap;

use super::super::metrics::{Metric, Points};
use super::*;
use crate::api::direct;
use crate::cloudwatch::SERVICE;
use crate::pace::Pace;
use crate::state::{Network, State};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn call(
    state: &mut State,
    metrics: &Metrics,
    second: i64,
    action: &str,
    params: serde_json::Value,
) -> serde_json::Value {
    direct::call_with(metrics, &SERVICE, state, at(second), action, params).unwrap()
}

/// The tables of the user guide, alarms-and-missing-data: oldest first, `X` breaching.
#[test]
fn missing_data_count_as_documented() {
    use StateValue::{Alarm, InsufficientData, Ok};
    let (ok, alarm, unknown) = (Some(Ok), Some(Alarm), Some(InsufficientData));
    // needed, data points, then for missing, ignore, breaching, notBreaching.
    let rows = [
        (3, "0-X-X", [ok, ok, ok, ok]),
        (3, "----0", [ok, ok, ok, ok]),
        (3, "-----", [unknown, None, alarm, ok]),
        (3, "0XX-X", [alarm, alarm, alarm, alarm]),
        (3, "--X--", [alarm, None, alarm, ok]),
        (2, "0-X-X", [alarm, alarm, alarm, alarm]),
        (2, "00X0X", [alarm, alarm, alarm, alarm]),
        (2, "0-X--", [ok, ok, alarm, ok]),
        (2, "----0", [ok, ok, alarm, ok]),
        (2, "---X-", [alarm, None, alarm, ok]),
        (2, "----X", [None, None, alarm, ok]),
    ];
    for (needed, points, states) in rows {
        let range: Vec<Option<bool>> = points.chars().rev().map(|c| (c != '-').then_some(c == 'X')).collect();
        let all = [
            TreatMissing::Missing,
            TreatMissing::Ignore,
            TreatMissing::Breaching,
            TreatMissing::NotBreaching,
        ];
        let found = all.map(|missing| verdict(&range, 3, needed, missing));
        assert_eq!(found, states, "{needed} of 3: {points}");
    }
}

#[test]
fn an_alarm_goes_through_its_states() {
    let mut state = State::new("us-east-1", Network::Ports { first: 20_000 }, Pace::default(), at(0));
    let metrics = Metrics::default();
    let errors =
        Metric { namespace: "Shop".to_owned(), name: "Errors".to_owned(), dimensions: BTreeMap::new() };
    let alarm = json!({
        "AlarmName": "errors", "Namespace": "Shop", "MetricName": "Errors", "Statistic": "Sum", "Period": 60,
        "EvaluationPeriods": 1, "Threshold": 5, "ComparisonOperator": "GreaterThanThreshold",
    });
    assert_eq!(tick(&mut state.cloudwatch, &metrics, at(610)), None);
    call(&mut state, &metrics, 610, "PutMetricAlarm", alarm);
    assert_eq!(tick(&mut state.cloudwatch, &metrics, at(610)), Some(at(665)));
    let value = |state: &State| state.cloudwatch.alarms["errors"].value;
    assert_eq!(value(&state), StateValue::InsufficientData);

    metrics.add(&errors, at(611), Points::of(6.0, 1.0));
    tick(&mut state.cloudwatch, &metrics, at(664));
    assert_eq!(value(&state), StateValue::InsufficientData, "the minute's data are not in");
    assert_eq!(tick(&mut state.cloudwatch, &metrics, at(665)), Some(at(725)));
    let alarm = state.cloudwatch.alarms["errors"].clone();
    assert_eq!((alarm.value, alarm.updated), (StateValue::Alarm, at(665)));
    assert_eq!(
        alarm.reason,
        "Threshold Crossed: 1 out of the last 1 datapoints [6.0 (01/01/70 00:10:00)] was greater than the \
         threshold (5.0) (minimum 1 datapoint for OK -> ALARM transition)."
    );
    let before = state.clone();
    tick(&mut state.cloudwatch, &metrics, at(690));
    assert!(state == before, "an evaluation with the same outcome changes nothing");

    let forced = json!({ "AlarmName": "errors", "StateValue": "OK", "StateReason": "a test" });
    call(&mut state, &metrics, 700, "SetAlarmState", forced);
    tick(&mut state.cloudwatch, &metrics, at(724));
    assert_eq!(value(&state), StateValue::Ok, "forced until the minute is over");
    tick(&mut state.cloudwatch, &metrics, at(725));
    assert_eq!(value(&state), StateValue::Alarm, "the data still say so");
    tick(&mut state.cloudwatch, &metrics, at(1000));
    assert_eq!(value(&state), StateValue::InsufficientData, "the data are too old");
    let history =
        call(&mut state, &metrics, 1000, "DescribeAlarmHistory", json!({ "HistoryItemType": "StateUpdate" }));
    assert_eq!(history["AlarmHistoryItems"].as_array().unwrap().len(), 4);
}

#[test]
fn metric_math_is_paged_and_alarmed_on() {
    let mut state = State::new("us-east-1", Network::Ports { first: 20_000 }, Pace::default(), at(0));
    let metrics = Metrics::default();
    for (name, values) in [("Errors", [1.0, 3.0, 0.0]), ("Requests", [10.0, 10.0, 10.0])] {
        for (minute, value) in values.into_iter().enumerate() {
            let datum = json!({ "MetricName": name, "Value": value, "Timestamp": 600 + 60 * minute });
            let data = json!({ "Namespace": "Shop", "MetricData": [datum] });
            call(&mut state, &metrics, 800, "PutMetricData", data);
        }
    }
    let metric = |name: &str| json!({ "Metric": { "Namespace": "Shop", "MetricName": name }, "Period": 60, "Stat": "Sum" });
    let queries = json!([
        { "Id": "e", "MetricStat": metric("Errors"), "ReturnData": false },
        { "Id": "r", "MetricStat": metric("Requests"), "ReturnData": false },
        { "Id": "rate", "Expression": "100 * e / r" },
    ]);
    let ask = |token: Option<&str>| {
        json!({ "MetricDataQueries": queries, "StartTime": 600, "EndTime": "1970-01-01T00:13:00Z",
            "MaxDatapoints": 2, "NextToken": token })
    };
    let first = call(&mut state, &metrics, 800, "GetMetricData", ask(None));
    assert_eq!(first["MetricDataResults"][0]["Values"], json!([0.0, 30.0]));
    assert_eq!(first["MetricDataResults"][0]["StatusCode"], "PartialData");
    let second = call(&mut state, &metrics, 800, "GetMetricData", ask(first["NextToken"].as_str()));
    assert_eq!(second["MetricDataResults"][0]["Values"], json!([10.0]));
    assert_eq!(second["MetricDataResults"][0]["StatusCode"], "Complete");
    let alarm = json!({
        "AlarmName": "rate", "Metrics": queries, "EvaluationPeriods": 3, "DatapointsToAlarm": 2, "Threshold": 10,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    });
    call(&mut state, &metrics, 700, "PutMetricAlarm", alarm);
    tick(&mut state.cloudwatch, &metrics, at(785));
    assert_eq!(state.cloudwatch.alarms["rate"].value, StateValue::Alarm);
}
