//! Moves a state: into a bucket, out of it, or from one folder to another.

use super::document;
use super::error::StateError;
use super::lock::LockGuard;
use super::medium::Only;
use super::record::Snapshot;
use super::store::{JOURNAL, SNAPSHOT, Store, history_name};

impl Store {
    /// Copies the state to `to` with its history, and leaves a note here with the new value of `state`, which
    /// is `setting`. Both are locked, and no operation is open. A copy that was cut short is repeated from
    /// the start.
    ///
    /// Errors: [`StateError::Occupied`] if another state is at `to`, or this one has been continued there;
    /// why it cannot be read here or written there.
    pub fn migrate(
        &self,
        lock: &LockGuard,
        to: &Self,
        there: &LockGuard,
        setting: &str,
        snapshot: &mut Snapshot,
    ) -> Result<(), StateError> {
        // The journal is folded in, so that it can stay behind.
        // The next writer records its file, since the place may use another name for it.
        snapshot.made_by = None;
        self.checkpoint(lock, snapshot)?;
        to.takes(self, snapshot)?;
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

    /// Checks that this place can take the state of `snapshot`, which is kept in `from`.
    fn takes(&self, from: &Self, snapshot: &Snapshot) -> Result<(), StateError> {
        let occupied = |found: String| StateError::Occupied { path: self.place().to_owned(), found };
        let Some(object) = self.medium.get(SNAPSHOT)? else {
            // A move that was cut short leaves its copies, which hold only this state's past.
            let of_this =
                |kept: &Snapshot| kept.lineage == snapshot.lineage && kept.serial <= snapshot.serial;
            for serial in self.serials()? {
                let kept = |store: &Self| store.medium.get(&history_name(serial));
                let is_copy = || {
                    Ok::<_, StateError>(kept(self)?.map(|one| one.bytes) == kept(from)?.map(|one| one.bytes))
                };
                if !self.load_serial(serial).is_ok_and(|kept| of_this(&kept)) && !is_copy()? {
                    return Err(occupied(format!("serial {serial}, though `{SNAPSHOT}` is missing")));
                }
            }
            return match self.medium.journal()?.is_empty() {
                true => Ok(()),
                false => Err(occupied(format!("`{JOURNAL}`, though `{SNAPSHOT}` is missing"))),
            };
        };
        match document::decode(&object.bytes, &self.path(SNAPSHOT), || self.how_to_restore()) {
            // The state was here before.
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
