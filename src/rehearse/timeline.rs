//! The timeline of a release: a row each second, and one at each change.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::load::Generator;
use super::tally::Latency;
use super::watch::{Look, Watch};
use crate::clock::{self, Clock};
use crate::sandbox::region::Region;

/// The situation at a moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Seconds since the first request, by the rehearsal's clock.
    pub time: f64,
    /// The result of a step, such as `updated listener_rule.web`, in a row of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub now: Option<Now>,
}

/// Weights, health and traffic.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Now {
    #[serde(flatten)]
    pub look: Look,
    /// By target group, in the real time since the last row.
    pub requests_per_second: BTreeMap<String, u64>,
    #[serde(flatten)]
    pub latency: Latency,
    pub failed: u64,
}

/// The rows so far.
#[derive(Debug)]
pub struct Timeline {
    clock: Clock,
    began: Duration,
    watch: Watch,
    last: Option<Last>,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Last {
    at: Duration,
    look: Look,
    requests: BTreeMap<String, u64>,
}

/// Maximum real time between two rows.
const EVERY: Duration = Duration::from_secs(1);
/// Minimum real time for the calculation of a rate.
const LEAST: Duration = Duration::from_millis(100);

impl Timeline {
    /// Starts now, by `clock`.
    pub fn new(clock: Clock) -> Self {
        let began = clock.monotonic();
        Self { clock, began, watch: Watch::default(), last: None, rows: Vec::new() }
    }

    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    fn time(&self) -> f64 {
        let time = self.clock.monotonic().saturating_sub(self.began).as_secs_f64();
        (time * 10.0).round() / 10.0
    }

    /// Adds a row for a step's result.
    pub fn step(&mut self, text: String) -> &Row {
        let row = Row { time: self.time(), step: Some(text), now: None };
        self.push(row)
    }

    /// Adds a row if something has changed or a second has passed.
    pub fn look(&mut self, region: &Region, load: &Generator) -> Option<&Row> {
        let look = self.watch.look(region);
        // Read together: rates are computed from both.
        let (at, requests) = (clock::monotonic(), self.watch.requests(region));
        if let Some(last) = &self.last {
            let since = at.saturating_sub(last.at);
            if since < LEAST || (since < EVERY && last.look == look) {
                return None;
            }
        }
        let rates = self.rates(at, &requests);
        let (latency, failed) = {
            let mut tally = load.tally();
            (tally.since_last(), tally.failed)
        };
        self.last = Some(Last { at, look: look.clone(), requests });
        let now = Now { look, requests_per_second: rates, latency, failed };
        let row = Row { time: self.time(), step: None, now: Some(now) };
        Some(self.push(row))
    }

    fn rates(&self, at: Duration, requests: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
        let Some(last) = &self.last else { return BTreeMap::new() };
        let seconds = at.saturating_sub(last.at).as_secs_f64();
        let rate = |(name, count): (&String, &u64)| {
            let before = last.requests.get(name).copied().unwrap_or(0);
            (name.clone(), (count.saturating_sub(before) as f64 / seconds).round() as u64)
        };
        requests.iter().map(rate).collect()
    }

    fn push(&mut self, row: Row) -> &Row {
        let at = self.rows.len();
        self.rows.push(row);
        &self.rows[at]
    }
}

/// The head of the printed table.
pub fn head() -> String {
    format!(
        "{:>9}  {:<24}  {:<24}  {:<24}  {:>8}  {:>8}",
        "time", "weights", "healthy", "requests/s", "p50", "p99"
    )
}

/// A row of the table.
pub fn text(row: &Row) -> String {
    let time = format!("{:.1} s", row.time);
    let Some(now) = &row.now else {
        return format!("{time:>9}  {}", row.step.as_deref().unwrap_or_default());
    };
    let joined = |all: Vec<String>| all.join(" ");
    let rules = now.look.weights.iter();
    let weights: Vec<_> = rules
        .map(|rule| joined(rule.iter().map(|(name, weight)| format!("{name} {weight}")).collect()))
        .collect();
    let health =
        joined(now.look.health.iter().map(|(name, (up, all))| format!("{name} {up}/{all}")).collect());
    let rates = joined(now.requests_per_second.iter().map(|(name, rate)| format!("{name} {rate}")).collect());
    let (p50, p99) = (format!("{:.1} ms", now.latency.p50_ms), format!("{:.1} ms", now.latency.p99_ms));
    let failed = if now.failed > 0 { format!("  {} failed", now.failed) } else { String::new() };
    format!("{time:>9}  {:<24}  {health:<24}  {rates:<24}  {p50:>8}  {p99:>8}{failed}", weights.join("; "))
}
