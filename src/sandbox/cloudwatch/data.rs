//! Calls about data points.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::metrics::{KEPT, Metric, Points};
use super::query::{self, known_statistic, shown_metric};
use super::statistic::Statistic;
use crate::api::{Actions, Call, Paging, Params, Refusal, map, timestamp};

pub const ACTIONS: Actions = &[
    ("PutMetricData", put_metric_data),
    ("ListMetrics", list_metrics),
    ("GetMetricData", get_metric_data),
    ("GetMetricStatistics", get_metric_statistics),
];

/// Metrics of one page of `ListMetrics`.
const LISTED: usize = 500;
/// Data points of one answer of `GetMetricData`, and of `GetMetricStatistics`.
const DATA_POINTS: usize = 100_800;
const STATISTICS_POINTS: i64 = 1_440;

fn combination(message: &str) -> Refusal {
    Refusal::new("InvalidParameterCombination", message)
}

/// API_PutMetricData. Data points are not a part of the state: they go straight to the metrics.
fn put_metric_data(call: &mut Call) -> Result<Value, Refusal> {
    let namespace = call.params.needed("Namespace");
    if namespace.starts_with("AWS/") {
        return Err(Refusal::value("The value AWS/ for parameter Namespace is invalid."));
    }
    let data = call.params.items("MetricData");
    if data.is_empty() {
        return Err(Refusal::missing("MetricData"));
    }
    let read =
        data.iter().map(|datum| datum_of(&namespace, datum, call.now)).collect::<Result<Vec<_>, _>>()?;
    for (metric, unit, at, points) in read {
        call.metrics.add_in(&metric, &unit, at, points);
    }
    Ok(Value::Null)
}

fn datum_of(
    namespace: &str,
    datum: &Params,
    now: Timestamp,
) -> Result<(Metric, String, Timestamp, Points), Refusal> {
    let metric = Metric {
        namespace: namespace.to_owned(),
        name: datum.needed("MetricName"),
        dimensions: query::dimensions(datum),
    };
    let unit = datum.text("Unit").unwrap_or_else(|| "None".to_owned());
    let at = datum.timestamp("Timestamp").unwrap_or(now);
    if at.duration_since(now) > SignedDuration::from_hours(2) {
        return Err(Refusal::value("The parameter Timestamp must be at most two hours in the future."));
    }
    let value: Option<f64> = datum.number("Value");
    let (values, counts) = (datum.numbers("Values"), datum.numbers("Counts"));
    let together = datum.child("StatisticValues");
    let points = match (value, values.is_empty(), together) {
        (Some(value), true, None) => Points::of(finite(value)?, 1.0),
        (None, true, Some(set)) => together_of(&set)?,
        (None, false, None) => {
            if !counts.is_empty() && counts.len() != values.len() {
                return Err(Refusal::value("The parameters Values and Counts must be of the same size."));
            }
            let counts = counts.iter().copied().chain(std::iter::repeat(1.0));
            let mut all: Option<Points> = None;
            for (value, count) in values.iter().zip(counts) {
                let points = Points::of(finite(*value)?, count);
                match &mut all {
                    Some(all) => all.merge(&points),
                    None => all = Some(points),
                }
            }
            all.ok_or_else(|| Refusal::missing("Values"))?
        }
        (None, true, None) => return Err(Refusal::missing("Value")),
        _ => {
            return Err(combination(
                "The parameters Value, Values and StatisticValues are mutually exclusive and you have specified more \
                 than one.",
            ));
        }
    };
    Ok((metric, unit, at, points))
}

/// A statistic set; if all its values are equal it has percentiles (API_StatisticSet).
fn together_of(set: &Params) -> Result<Points, Refusal> {
    let number = |name: &str| finite(set.number(name).unwrap_or_default());
    let (samples, sum) = (number("SampleCount")?, number("Sum")?);
    let (minimum, maximum) = (number("Minimum")?, number("Maximum")?);
    if minimum > maximum || samples <= 0.0 {
        return Err(Refusal::value("The parameter StatisticValues is invalid."));
    }
    let spread = if minimum == maximum { Points::of(minimum, samples).spread } else { None };
    Ok(Points { sum, samples, minimum, maximum, spread })
}

fn finite(value: f64) -> Result<f64, Refusal> {
    value.is_finite().then_some(value).ok_or_else(|| {
        Refusal::value(format!(
            "The value {value} for parameter Value is invalid. It must be a finite number."
        ))
    })
}

fn pages(most: &'static str, size: usize) -> Paging {
    Paging { most, size, token: "NextToken", next: "NextToken", bad: "InvalidNextToken" }
}

/// API_ListMetrics, of the metrics that have data points.
fn list_metrics(call: &mut Call) -> Result<Value, Refusal> {
    let params = call.params;
    let (namespace, name) = (params.text("Namespace"), params.text("MetricName"));
    let filters = params.items("Dimensions");
    let filters: Vec<_> =
        filters.iter().map(|filter| (filter.needed("Name"), filter.text("Value"))).collect();
    let mut metrics = call.metrics.list();
    metrics.retain(|metric| {
        namespace.as_ref().is_none_or(|namespace| *namespace == metric.namespace)
            && name.as_ref().is_none_or(|name| *name == metric.name)
            && filters.iter().all(|(name, value)| {
                let has = metric.dimensions.get(name);
                has.is_some_and(|has| value.as_ref().is_none_or(|value| value == has))
            })
    });
    let page = pages("", LISTED).page(params, metrics)?;
    let metrics: Vec<Value> = page.items.iter().map(shown_metric).collect();
    Ok(json!({ "Metrics": metrics, "NextToken": page.next }))
}

/// `StartTime` and `EndTime`.
fn range(params: &Params) -> (Timestamp, Timestamp) {
    let at = |name: &str| params.timestamp(name).unwrap_or_default();
    (at("StartTime"), at("EndTime"))
}

/// API_GetMetricData.
fn get_metric_data(call: &mut Call) -> Result<Value, Refusal> {
    let params = call.params;
    let (from, to) = range(params);
    if from >= to {
        return Err(Refusal::validation("The parameter StartTime must be less than the parameter EndTime."));
    }
    let queries = query::read(params, "MetricDataQueries")?;
    if queries.is_empty() {
        return Err(Refusal::missing("MetricDataQueries"));
    }
    let newest_first = params.text("ScanBy").is_none_or(|order| order == "TimestampDescending");
    // Nothing older is kept; it keeps a request for years short.
    let from = from.max(call.now.checked_sub(SignedDuration::from_secs(2 * KEPT)).unwrap_or(from));
    let results = query::evaluate(call.metrics, &queries, (from.min(to), to));
    let mut points = Vec::new();
    for (index, series) in &results {
        let mut values: Vec<(i64, f64)> = series.iter().map(|(at, value)| (*at, *value)).collect();
        if newest_first {
            values.reverse();
        }
        points.extend(values.into_iter().map(|(at, value)| (*index, at, value)));
    }
    let page = pages("MaxDatapoints", DATA_POINTS).page(params, points)?;
    let last = page.items.last().map(|(index, ..)| *index);
    let shown = results.iter().filter_map(|(index, _)| {
        let query = queries.get(*index)?;
        let mine: Vec<_> = page.items.iter().filter(|(of, ..)| of == index).collect();
        // The rest of it, or all of it, is on the next page.
        let partial = page.next.is_some() && last.is_none_or(|last| last <= *index);
        let label = query.label.clone().unwrap_or_else(|| query.default_label());
        Some(json!({
            "Id": query.id,
            "Label": label,
            "Timestamps": mine.iter().map(|(_, at, _)| second(*at)).collect::<Vec<_>>(),
            "Values": mine.iter().map(|(.., value)| value).collect::<Vec<_>>(),
            "StatusCode": if partial { "PartialData" } else { "Complete" },
        }))
    });
    Ok(json!({ "MetricDataResults": shown.collect::<Vec<_>>(), "NextToken": page.next, "Messages": [] }))
}

fn second(at: i64) -> Value {
    timestamp(Timestamp::from_second(at).unwrap_or_default())
}

/// API_GetMetricStatistics.
fn get_metric_statistics(call: &mut Call) -> Result<Value, Refusal> {
    let params = call.params;
    let metric = Metric {
        namespace: params.needed("Namespace"),
        name: params.needed("MetricName"),
        dimensions: query::dimensions(params),
    };
    let (from, to) = range(params);
    let period = query::period(params)?.ok_or_else(|| Refusal::missing("Period"))?;
    let (plain, extended) = (params.texts("Statistics"), params.texts("ExtendedStatistics"));
    if plain.is_empty() && extended.is_empty() {
        return Err(Refusal::missing("Statistics"));
    }
    if from >= to {
        return Err(combination("The parameter StartTime must be less than the parameter EndTime."));
    }
    if to.duration_since(from).as_secs() / period > STATISTICS_POINTS {
        return Err(combination(&format!(
            "You have requested up to {} datapoints, which exceeds the limit of {STATISTICS_POINTS}.",
            to.duration_since(from).as_secs() / period
        )));
    }
    let named = |names: Vec<String>| -> Result<Vec<(String, Statistic)>, Refusal> {
        names.into_iter().map(|name| known_statistic(&name).map(|known| (name, known))).collect()
    };
    let (plain, extended) = (named(plain)?, named(extended)?);
    let mut shown = Vec::new();
    for (unit, periods) in call.metrics.periods(&metric, params.text("Unit").as_deref(), (from, to), period) {
        for (at, points) in periods {
            let mut datum = Map::from_iter([("Timestamp".to_owned(), second(at))]);
            datum.extend(values(&plain, &points).into_iter().map(|(name, value)| (name, json!(value))));
            datum.insert("Unit".to_owned(), json!(unit));
            let extended = values(&extended, &points);
            if !extended.is_empty() {
                let extended = extended.into_iter().map(|(name, value)| (name, json!(value))).collect();
                datum.insert("ExtendedStatistics".to_owned(), map(extended));
            }
            shown.push(Value::Object(datum));
        }
    }
    Ok(json!({ "Label": metric.name, "Datapoints": shown }))
}

fn values(statistics: &[(String, Statistic)], points: &Points) -> BTreeMap<String, f64> {
    statistics.iter().filter_map(|(name, statistic)| Some((name.clone(), statistic.of(points)?))).collect()
}
