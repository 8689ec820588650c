//! Reads alarms and metrics of CloudWatch, and judges nothing.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::types::{Datapoint, Dimension, StateValue, Statistic};
use aws_smithy_types::DateTime;

use super::Cloud;
use super::error::{Error, Service};

/// The IAM actions of these reads.
pub const ALARMS: [&str; 1] = ["cloudwatch:DescribeAlarms"];
pub const POINTS: [&str; 1] = ["cloudwatch:GetMetricStatistics"];

/// One metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    pub namespace: String,
    pub name: String,
    pub dimensions: BTreeMap<String, String>,
}

/// The state of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alarm {
    Ok,
    Alarm,
    /// INSUFFICIENT_DATA
    Unknown,
    Missing,
}

/// The state of each of these alarms, metric and composite ones (API_DescribeAlarms).
///
/// # Errors
/// When CloudWatch cannot be asked.
pub async fn alarms<'n>(cloud: &Cloud, names: &'n [String]) -> Result<Vec<(&'n str, Alarm)>, Error> {
    let answer = cloud
        .read(Service::CloudWatch, "DescribeAlarms", || {
            cloud.cloudwatch.describe_alarms().set_alarm_names(Some(names.to_vec())).send()
        })
        .await?;
    let simple = answer.metric_alarms().iter().map(|alarm| (alarm.alarm_name(), alarm.state_value()));
    let composite = answer.composite_alarms().iter().map(|alarm| (alarm.alarm_name(), alarm.state_value()));
    let found: BTreeMap<_, _> = simple.chain(composite).collect();
    let state = |name: &str| match found.get(&Some(name)) {
        None => Alarm::Missing,
        Some(Some(StateValue::Ok)) => Alarm::Ok,
        Some(Some(StateValue::Alarm)) => Alarm::Alarm,
        Some(_) => Alarm::Unknown,
    };
    Ok(names.iter().map(|name| (name.as_str(), state(name))).collect())
}

/// A statistic of a metric between two times, by periods, all in seconds: the start and the value of each
/// period, the oldest first (API_GetMetricStatistics). Periods without data are left out.
///
/// # Errors
/// When CloudWatch cannot be asked.
pub async fn points(
    cloud: &Cloud,
    series: &Series,
    statistic: &str,
    period: i64,
    [from, to]: [i64; 2],
) -> Result<Vec<(i64, f64)>, Error> {
    let dimensions: Vec<Dimension> = series
        .dimensions
        .iter()
        .map(|(name, value)| Dimension::builder().name(name).value(value).build())
        .collect();
    let statistic = Statistic::from(statistic);
    let answer = cloud
        .read(Service::CloudWatch, "GetMetricStatistics", || {
            cloud
                .cloudwatch
                .get_metric_statistics()
                .namespace(&series.namespace)
                .metric_name(&series.name)
                .set_dimensions(Some(dimensions.clone()))
                .start_time(DateTime::from_secs(from))
                .end_time(DateTime::from_secs(to))
                .period(i32::try_from(period).unwrap_or(60))
                .statistics(statistic.clone())
                .send()
        })
        .await?;
    let value = |point: &Datapoint| match statistic {
        Statistic::SampleCount => point.sample_count(),
        Statistic::Average => point.average(),
        Statistic::Sum => point.sum(),
        Statistic::Minimum => point.minimum(),
        _ => point.maximum(),
    };
    let began = |point: &Datapoint| point.timestamp().map_or(to, DateTime::secs);
    let mut points: Vec<_> =
        answer.datapoints().iter().filter_map(|point| Some((began(point), value(point)?))).collect();
    points.sort_by_key(|(began, _)| *began);
    Ok(points)
}
