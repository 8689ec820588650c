//! The way back to a kept serial: chosen by a person, where the state does not read or says what is not
//! so. Nothing is thrown away: what it replaces stays in the history or is set aside.

use super::document;
use super::error::StateError;
use super::frame;
use super::lock::LockGuard;
use super::medium::Only;
use super::store::{JOURNAL, SNAPSHOT, Store};
use crate::clock;

/// What a restore has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The serial whose snapshot it is.
    pub from: u64,
    /// The serial that the state has now.
    pub serial: u64,
    /// How many records of the journal were later, and still count.
    pub records: usize,
    /// Where copies of what did not read are.
    pub aside: Vec<String>,
}

impl Store {
    /// Puts a kept serial in the place of the snapshot: the newest that reads where none is named. Where
    /// the state reads, it becomes the next serial, and the journal has no part in it: no operation may
    /// be open there. Where it does not, what is sound of the journal and goes on from that serial still
    /// counts, and all of the rest is copied to `aside/` first.
    ///
    /// Errors: [`StateError::NoSuchSerial`], what is wrong with that serial, and why nothing can be written.
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
            // It is elsewhere, of a later version, or could not be looked at: no damage to mend.
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
        // What does not go on from this serial is of no use beside it.
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
