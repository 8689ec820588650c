//! Restores a kept serial that a person chose, if the state cannot be read or is wrong. Nothing is lost: the
//! replaced snapshot stays in the history or is set aside.

use super::document;
use super::error::StateError;
use super::frame;
use super::lock::LockGuard;
use super::medium::Only;
use super::store::{JOURNAL, SNAPSHOT, Store};
use crate::clock;

/// The result of a restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The serial of the restored snapshot.
    pub from: u64,
    /// The new serial of the state.
    pub serial: u64,
    /// Number of later journal records that still count.
    pub records: usize,
    /// The places of copies of unreadable files.
    pub aside: Vec<String>,
}

impl Store {
    /// Restores a kept serial, or the newest readable one if none is named. If the state can be read, the
    /// snapshot becomes the next serial and the journal is not used: it may have no open operation. Otherwise
    /// the sound journal records that continue that serial still count, and the rest is copied to `aside/`
    /// first.
    ///
    /// Errors: [`StateError::NoSuchSerial`], the fault of that serial, and why nothing can be written.
    pub fn restore(&self, lock: &LockGuard, serial: Option<u64>) -> Result<Restored, StateError> {
        let newest = || self.history().map(|kept| kept.last().map_or(0, |kept| kept.serial));
        let from = serial.map_or_else(newest, Ok)?;
        let mut kept = self.load_serial(from)?;
        match self.load() {
            Ok(Some(loaded)) => {
                self.same_lineage(&loaded.snapshot, &kept)?;
                kept.sequence = loaded.snapshot.sequence;
                self.checkpoint(lock, &mut kept)?;
                Ok(Restored { from, serial: kept.serial, records: 0, aside: Vec::new() })
            }
            Ok(None) => Err(StateError::NoSuchSerial { path: self.path("history"), serial: from, kept: 0 }),
            Err(
                StateError::Corrupt { .. }
                | StateError::Checksum { .. }
                | StateError::Missing { .. }
                | StateError::WrongLineage { .. }
                | StateError::JournalRecord { .. }
                | StateError::JournalGap { .. },
            ) => self.mend(lock, from),
            // The state is elsewhere, of a later version, or cannot be checked: there is no damage to repair.
            Err(error) => Err(error),
        }
    }

    fn mend(&self, lock: &LockGuard, from: u64) -> Result<Restored, StateError> {
        lock.held().verify()?;
        let kept = self.load_serial(from)?;
        let now = clock::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let mut aside = Vec::new();
        let mut set_aside = |name: &str, bytes: &[u8]| -> Result<(), StateError> {
            let copy = format!("aside/{now}-{name}");
            self.medium.put(&copy, bytes, Only::Always)?;
            aside.push(self.path(&copy).display().to_string());
            Ok(())
        };
        let journal = self.medium.journal()?;
        let (read, damage) = frame::parse_sound(&journal);
        let chains =
            |frames: &[frame::Frame]| frame::fold(&mut kept.clone(), frames, &self.path(JOURNAL)).is_ok();
        // Records that do not continue this serial are of no use with it.
        let sound = if chains(&read.frames) { read.sound } else { 0 };
        if damage.is_some() || sound == 0 && !journal.is_empty() {
            set_aside(JOURNAL, &journal)?;
            self.medium.open_journal(lock.fence())?.cut(journal.get(..sound).unwrap_or_default())?;
        }
        if let Some(there) = self.medium.get(SNAPSHOT)? {
            set_aside(SNAPSHOT, &there.bytes)?;
        }
        self.medium.put(SNAPSHOT, &document::encode(&kept)?, Only::Always)?;
        let later = |frame: &&frame::Frame| sound > 0 && frame.sequence > kept.sequence;
        let records = read.frames.iter().filter(later).count();
        Ok(Restored { from, serial: kept.serial, records, aside })
    }
}
