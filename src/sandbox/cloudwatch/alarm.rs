//! A metric alarm: its metrics, its settings and its form in answers.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::metrics::MINUTE;
use super::query::{self, Query, Source, Stat, known_statistic};
use crate::api::{Params, Refusal, timestamp};
use crate::state::Tags;

/// A metric alarm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    pub arn: String,
    pub settings: Settings,
    pub tags: Tags,
    pub configured: Timestamp,
    pub value: StateValue,
    pub reason: String,
    /// JSON, as text.
    pub reason_data: Option<String>,
    /// When the state, or the reason for it, was last written.
    pub updated: Timestamp,
    /// The time of the last change of the value.
    pub transitioned: Timestamp,
    /// It is not evaluated before a minute that began after this is over.
    pub hold: Timestamp,
}

/// The settings of `PutMetricAlarm`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    pub name: String,
    pub description: Option<String>,
    pub actions_enabled: bool,
    pub ok_actions: Vec<String>,
    pub alarm_actions: Vec<String>,
    pub insufficient_data_actions: Vec<String>,
    /// One metric, or metric math with one result.
    pub queries: Vec<Query>,
    /// Whether the metric was given by itself, not in `Metrics`.
    pub single: bool,
    pub evaluation_periods: u32,
    /// `None`: the number of evaluation periods.
    pub datapoints_to_alarm: Option<u32>,
    pub threshold: f64,
    pub comparison: Comparison,
    pub missing: Option<TreatMissing>,
    /// Kept and shown; percentiles here do not depend on it.
    pub low_samples: Option<String>,
}

/// `StateValue`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StateValue {
    Ok,
    Alarm,
    InsufficientData,
}

/// `ComparisonOperator`, without those of anomaly detection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparison {
    #[serde(rename = "GreaterThanOrEqualToThreshold")]
    AtLeast,
    #[serde(rename = "GreaterThanThreshold")]
    Above,
    #[serde(rename = "LessThanThreshold")]
    Below,
    #[serde(rename = "LessThanOrEqualToThreshold")]
    AtMost,
}

/// `TreatMissingData`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TreatMissing {
    Missing,
    Ignore,
    Breaching,
    NotBreaching,
}

impl StateValue {
    pub fn name(self) -> &'static str {
        match self {
            StateValue::Ok => "OK",
            StateValue::Alarm => "ALARM",
            StateValue::InsufficientData => "INSUFFICIENT_DATA",
        }
    }

    pub fn named(name: &str) -> Self {
        let all = [StateValue::Ok, StateValue::Alarm];
        all.into_iter().find(|value| value.name() == name).unwrap_or(StateValue::InsufficientData)
    }
}

impl Comparison {
    pub fn breached(self, value: f64, threshold: f64) -> bool {
        match self {
            Comparison::AtLeast => value >= threshold,
            Comparison::Above => value > threshold,
            Comparison::Below => value < threshold,
            Comparison::AtMost => value <= threshold,
        }
    }

    /// In words, as state reasons have it.
    pub fn words(self) -> &'static str {
        match self {
            Comparison::AtLeast => "greater than or equal to",
            Comparison::Above => "greater than",
            Comparison::Below => "less than",
            Comparison::AtMost => "less than or equal to",
        }
    }
}

fn needed<T>(value: Option<T>, name: &str) -> Result<T, Refusal> {
    value.ok_or_else(|| Refusal::validation(format!("The parameter {name} is required.")))
}

/// Parses a name of an enumeration; `None` for one that the sandbox does not have.
fn enumerated<T: for<'a> Deserialize<'a>>(text: &str) -> Option<T> {
    serde_json::from_value(json!(text)).ok()
}

impl Settings {
    /// API_PutMetricAlarm.
    pub fn read(params: &Params) -> Result<Self, Refusal> {
        for unknown in ["ThresholdMetricId", "EvaluationCriteria", "EvaluationWindow", "WarmUpConfiguration"]
        {
            if params.has(unknown) {
                return Err(Refusal::validation(format!("The sandbox has no alarms with {unknown}.")));
            }
        }
        let (queries, single) = watched(params)?;
        let comparison = needed(params.text("ComparisonOperator"), "ComparisonOperator")?;
        let comparison = enumerated(&comparison).ok_or_else(|| {
            Refusal::validation(format!("The sandbox has no alarms with the operator {comparison}."))
        })?;
        let missing = params.text("TreatMissingData").and_then(|text| enumerated(&text));
        let evaluation_periods = needed(params.number("EvaluationPeriods"), "EvaluationPeriods")?;
        let datapoints_to_alarm: Option<u32> = params.number("DatapointsToAlarm");
        if datapoints_to_alarm.is_some_and(|enough| enough > evaluation_periods) {
            return Err(Refusal::validation(
                "DatapointsToAlarm must be less than or equal to EvaluationPeriods.",
            ));
        }
        let period = queries.iter().find_map(Query::period).unwrap_or(MINUTE);
        let (most, words) = if period < 3600 { (86_400, "a day") } else { (604_800, "seven days") };
        if period.saturating_mul(i64::from(evaluation_periods)) > most {
            return Err(Refusal::validation(format!(
                "Metrics cannot be checked across more than {words} (EvaluationPeriods * Period must be <= {most})."
            )));
        }
        let threshold: f64 = needed(params.number("Threshold"), "Threshold")?;
        if !threshold.is_finite() {
            return Err(Refusal::validation("The parameter Threshold must be a number."));
        }
        Ok(Self {
            name: params.needed("AlarmName"),
            description: params.text("AlarmDescription"),
            actions_enabled: params.flag("ActionsEnabled").unwrap_or(true),
            ok_actions: actions(params, "OKActions")?,
            alarm_actions: actions(params, "AlarmActions")?,
            insufficient_data_actions: actions(params, "InsufficientDataActions")?,
            queries,
            single,
            evaluation_periods,
            datapoints_to_alarm,
            threshold,
            comparison,
            missing,
            low_samples: params.text("EvaluateLowSampleCountPercentile"),
        })
    }

    /// The watched metric, if it is a single one.
    pub fn stat(&self) -> Option<&Stat> {
        match &self.queries.first()?.source {
            Source::Stat(stat) if self.single => Some(stat),
            _ => None,
        }
    }

    /// Seconds.
    pub fn period(&self) -> i64 {
        self.queries.iter().find_map(Query::period).unwrap_or(MINUTE)
    }
}

fn actions(params: &Params, name: &str) -> Result<Vec<String>, Refusal> {
    let arns = params.texts(name);
    match arns.iter().find(|arn| !arn.starts_with("arn:")) {
        Some(wrong) => Err(Refusal::validation(format!("Invalid arn syntax: {wrong}"))),
        None => Ok(arns),
    }
}

/// The queries of an alarm, and whether they are one metric given by itself.
fn watched(params: &Params) -> Result<(Vec<Query>, bool), Refusal> {
    if !params.items("Metrics").is_empty() {
        if ["MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period"]
            .iter()
            .any(|one| params.has(one))
        {
            return Err(Refusal::validation(
                "MetricName, Namespace, Period, Statistic, ExtendedStatistic must not be set if Metrics are set.",
            ));
        }
        let queries = query::read(params, "Metrics")?;
        return match queries.iter().filter(|query| query.returned).count() {
            1 => Ok((queries, false)),
            _ => Err(Refusal::validation("Exactly one element of the metrics list should return data.")),
        };
    }
    let stat = match (params.text("Statistic"), params.text("ExtendedStatistic")) {
        (Some(stat), None) if !stat.starts_with('p') => stat,
        (None, Some(stat)) if stat.starts_with('p') => stat,
        (None, None) => return needed(None, "Statistic"),
        _ => {
            return Err(Refusal::validation(
                "Either Statistic or ExtendedStatistic must be set, and name such a one.",
            ));
        }
    };
    known_statistic(&stat)?;
    let stat = Stat {
        namespace: needed(params.text("Namespace"), "Namespace")?,
        name: needed(params.text("MetricName"), "MetricName")?,
        dimensions: query::dimensions(params),
        period: needed(query::period(params)?, "Period")?,
        stat,
        unit: params.text("Unit"),
    };
    let query = Query { id: "m1".to_owned(), label: None, returned: true, source: Source::Stat(stat) };
    Ok((vec![query], true))
}

impl Alarm {
    /// As `DescribeAlarms` shows it (API_MetricAlarm).
    pub fn shown(&self) -> Value {
        let set = &self.settings;
        let stat = set.stat();
        let extended = stat.is_some_and(|stat| stat.stat.starts_with('p'));
        let name = |extended_one: bool| stat.filter(|_| extended == extended_one).map(|stat| &stat.stat);
        let metrics: Option<Value> = (!set.single).then(|| set.queries.iter().map(Query::shown).collect());
        json!({
            "AlarmName": set.name,
            "AlarmArn": self.arn,
            "AlarmDescription": set.description,
            "AlarmConfigurationUpdatedTimestamp": timestamp(self.configured),
            "ActionsEnabled": set.actions_enabled,
            "OKActions": set.ok_actions,
            "AlarmActions": set.alarm_actions,
            "InsufficientDataActions": set.insufficient_data_actions,
            "StateValue": self.value.name(),
            "StateReason": self.reason,
            "StateReasonData": self.reason_data,
            "StateUpdatedTimestamp": timestamp(self.updated),
            "MetricName": stat.map(|stat| &stat.name),
            "Namespace": stat.map(|stat| &stat.namespace),
            "Statistic": name(false),
            "ExtendedStatistic": name(true),
            "Dimensions": stat.map_or(json!([]), |stat| query::shown_dimensions(&stat.dimensions)),
            "Period": stat.map(|stat| stat.period),
            "Unit": stat.and_then(|stat| stat.unit.as_ref()),
            "EvaluationPeriods": set.evaluation_periods,
            "DatapointsToAlarm": set.datapoints_to_alarm,
            "Threshold": set.threshold,
            "ComparisonOperator": set.comparison,
            "TreatMissingData": set.missing,
            "EvaluateLowSampleCountPercentile": set.low_samples,
            "Metrics": metrics,
            "StateTransitionedTimestamp": timestamp(self.transitioned),
        })
    }
}
