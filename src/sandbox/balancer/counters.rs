//! The counters.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, PoisonError};

use hdrhistogram::Histogram;

use super::exchange::Record;
use crate::cloudwatch::metrics::Points;

/// A number that grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    fn add(&self, more: u64) {
        self.0.fetch_add(more, Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Of a listener, since it opened.
#[derive(Debug, Default)]
pub struct ListenerCounts {
    pub requests: Counter,
    /// Targets' answers by class: 2xx to 5xx.
    pub targets: [Counter; 4],
    /// Answers of the balancer's own by class: 2xx to 5xx.
    pub own: [Counter; 4],
    pub own_502: Counter,
    pub own_503: Counter,
    pub own_504: Counter,
    pub unreached: Counter,
    pub connections: Counter,
    pub ended: Counter,
    pub bytes: Counter,
}

/// Of a target group, since it was first served.
#[derive(Debug, Default)]
pub struct GroupCounts {
    pub requests: Counter,
    pub targets: [Counter; 4],
    pub unreached: Counter,
    times: Mutex<Option<Times>>,
}

/// Response times since they were last taken, in microseconds.
#[derive(Debug)]
struct Times {
    sum: u64,
    spread: Histogram<u64>,
}

impl ListenerCounts {
    /// A request is over.
    pub fn request(&self, record: &Record) {
        self.requests.add(1);
        match record.target_status {
            Some(status) => count(&self.targets, status),
            None => count(&self.own, record.status),
        }
        if record.target_status.is_none() && record.action == Some("forward") {
            match record.status {
                502 => self.own_502.add(1),
                503 => self.own_503.add(1),
                504 => self.own_504.add(1),
                _ => {}
            }
        }
    }

    /// hyper refused a request.
    pub fn malformed(&self) {
        self.requests.add(1);
        count(&self.own, 400);
    }

    pub fn unreached(&self) {
        self.unreached.add(1);
    }

    pub fn opened(&self) {
        self.connections.add(1);
    }

    pub fn closed(&self) {
        self.ended.add(1);
    }

    pub fn passed(&self, bytes: u64) {
        self.bytes.add(bytes);
    }
}

impl GroupCounts {
    /// A request is over for which the group was chosen.
    pub fn request(&self, record: &Record) {
        if record.open.is_none() {
            return;
        }
        self.requests.add(1);
        if let Some(status) = record.target_status {
            count(&self.targets, status);
        }
        if let (Some(sent), Some(answered)) = (record.sent_at, record.answered_at) {
            let took = u64::try_from(answered.saturating_sub(sent).as_micros()).unwrap_or(u64::MAX);
            let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
            if times.is_none() {
                *times = Histogram::new(3).ok().map(|spread| Times { sum: 0, spread });
            }
            if let Some(times) = &mut *times {
                times.sum = times.sum.saturating_add(took);
                let _ = times.spread.record(took);
            }
        }
    }

    /// A connection is passed through.
    pub fn connection(&self) {
        self.requests.add(1);
    }

    pub fn unreached(&self) {
        self.unreached.add(1);
    }

    /// Response times in seconds since this was asked last.
    pub fn take_times(&self) -> Option<Points> {
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        let times = times.as_mut().filter(|times| !times.spread.is_empty())?;
        let points = Points {
            sum: times.sum as f64 / 1e6,
            samples: times.spread.len() as f64,
            minimum: times.spread.min() as f64 / 1e6,
            maximum: times.spread.max() as f64 / 1e6,
            spread: Some(times.spread.clone()),
        };
        times.sum = 0;
        times.spread.reset();
        Some(points)
    }
}

fn count(classes: &[Counter; 4], status: u16) {
    if let Some(class) = classes.get(usize::from((status / 100).saturating_sub(2))) {
        class.add(1);
    }
}
