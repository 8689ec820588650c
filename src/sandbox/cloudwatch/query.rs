//! Queries for time series, as `GetMetricData` and alarms have them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Metrics;
use super::expression::{Expression, is_id};
use super::metrics::{MINUTE, Metric, minute};
use super::statistic::Statistic;
use crate::api::{Params, Refusal};

/// Values by the second that their period begins with.
pub type Series = BTreeMap<i64, f64>;

/// One of several queries, which may read each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Query {
    pub id: String,
    pub label: Option<String>,
    /// Whether its values are returned, or only read by others.
    pub returned: bool,
    pub source: Source,
}

/// The source of a query's values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Source {
    Stat(Stat),
    Expression { text: String, period: Option<i64> },
}

/// A statistic of a metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stat {
    pub namespace: String,
    pub name: String,
    pub dimensions: BTreeMap<String, String>,
    /// Seconds.
    pub period: i64,
    /// Such as `Sum` or `p99`.
    pub stat: String,
    pub unit: Option<String>,
}

impl Stat {
    pub fn metric(&self) -> Metric {
        Metric {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            dimensions: self.dimensions.clone(),
        }
    }

    fn values(&self, metrics: &Metrics, range: (Timestamp, Timestamp)) -> Series {
        let Some(statistic) = Statistic::named(&self.stat) else { return Series::new() };
        let mut all = BTreeMap::new();
        for periods in metrics.periods(&self.metric(), self.unit.as_deref(), range, self.period).into_values()
        {
            for (at, points) in periods {
                all.entry(at)
                    .and_modify(|sum: &mut super::metrics::Points| sum.merge(&points))
                    .or_insert(points);
            }
        }
        all.iter().filter_map(|(at, points)| Some((*at, statistic.of(points)?))).collect()
    }
}

/// Reads `MetricDataQueries` (or the `Metrics` of an alarm), and whether they fit together:
/// `ValidationError`.
pub fn read(params: &Params, name: &str) -> Result<Vec<Query>, Refusal> {
    let queries = params.items(name).iter().map(one).collect::<Result<Vec<_>, _>>()?;
    for (index, query) in queries.iter().enumerate() {
        if !is_id(&query.id) {
            return Err(Refusal::validation(format!(
                "The values for parameter id in {name} must start with a lowercase letter and have only letters, \
                 digits and underscores: {}",
                query.id
            )));
        }
        let before = queries.get(..index).unwrap_or_default();
        if before.iter().any(|other| other.id == query.id) {
            return Err(Refusal::validation(format!(
                "The values for parameter id in {name} are not unique."
            )));
        }
        let Source::Expression { text, .. } = &query.source else { continue };
        let expression = Expression::parse(text).ok_or_else(|| {
            Refusal::validation(format!(
                "Error in expression '{}': the sandbox knows + - * / ( ), numbers, ids and FILL(id, number).",
                query.id
            ))
        })?;
        for id in expression.ids() {
            let read = queries.iter().find(|other| other.id == id);
            if !read.is_some_and(|read| matches!(read.source, Source::Stat(_))) {
                return Err(Refusal::validation(format!(
                    "Error in expression '{}': there is no metric with the id '{id}' in the request.",
                    query.id
                )));
            }
        }
    }
    let periods: Vec<i64> = queries.iter().filter_map(Query::period).collect();
    let mixed = periods.windows(2).any(|pair| pair.first() != pair.last());
    let math = queries.iter().any(|query| matches!(query.source, Source::Expression { .. }));
    if mixed && math {
        return Err(Refusal::validation("All metrics of an expression must have the same period."));
    }
    Ok(queries)
}

fn one(params: &Params) -> Result<Query, Refusal> {
    let id = params.needed("Id");
    let source = match (params.child("MetricStat"), params.text("Expression")) {
        (Some(stat), None) => {
            let metric = stat.child("Metric").unwrap_or_default();
            let statistic = stat.needed("Stat");
            known_statistic(&statistic)?;
            Source::Stat(Stat {
                namespace: metric.needed("Namespace"),
                name: metric.needed("MetricName"),
                dimensions: dimensions(&metric),
                period: period(&stat)?.ok_or_else(|| Refusal::missing("Period"))?,
                stat: statistic,
                unit: stat.text("Unit"),
            })
        }
        (None, Some(text)) => Source::Expression { text, period: period(params)? },
        _ => {
            return Err(Refusal::validation(format!(
                "The query '{id}' must have either MetricStat or Expression."
            )));
        }
    };
    let returned = params.flag("ReturnData").unwrap_or(true);
    Ok(Query { id, label: params.text("Label"), returned, source })
}

/// `ValidationError` for a statistic that is not known.
pub fn known_statistic(name: &str) -> Result<Statistic, Refusal> {
    Statistic::named(name).ok_or_else(|| {
        Refusal::validation(format!(
            "The value {name} for parameter Stat is not supported: the sandbox knows SampleCount, Sum, Average, \
             Minimum, Maximum and pNN.NN."
        ))
    })
}

/// `Dimensions`: pairs of a name and a value.
pub fn dimensions(params: &Params) -> BTreeMap<String, String> {
    let pairs = params.items("Dimensions");
    pairs.iter().map(|pair| (pair.needed("Name"), pair.needed("Value"))).collect()
}

/// `Period`, in seconds. `ValidationError`: no multiple of a minute, which is how fine points are.
pub fn period(params: &Params) -> Result<Option<i64>, Refusal> {
    let period: Option<i64> = params.number("Period");
    match period {
        Some(period) if period < MINUTE || period % MINUTE != 0 => Err(Refusal::validation(
            "The parameter Period must be a multiple of 60: the sandbox keeps metrics by the minute.",
        )),
        period => Ok(period),
    }
}

impl Query {
    /// Seconds.
    pub fn period(&self) -> Option<i64> {
        match &self.source {
            Source::Stat(stat) => Some(stat.period),
            Source::Expression { period, .. } => *period,
        }
    }

    /// The label of a query without one: the metric's name, or the expression's id.
    pub fn default_label(&self) -> String {
        match &self.source {
            Source::Stat(stat) => stat.name.clone(),
            Source::Expression { .. } => self.id.clone(),
        }
    }

    /// As `DescribeAlarms` shows it.
    pub fn shown(&self) -> Value {
        let (stat, expression, period) = match &self.source {
            Source::Expression { text, period } => (Value::Null, Some(text), *period),
            Source::Stat(stat) => {
                let metric = shown_metric(&stat.metric());
                let (period, unit) = (stat.period, &stat.unit);
                (json!({ "Metric": metric, "Period": period, "Stat": stat.stat, "Unit": unit }), None, None)
            }
        };
        let label = &self.label;
        json!({
            "Id": self.id, "MetricStat": stat, "Expression": expression, "Label": label,
            "ReturnData": self.returned, "Period": period,
        })
    }
}

/// A metric as answers show it.
pub fn shown_metric(metric: &Metric) -> Value {
    let dimensions = shown_dimensions(&metric.dimensions);
    json!({ "Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": dimensions })
}

pub fn shown_dimensions(dimensions: &BTreeMap<String, String>) -> Value {
    dimensions.iter().map(|(name, value)| json!({ "Name": name, "Value": value })).collect()
}

/// The values of the queries that are returned, by their place in the list, in `[from, to)`.
pub fn evaluate(metrics: &Metrics, queries: &[Query], range: (Timestamp, Timestamp)) -> Vec<(usize, Series)> {
    let mut known = BTreeMap::new();
    for query in queries {
        if let Source::Stat(stat) = &query.source {
            known.insert(query.id.clone(), stat.values(metrics, range));
        }
    }
    let period = queries.iter().find_map(Query::period).unwrap_or(MINUTE);
    let returned = queries.iter().enumerate().filter(|(_, query)| query.returned);
    let values = |query: &Query| match &query.source {
        Source::Stat(_) => known.get(&query.id).cloned().unwrap_or_default(),
        Source::Expression { text, .. } => {
            let grid: Vec<i64> = (minute(range.0)..range.1.as_second())
                .step_by(usize::try_from(period).unwrap_or(60))
                .collect();
            Expression::parse(text).and_then(|parsed| parsed.values(&known, &grid)).unwrap_or_default()
        }
    };
    returned.map(|(index, query)| (index, values(query))).collect()
}
