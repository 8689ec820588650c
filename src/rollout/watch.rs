//! What alarms and metrics say to a gate, and to a colour that is to get no request any more.

use jiff::Timestamp;

use super::gate::Verdict;
use crate::cloud::Cloud;
use crate::cloud::error::Error;
use crate::cloud::metrics::{self, Alarm, Series};
use crate::deployment::declaration::Metric;

/// A metric of a minute is known after so many seconds.
const KNOWN: i64 = 180;

/// All alarms have to be OK. One that is missing fails; INSUFFICIENT_DATA waits.
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

/// The latest whole period of a metric lies within its bounds; without a data point there is nothing
/// that could be out of them. A period that began before `since` does not count.
pub async fn metric(cloud: &Cloud, metric: &Metric, since: Option<Timestamp>) -> Result<Verdict, Error> {
    let Metric { namespace, name, dimensions, statistic, .. } = metric;
    let period = i64::try_from(metric.period).unwrap_or(60).max(60);
    let now = cloud.clock.now().as_second();
    let end = now - now.rem_euclid(period) + period;
    let series = Series { namespace: namespace.clone(), name: name.clone(), dimensions: dimensions.clone() };
    let points = metrics::points(cloud, &series, statistic, period, [end - 2 * period, end]).await?;
    // A clock that was ahead then counts as now.
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

/// How many requests the last minute brought that is known and began a minute after `since` or later; none where it
/// brought none, or where the metric cannot be read. What has no requests has no data points.
pub async fn requests(cloud: &Cloud, counted: &Series, since: Timestamp) -> Option<u64> {
    let now = cloud.clock.now().as_second();
    // The minute that follows may still have requests from before: nodes learn of a change one after the
    // other, and each counts by a minute of its own.
    let first = since.as_second() - since.as_second().rem_euclid(60) + 120;
    let from = first.max(now - KNOWN);
    if from >= now {
        return None;
    }
    let points = metrics::points(cloud, counted, "Sum", 60, [from, now]).await.ok()?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of requests")]
    points.last().map(|(_, sum)| *sum as u64).filter(|sum| *sum > 0)
}
