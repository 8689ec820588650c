//! Records calls: a line each in `calls.log`, and counts.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::Service;
use crate::log::Log;

/// The log of a region's calls.
#[derive(Debug)]
pub struct Calls {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    log: Log,
    counts: BTreeMap<(&'static str, String), u64>,
}

impl Calls {
    /// Appends to this log.
    pub fn to(log: Log) -> Self {
        Self { inner: Mutex::new(Inner { log, counts: BTreeMap::new() }) }
    }

    /// A call that was answered at `at` and took `took`, which is when it was carried out; `outcome` is
    /// `ok`, an error code, or `silence`.
    pub fn note(&self, service: &Service, action: &str, outcome: &str, at: Timestamp, took: Duration) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        *inner.counts.entry((service.name(), action.to_owned())).or_default() += 1;
        // The name of an unknown action may be any text: it is escaped to stay on its line.
        let (name, action, took) = (service.name(), action.escape_debug(), took.as_millis());
        // A log that cannot be written stops nothing.
        let _ = inner.log.append(format!("{at:.3} {took}ms {name} {action} {outcome}\n").as_bytes());
    }

    /// Number of calls of each action since the region was opened.
    pub fn counts(&self) -> BTreeMap<(&'static str, String), u64> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).counts.clone()
    }
}
