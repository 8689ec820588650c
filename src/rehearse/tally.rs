//! The outcome of requests.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Failures that are kept with their errors.
const KEPT: usize = 5;

/// Counts of requests, and their latencies.
#[derive(Debug, Clone)]
pub struct Tally {
    began: Duration,
    pub sent: u64,
    ended: u64,
    pub failed: u64,
    /// The first failures.
    pub failures: Vec<Failure>,
    /// Microseconds, of all requests and of those since [`Tally::since_last`].
    all: Histogram<u64>,
    last: Histogram<u64>,
    pub slowest: Duration,
}

/// A request that failed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Failure {
    /// Seconds since the first request.
    pub at: f64,
    pub error: String,
}

/// Percentiles of the latency of some requests.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Latency {
    pub p50_ms: f64,
    pub p99_ms: f64,
}

/// The result of a rehearsal.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    pub sent: u64,
    /// Status 500 and above, connections that broke or were refused, no answer in time.
    pub failed: u64,
    pub slowest_ms: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// The first five.
    pub failures: Vec<Failure>,
}

impl Tally {
    /// Starts at `began`, a time of [`crate::clock::monotonic`].
    pub fn new(began: Duration) -> Self {
        Self {
            began,
            sent: 0,
            ended: 0,
            failed: 0,
            failures: Vec::new(),
            all: histogram(),
            last: histogram(),
            slowest: Duration::ZERO,
        }
    }

    pub fn begin(&mut self) {
        self.sent += 1;
    }

    pub fn under_way(&self) -> u64 {
        self.sent - self.ended
    }

    /// Records that a request that was due at `due` has ended after `took`.
    pub fn end(&mut self, due: Duration, took: Duration, answer: Result<u16, String>) {
        self.ended += 1;
        self.slowest = self.slowest.max(took);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.all.saturating_record(micros);
        self.last.saturating_record(micros);
        let error = match answer {
            Ok(status) if status < 500 => return,
            Ok(status) => format!("status {status}"),
            Err(error) => error,
        };
        self.failed += 1;
        if self.failures.len() < KEPT {
            let at = due.saturating_sub(self.began).as_secs_f64();
            self.failures.push(Failure { at: (at * 1000.0).round() / 1000.0, error });
        }
    }

    /// The latency of the requests that ended since the last call.
    pub fn since_last(&mut self) -> Latency {
        let latency = Latency::of(&self.last);
        self.last.clear();
        latency
    }

    pub fn verdict(&self) -> Verdict {
        let Latency { p50_ms, p99_ms } = Latency::of(&self.all);
        Verdict {
            sent: self.sent,
            failed: self.failed,
            slowest_ms: millis(u64::try_from(self.slowest.as_micros()).unwrap_or(u64::MAX)),
            p50_ms,
            p99_ms,
            failures: self.failures.clone(),
        }
    }
}

impl Latency {
    fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| millis(histogram.value_at_quantile(quantile));
        Self { p50_ms: at(0.5), p99_ms: at(0.99) }
    }
}

/// Up to a minute with three digits; longer times count as a minute.
#[allow(clippy::expect_used, reason = "the bounds are constants that hdrhistogram takes")]
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("constant bounds")
}

fn millis(micros: u64) -> f64 {
    (micros as f64 / 10.0).round() / 100.0
}
