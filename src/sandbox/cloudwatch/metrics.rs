//! Data points by metric and minute.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use hdrhistogram::Histogram;
use jiff::Timestamp;

/// Seconds that are aggregated to one data point.
pub const MINUTE: i64 = 60;
/// Seconds that data points are kept: as long as AWS calls a metric recently active.
pub const KEPT: i64 = 3 * 3600;
/// Significant digits of percentiles.
const DIGITS: u8 = 2;

/// A metric: its namespace, name and dimensions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metric {
    /// Such as `AWS/ApplicationELB`.
    pub namespace: String,
    pub name: String,
    pub dimensions: BTreeMap<String, String>,
}

/// The values of a metric in one period.
#[derive(Debug, Clone)]
pub struct Points {
    pub sum: f64,
    pub samples: f64,
    pub minimum: f64,
    pub maximum: f64,
    /// For percentiles, in millionths of the unit; kept where single values were added.
    pub spread: Option<Histogram<u64>>,
}

/// Points by the second that their minute begins with.
type Minutes = BTreeMap<i64, Points>;

/// All data points of a region, shared by writers and readers. Kept in memory for a few hours.
#[derive(Debug, Default)]
pub struct Metrics {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// By metric and unit: AWS keeps values of different units apart.
    series: BTreeMap<Metric, BTreeMap<String, Minutes>>,
    /// The newest minute that something was added to.
    newest: i64,
}

impl Points {
    /// One value, `samples` times.
    pub fn of(value: f64, samples: f64) -> Self {
        let mut points = Self { sum: value * samples, samples, minimum: value, maximum: value, spread: None };
        // AWS has no percentiles of negative values.
        if (0.0..1e12).contains(&value)
            && samples >= 1.0
            && let Ok(mut spread) = Histogram::new(DIGITS)
        {
            spread.auto(true);
            points.spread = spread.record_n(millionths(value), samples as u64).is_ok().then_some(spread);
        }
        points
    }

    /// Adds the values of the same period.
    pub fn merge(&mut self, other: &Self) {
        self.sum += other.sum;
        self.samples += other.samples;
        self.minimum = self.minimum.min(other.minimum);
        self.maximum = self.maximum.max(other.maximum);
        let both = self.spread.take().zip(other.spread.as_ref());
        self.spread = both.and_then(|(mut mine, theirs)| {
            mine.auto(true);
            mine.add(theirs).is_ok().then_some(mine)
        });
    }

    /// The value that `percent` of the samples are at or below; `None` if only aggregates came in.
    pub fn percentile(&self, percent: f64) -> Option<f64> {
        let value = self.spread.as_ref()?.value_at_quantile(percent / 100.0) as f64 / 1e6;
        Some(value.clamp(self.minimum, self.maximum))
    }
}

fn millionths(value: f64) -> u64 {
    (value * 1e6).round() as u64
}

impl Metrics {
    /// Adds values that came together, in the unit that AWS has for the metric.
    pub fn add(&self, metric: &Metric, at: Timestamp, values: Points) {
        self.add_in(metric, usual_unit(metric), at, values);
    }

    /// Adds values that came in together, in a unit. Values older than the kept ones are dropped.
    pub fn add_in(&self, metric: &Metric, unit: &str, at: Timestamp, values: Points) {
        let mut inner = self.lock();
        let minute = minute(at);
        if minute > inner.newest {
            inner.newest = minute;
            inner.forget();
        }
        if minute <= inner.newest - KEPT {
            return;
        }
        let units = inner.series.entry(metric.clone()).or_default();
        let minutes = units.entry(unit.to_owned()).or_default();
        minutes.entry(minute).and_modify(|points| points.merge(&values)).or_insert(values);
    }

    /// The metrics that have data points.
    pub fn list(&self) -> Vec<Metric> {
        self.lock().series.keys().cloned().collect()
    }

    /// The values of a metric in each period of `[from, to)` with data, by unit (all, or only one). Periods
    /// begin at `from`, rounded down to its minute (API_GetMetricStatistics).
    pub fn periods(
        &self,
        metric: &Metric,
        unit: Option<&str>,
        (from, to): (Timestamp, Timestamp),
        period: i64,
    ) -> BTreeMap<String, Minutes> {
        let inner = self.lock();
        let (from, to) = (minute(from), to.as_second());
        let units = inner.series.get(metric).into_iter().flatten();
        let mut found = BTreeMap::new();
        if from >= to {
            return found;
        }
        for (name, minutes) in units.filter(|(name, _)| unit.is_none_or(|unit| unit == *name)) {
            let mut periods = Minutes::new();
            for (minute, points) in minutes.range(from..to) {
                let start = minute - (minute - from) % period.max(MINUTE);
                periods.entry(start).and_modify(|sum| sum.merge(points)).or_insert_with(|| points.clone());
            }
            found.insert(name.clone(), periods);
        }
        found
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn forget(&mut self) {
        let oldest = self.newest - KEPT;
        self.series.retain(|_, units| {
            units.retain(|_, minutes| {
                *minutes = minutes.split_off(&(oldest + 1));
                !minutes.is_empty()
            });
            !units.is_empty()
        });
    }
}

/// The second that a point's minute begins with.
pub fn minute(at: Timestamp) -> i64 {
    at.as_second().div_euclid(MINUTE) * MINUTE
}

/// The unit of a metric of Elastic Load Balancing (elasticloadbalancing, load-balancer-cloudwatch-metrics);
/// `None` for others.
fn usual_unit(metric: &Metric) -> &'static str {
    match (metric.namespace.as_str(), metric.name.as_str()) {
        ("AWS/ApplicationELB", "TargetResponseTime") => "Seconds",
        ("AWS/ApplicationELB" | "AWS/NetworkELB", name) if name.contains("Bytes") => "Bytes",
        ("AWS/ApplicationELB" | "AWS/NetworkELB", _) => "Count",
        _ => "None",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn metric(namespace: &str, name: &str) -> Metric {
        Metric { namespace: namespace.to_owned(), name: name.to_owned(), dimensions: BTreeMap::new() }
    }

    #[test]
    fn minutes_add_up_to_periods_and_percentiles() {
        let (metrics, latency) = (Metrics::default(), metric("AWS/ApplicationELB", "TargetResponseTime"));
        for (second, value) in [(601, 0.1), (659, 0.2), (660, 0.3), (720, 4.0)] {
            metrics.add(&latency, at(second), Points::of(value, 1.0));
        }
        let found = metrics.periods(&latency, Some("Seconds"), (at(610), at(720)), 120);
        let points = &found["Seconds"][&600];
        assert_eq!((points.samples, points.minimum, points.maximum), (3.0, 0.1, 0.3));
        let median = points.percentile(50.0).unwrap();
        assert!((median - 0.2).abs() < 0.002, "{median}");
        assert!(metrics.periods(&latency, Some("Count"), (at(600), at(720)), 60).is_empty());
        assert_eq!(metrics.periods(&latency, None, (at(600), at(721)), 60)["Seconds"].len(), 3);
    }

    #[test]
    fn aggregates_have_no_percentiles_and_old_minutes_go() {
        let (metrics, count) = (Metrics::default(), metric("Shop", "Orders"));
        let together = Points { sum: 9.0, samples: 3.0, minimum: 1.0, maximum: 5.0, spread: None };
        metrics.add(&count, at(60), together.clone());
        metrics.add(&count, at(61), Points::of(2.0, 1.0));
        let found = metrics.periods(&count, None, (at(0), at(120)), 60);
        assert_eq!((found["None"][&60].sum, found["None"][&60].percentile(50.0)), (11.0, None));
        metrics.add(&metric("Shop", "Other"), at(60 + KEPT), Points::of(1.0, 1.0));
        metrics.add(&count, at(60), together);
        assert_eq!(metrics.list(), [metric("Shop", "Other")]);
    }
}
