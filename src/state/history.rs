//! The kept serials of a state, to look at and to go back to.
//!
//! In: the history. Out: its content, and the command that restores the best serial. It never restores by
//! itself.

use jiff::Timestamp;

use super::document;
use super::error::StateError;
use super::record::{Snapshot, WrittenBy};
use super::store::{SNAPSHOT, Store, history_name};

/// Number of serials that are kept.
const KEPT: usize = 50;

/// One kept serial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    pub serial: u64,
    pub taken_at: Timestamp,
    pub written_by: WrittenBy,
    /// Number of its resources.
    pub resources: usize,
}

impl Store {
    /// The readable kept serials, oldest first. A damaged one is left out, since it cannot be restored.
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

    /// Loads one kept serial, without later journal records.
    ///
    /// Errors: [`StateError::NoSuchSerial`], or the fault of its file.
    pub fn load_serial(&self, serial: u64) -> Result<Snapshot, StateError> {
        let name = history_name(serial);
        match self.medium.get(&name)? {
            Some(kept) => document::decode(&kept.bytes, &self.path(&name), || {
                "nothing was changed; `bgform state history` lists the serials that read".to_owned()
            }),
            None => Err(StateError::NoSuchSerial { path: self.path("history"), serial, kept: KEPT }),
        }
    }

    /// The kept serials by name only, lowest first.
    pub(super) fn serials(&self) -> Result<Vec<u64>, StateError> {
        let names = self.medium.names("history")?;
        let mut serials: Vec<u64> =
            names.iter().filter_map(|name| name.strip_suffix(".json")?.parse().ok()).collect();
        serials.sort_unstable();
        Ok(serials)
    }

    /// Deletes the oldest serials to make room for one more.
    pub(super) fn forget_old_serials(&self, mut serials: Vec<u64>) -> Result<(), StateError> {
        serials.truncate((serials.len() + 1).saturating_sub(KEPT));
        for serial in serials {
            self.medium.delete(&history_name(serial))?;
        }
        Ok(())
    }

    /// The command that restores the best copy, for a missing or damaged snapshot.
    pub(super) fn how_to_restore(&self) -> String {
        let best = self.history().ok().and_then(|mut kept| kept.pop());
        let history = self.path("history");
        match best {
            Some(best) => format!(
                "nothing was changed. Serial {}, kept at {:.0}, reads well: `bgform state restore` puts it in the place of `{SNAPSHOT}`; then `bgform plan` shows what differs from the cloud",
                best.serial, best.taken_at,
            ),
            None => format!(
                "nothing was changed, and no serial in `{}` reads: put `{}` back from a backup. What exists is tagged with the name of the stack",
                history.display(),
                self.place().display(),
            ),
        }
    }
}
