//! The shared part of compute's tasks.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, RwLock, watch};

use super::{Report, Setup};
use crate::state::random_hex;

#[derive(Debug)]
pub struct Shared {
    pub setup: Setup,
    /// Of this run of compute: a random text.
    pub run: String,
    pub images: watch::Sender<BTreeMap<String, Making>>,
    /// A machine got its folder, or an image was made: an unlisted image may no longer be needed.
    pub settled: Notify,
    locks: Mutex<HashMap<String, Arc<RwLock<()>>>>,
}

/// The progress of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Making {
    Pending,
    Made,
    /// Why, for people.
    Failed(String),
}

impl Shared {
    pub fn new(setup: Setup) -> Self {
        Self {
            setup,
            run: random_hex(32),
            images: watch::Sender::default(),
            settled: Notify::new(),
            locks: Mutex::default(),
        }
    }

    pub fn report(&self, report: Report) {
        // Without a receiver the region is closing.
        let _ = self.setup.reports.send(crate::region::Report::Compute(report));
    }

    /// The lock of a machine's folder: for reading to copy from it, for writing to make, remove or use it.
    pub fn lock(&self, machine: &str) -> Arc<RwLock<()>> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        locks.entry(machine.to_owned()).or_default().clone()
    }

    pub fn forget(&self, machine: &str) {
        self.locks.lock().unwrap_or_else(PoisonError::into_inner).remove(machine);
    }

    /// The folder with a machine's files.
    pub fn machine(&self, id: &str) -> PathBuf {
        self.setup.root.join("instances").join(id)
    }

    /// The machine's own folder.
    pub fn machine_root(&self, id: &str) -> PathBuf {
        self.machine(id).join("root")
    }

    pub fn image(&self, id: &str) -> PathBuf {
        self.setup.root.join("images").join(id)
    }

    /// The folder of an image, once it is made; or why there is none.
    pub async fn image_made(&self, id: &str) -> Result<PathBuf, String> {
        let mut images = self.images.subscribe();
        let known = images.wait_for(|images| images.get(id) != Some(&Making::Pending)).await;
        match known.ok().and_then(|images| images.get(id).cloned()) {
            Some(Making::Made) => Ok(self.image(id)),
            Some(Making::Failed(why)) => Err(format!("its image {id} could not be made: {why}")),
            Some(Making::Pending) | None => Err(format!("there is no image {id}")),
        }
    }
}

/// Does file work on a thread where it may block.
pub async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}
