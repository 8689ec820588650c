//! A state moves: into a bucket, out of it, or from one folder to another.

use super::document;
use super::error::StateError;
use super::lock::LockGuard;
use super::medium::Only;
use super::record::Snapshot;
use super::store::{JOURNAL, SNAPSHOT, Store, history_name};

impl Store {
    /// Copies the state to `to` with its history, and leaves a note here that says what `state` has to be
    /// from now on, which is `setting`. Both are locked, and no operation is open. Cut short, it is done
    /// again from the start.
    ///
    /// Errors: [`StateError::Occupied`] where there is another state at `to`, or this one has been gone
    /// on with there; why it cannot be read here or written there.
    pub fn migrate(
        &self,
        lock: &LockGuard,
        to: &Self,
        there: &LockGuard,
        setting: &str,
        snapshot: &mut Snapshot,
    ) -> Result<(), StateError> {
        // The journal is folded in, so that it can stay behind.
        self.checkpoint(lock, snapshot)?;
        to.takes(snapshot)?;
        for serial in self.serials()? {
            if let Some(kept) = self.medium.get(&history_name(serial))? {
                to.medium.put(&history_name(serial), &kept.bytes, Only::Always)?;
            }
        }
        there.held().verify()?;
        to.medium.put(SNAPSHOT, &document::encode(snapshot)?, Only::Always)?;
        lock.held().verify()?;
        self.medium.put(SNAPSHOT, &document::encode_moved(setting)?, Only::Always)?;
        Ok(())
    }

    /// Whether this place can have the state of `snapshot`.
    fn takes(&self, snapshot: &Snapshot) -> Result<(), StateError> {
        let occupied = |found: String| StateError::Occupied { path: self.place().to_owned(), found };
        let Some(object) = self.medium.get(SNAPSHOT)? else {
            return match self.serials()?.is_empty() && self.medium.journal()?.is_empty() {
                true => Ok(()),
                false => Err(occupied(format!(
                    "`{SNAPSHOT}` is missing, though `history/` or `{JOURNAL}` is there"
                ))),
            };
        };
        match document::decode(&object.bytes, &self.path(SNAPSHOT), || self.how_to_restore()) {
            // It was here before.
            Err(StateError::Moved { .. }) => Ok(()),
            Err(error) => Err(error),
            // A move that was cut short before the note was left.
            Ok(found) if found.lineage == snapshot.lineage && found.sequence == snapshot.sequence => Ok(()),
            Ok(found) => Err(occupied(format!(
                "serial {} of stack \"{}\", written by {} of {} at {:.0}",
                found.serial, found.stack, found.written_by.command, found.written_by.user, found.taken_at
            ))),
        }
    }
}
