//! The serials that a local state keeps: for looking back, and for the way back.
//!
//! In: the history folder. Out: what is in it, and the words that restore the best of it. It never
//! restores by itself.

use std::path::PathBuf;

use jiff::Timestamp;

use super::document;
use super::error::StateError;
use super::file;
use super::local::Store;
use super::record::{Snapshot, WrittenBy};

/// How many serials are kept.
const KEPT: usize = 50;

/// One kept serial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    pub serial: u64,
    pub taken_at: Timestamp,
    pub written_by: WrittenBy,
    /// How many resources it knows.
    pub resources: usize,
}

impl Store {
    /// The kept serials that read, oldest first. One that is damaged is left out: it is no way
    /// back.
    pub fn history(&self) -> Result<Vec<HistoryEntry>, StateError> {
        let read = |serial| self.load_serial(serial).ok();
        Ok(self
            .serials()?
            .into_iter()
            .filter_map(read)
            .map(|kept| HistoryEntry {
                serial: kept.serial,
                taken_at: kept.taken_at,
                written_by: kept.written_by,
                resources: kept.resources.len(),
            })
            .collect())
    }

    /// One kept serial, without what the journal says after it.
    ///
    /// Errors: [`StateError::NoSuchSerial`], or what is wrong with its file.
    pub fn load_serial(&self, serial: u64) -> Result<Snapshot, StateError> {
        let path = self.history_path(serial);
        match file::read(&path)? {
            Some(bytes) => document::decode(&bytes, &path, || {
                "nothing was changed; `bgform state history` lists the serials that read".to_owned()
            }),
            None => Err(StateError::NoSuchSerial { path: self.history_folder(), serial, kept: KEPT }),
        }
    }

    pub(super) fn history_folder(&self) -> PathBuf {
        self.folder().join("history")
    }

    pub(super) fn history_path(&self, serial: u64) -> PathBuf {
        self.history_folder().join(format!("{serial:08}.json"))
    }

    /// What is kept, by name only, lowest first.
    pub(super) fn serials(&self) -> Result<Vec<u64>, StateError> {
        let mut serials: Vec<u64> = file::names(&self.history_folder())?
            .iter()
            .filter_map(|name| name.strip_suffix(".json")?.parse().ok())
            .collect();
        serials.sort_unstable();
        Ok(serials)
    }

    pub(super) fn forget_old_serials(&self) -> Result<(), StateError> {
        let mut serials = self.serials()?;
        serials.truncate(serials.len().saturating_sub(KEPT));
        for serial in serials {
            let path = self.history_path(serial);
            std::fs::remove_file(&path).map_err(|error| file::unwritable(&path, &error))?;
        }
        Ok(())
    }

    /// For a snapshot that is missing or damaged: the command that puts the best copy back.
    pub(super) fn how_to_restore(&self) -> String {
        let best = self.history().ok().and_then(|mut kept| kept.pop());
        let (folder, snapshot) = (self.folder().display(), self.snapshot_path());
        match best {
            Some(best) => format!(
                "nothing was changed. Serial {}, kept at {:.0}, reads well: `cp {} {}`, then `bgform plan` shows what differs from the cloud",
                best.serial,
                best.taken_at,
                self.history_path(best.serial).display(),
                snapshot.display(),
            ),
            None => format!(
                "nothing was changed, and no serial in `{folder}/history` reads: put `{folder}` back from a backup. What exists is tagged with the name of the stack"
            ),
        }
    }
}
