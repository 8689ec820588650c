//! The state of alarms and metrics, for gates and for a colour that is to get no more requests.

use jiff::Timestamp;

use super::gate::Verdict;
use crate::cloud::Cloud;
use crate::cloud::error::Error;
use crate::cloud::metrics::{self, Alarm, Series};
use crate::deployment::declaration::Metric;

/// Seconds after which a metric of one minute is complete.
const KNOWN: i64 = 180;

/// Checks that all alarms are OK. A missing alarm fails; INSUFFICIENT_DATA waits.
pub async fn alarms(cloud: &Cloud, names: &[String]) -> Result<Verdict, Error> {
    for (name, state) in metrics::alarms(cloud, names).await? {
        return Ok(match state {
            Alarm::Ok => continue,
            Alarm::Missing => Verdict::Failed(format!("there is no alarm `{name}` in {}", cloud.region)),
            Alarm::Alarm => Verdict::Failed(format!("alarm `{name}` is in ALARM")),
            Alarm::Unknown => Verdict::NotYet(format!("alarm `{name}` has INSUFFICIENT_DATA")),
        });
    }
    Ok(Verdict::Passed)
}

/// Checks that the latest whole period of a metric lies within its bounds. A period without a data point
/// passes. A period that began before `since` does not count.
pub async fn metric(cloud: &Cloud, metric: &Metric, since: Option<Timestamp>) -> Result<Verdict, Error> {
    let Metric { namespace, name, dimensions, statistic, .. } = metric;
    let period = i64::try_from(metric.period).unwrap_or(60).max(60);
    let now = cloud.clock.now().as_second();
    let end = now - now.rem_euclid(period) + period;
    let series = Series { namespace: namespace.clone(), name: name.clone(), dimensions: dimensions.clone() };
    let points = metrics::points(cloud, &series, statistic, period, [end - 2 * period, end]).await?;
    // If the clock was ahead then, the time counts as now.
    let since = since.map_or(i64::MIN, |since| since.as_second().min(now));
    for (_, value) in points.into_iter().filter(|(began, _)| *began >= since) {
        if let Some(max) = metric.max.filter(|max| value > *max) {
            return Ok(Verdict::Failed(format!("the {statistic} of {name} is {value}, more than {max}")));
        }
        if let Some(min) = metric.min.filter(|min| value < *min) {
            return Ok(Verdict::Failed(format!("the {statistic} of {name} is {value}, less than {min}")));
        }
    }
    Ok(Verdict::Passed)
}

/// The number of requests in the latest complete minute that began a minute after `since` or later. `None` if
/// there were none or the metric cannot be read: a target group without requests has no data points.
pub async fn requests(cloud: &Cloud, counted: &Series, since: Timestamp) -> Option<u64> {
    let now = cloud.clock.now().as_second();
    // The next minute may still have requests from before: nodes learn of a change one after another, and
    // each counts by its own minutes.
    let first = since.as_second() - since.as_second().rem_euclid(60) + 120;
    let from = first.max(now - KNOWN);
    if from >= now {
        return None;
    }
    let points = metrics::points(cloud, counted, "Sum", 60, [from, now]).await.ok()?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of requests")]
    points.last().map(|(_, sum)| *sum as u64).filter(|sum| *sum > 0)
}
