//! The statistic of a period's values: a sum, an average, a percentile.

use super::metrics::Points;

/// A statistic (CloudWatch user guide, Statistics-definitions).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Statistic {
    SampleCount,
    Sum,
    Average,
    Minimum,
    Maximum,
    /// `p99.9`: above 0, at most 100.
    Percentile(f64),
}

impl Statistic {
    /// Parses its name in requests; `None` for one that the sandbox does not have (trimmed means and
    /// similar).
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "SampleCount" => Statistic::SampleCount,
            "Sum" => Statistic::Sum,
            "Average" => Statistic::Average,
            "Minimum" => Statistic::Minimum,
            "Maximum" => Statistic::Maximum,
            name => {
                let percent = name.strip_prefix('p')?.parse::<f64>().ok()?;
                (percent > 0.0 && percent <= 100.0).then_some(Statistic::Percentile(percent))?
            }
        })
    }

    /// Its value; `None` for a percentile of values that came in only aggregated.
    pub fn of(self, points: &Points) -> Option<f64> {
        match self {
            Statistic::SampleCount => Some(points.samples),
            Statistic::Sum => Some(points.sum),
            Statistic::Average => (points.samples > 0.0).then(|| points.sum / points.samples),
            Statistic::Minimum => Some(points.minimum),
            Statistic::Maximum => Some(points.maximum),
            Statistic::Percentile(percent) => points.percentile(percent),
        }
    }
}
