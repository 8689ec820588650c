//! What CloudWatch says: alarms and metrics of gates.

use aws_sdk_cloudwatch::types::{Dimension, StateValue, Statistic};

use jiff::Timestamp;

use super::gate::Verdict;
use crate::cloud::Cloud;
use crate::cloud::error::{Error, Service};
use crate::deployment::declaration::Metric;
use crate::kind::router::Requests;

/// A metric of a minute is known after so many seconds.
const KNOWN: i64 = 180;

/// All alarms have to be OK. One that is missing fails; INSUFFICIENT_DATA waits
/// (API_DescribeAlarms).
pub async fn alarms(cloud: &Cloud, names: &[String]) -> Result<Verdict, Error> {
    let answer = cloud
        .read(Service::CloudWatch, "DescribeAlarms", || {
            cloud.cloudwatch.describe_alarms().set_alarm_names(Some(names.to_vec())).send()
        })
        .await?;
    let simple = answer.metric_alarms().iter().map(|alarm| (alarm.alarm_name(), alarm.state_value()));
    let composite = answer.composite_alarms().iter().map(|alarm| (alarm.alarm_name(), alarm.state_value()));
    let found: Vec<_> = simple.chain(composite).collect();
    for name in names {
        match found.iter().find(|(found, _)| *found == Some(name)) {
            None => return Ok(Verdict::Failed(format!("there is no alarm `{name}` in {}", cloud.region))),
            Some((_, Some(StateValue::Alarm))) => {
                return Ok(Verdict::Failed(format!("alarm `{name}` is in ALARM")));
            }
            Some((_, Some(StateValue::Ok))) => {}
            Some(_) => return Ok(Verdict::NotYet(format!("alarm `{name}` has INSUFFICIENT_DATA"))),
        }
    }
    Ok(Verdict::Passed)
}

/// The latest whole period of a metric lies within its bounds; without a data point there is nothing
/// that could be out of them (API_GetMetricStatistics). A period that began before `since` does not
/// count.
pub async fn metric(cloud: &Cloud, metric: &Metric, since: Option<Timestamp>) -> Result<Verdict, Error> {
    let period = i64::try_from(metric.period).unwrap_or(60).max(60);
    let now = cloud.clock.now().as_second();
    let end = now - now.rem_euclid(period) + period;
    let time = aws_smithy_types::DateTime::from_secs;
    let dimensions: Vec<Dimension> = metric
        .dimensions
        .iter()
        .map(|(name, value)| Dimension::builder().name(name).value(value).build())
        .collect();
    let statistic = Statistic::from(metric.statistic.as_str());
    let answer = cloud
        .read(Service::CloudWatch, "GetMetricStatistics", || {
            cloud
                .cloudwatch
                .get_metric_statistics()
                .namespace(&metric.namespace)
                .metric_name(&metric.name)
                .set_dimensions(Some(dimensions.clone()))
                .start_time(time(end - 2 * period))
                .end_time(time(end))
                .period(i32::try_from(period).unwrap_or(60))
                .statistics(statistic.clone())
                .send()
        })
        .await?;
    let value = |point: &aws_sdk_cloudwatch::types::Datapoint| match statistic {
        Statistic::SampleCount => point.sample_count(),
        Statistic::Average => point.average(),
        Statistic::Sum => point.sum(),
        Statistic::Minimum => point.minimum(),
        _ => point.maximum(),
    };
    let since = since.map_or(i64::MIN, |since| since.as_second());
    let own = |point: &&aws_sdk_cloudwatch::types::Datapoint| {
        point.timestamp().is_none_or(|began| began.secs() >= since)
    };
    for value in answer.datapoints().iter().filter(own).filter_map(value) {
        let (name, statistic) = (&metric.name, &metric.statistic);
        if let Some(max) = metric.max.filter(|max| value > *max) {
            return Ok(Verdict::Failed(format!("the {statistic} of {name} is {value}, more than {max}")));
        }
        if let Some(min) = metric.min.filter(|min| value < *min) {
            return Ok(Verdict::Failed(format!("the {statistic} of {name} is {value}, less than {min}")));
        }
    }
    Ok(Verdict::Passed)
}

/// How many requests the last minute brought that is known and began a minute after `since` or later; none where it
/// brought none, or where CloudWatch cannot be asked. What has no requests has no data points.
pub async fn requests(cloud: &Cloud, counted: &Requests, since: Timestamp) -> Option<u64> {
    let now = cloud.clock.now().as_second();
    // The minute that follows may still have requests from before: nodes learn of a change one after the
    // other, and each counts by a minute of its own.
    let first = since.as_second() - since.as_second().rem_euclid(60) + 120;
    let from = first.max(now - KNOWN);
    if from >= now {
        return None;
    }
    let time = aws_smithy_types::DateTime::from_secs;
    let dimensions: Vec<Dimension> = counted
        .dimensions
        .iter()
        .map(|(name, value)| Dimension::builder().name(*name).value(value).build())
        .collect();
    let answer = cloud
        .read(Service::CloudWatch, "GetMetricStatistics", || {
            cloud
                .cloudwatch
                .get_metric_statistics()
                .namespace(counted.namespace)
                .metric_name(counted.metric)
                .set_dimensions(Some(dimensions.clone()))
                .start_time(time(from))
                .end_time(time(now))
                .period(60)
                .statistics(Statistic::Sum)
                .send()
        })
        .await
        .ok()?;
    let last = answer.datapoints().iter().max_by_key(|point| point.timestamp().map(|time| time.secs()))?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of requests")]
    last.sum().map(|sum| sum as u64).filter(|sum| *sum > 0)
}
