//! What was called: a line each in `calls.log`, and counts.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::Service;

/// The log of a region's calls.
#[derive(Debug)]
pub struct Calls {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// None where it could not be opened; the counts go on.
    file: Option<File>,
    counts: BTreeMap<(Service, String), u64>,
}

impl Calls {
    /// Appends to this file.
    pub fn to(path: PathBuf) -> Self {
        let file = File::options().create(true).append(true).open(path).ok();
        Self { inner: Mutex::new(Inner { file, counts: BTreeMap::new() }) }
    }

    /// A call that was answered at `at` and took `took`, which is when it was carried out; `outcome` is
    /// `ok`, an error code, or `silence`.
    pub fn note(&self, service: Service, action: &str, outcome: &str, at: Timestamp, took: Duration) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        *inner.counts.entry((service, action.to_owned())).or_default() += 1;
        if let Some(file) = &mut inner.file {
            // A log that cannot be written stops nothing.
            let (name, took) = (service.name(), took.as_millis());
            let _ = writeln!(file, "{at:.3} {took}ms {name} {action} {outcome}");
        }
    }

    /// How often each action was called since the region was opened.
    pub fn counts(&self) -> BTreeMap<(Service, String), u64> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).counts.clone()
    }
}
