//! State in a folder: `snapshot.json`, `journal.jsonl`, `lock`, `history/NNNNNNNN.json`.
//!
//! In: a folder, a snapshot to keep. Out: the state as it stands, sessions that write to it, what
//! it was before. Every stage of a write leaves a folder that reads as before or as after. It
//! never repairs what it does not understand: it says what is wrong and what to type.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::document;
use super::entry::{OpenOperation, OpenOperations};
use super::error::StateError;
use super::file;
use super::frame::{self, Frames};
use super::journal::Journal;
use super::lock::{self, LockGuard};
use super::record::Snapshot;
use crate::clock;

/// One stack's state folder, which need not exist yet.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

/// The state as it stands.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// With the journal folded in.
    pub snapshot: Snapshot,
    /// For recovery, in the order in which they began.
    pub open: Vec<OpenOperation>,
    /// Whether the journal ends in a write that a crash cut short. It needs nobody's attention.
    pub torn: bool,
}

/// What a checkpoint has done so far; each leaves a folder that reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Staged,
    Put,
    Kept,
    Emptied,
}

impl Store {
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether there is a state here, sound or not.
    pub fn exists(&self) -> bool {
        self.snapshot_path().exists()
    }

    pub(super) fn snapshot_path(&self) -> PathBuf {
        self.folder.join("snapshot.json")
    }

    fn journal_path(&self) -> PathBuf {
        self.folder.join("journal.jsonl")
    }

    /// Takes the lock, making the folder where it is missing; `command` is what others are told.
    ///
    /// Errors: [`StateError::Locked`], or why the folder cannot be written.
    pub fn lock(&self, command: &str) -> Result<LockGuard, StateError> {
        file::create_folder(&self.folder)?;
        LockGuard::take(&self.folder, command)
    }

    /// Reads the state; needs no lock. None where there never was one.
    ///
    /// Errors: everything that is wrong with the files, and [`StateError::Unreadable`].
    pub fn load(&self) -> Result<Option<Loaded>, StateError> {
        let Some(read) = self.read()? else { return Ok(None) };
        Ok(Some(Loaded { snapshot: read.snapshot, open: read.open.into_vec(), torn: read.frames.torn }))
    }

    fn read(&self) -> Result<Option<Read>, StateError> {
        let (kept, journal) = self.read_together()?;
        let (path, journal_path) = (self.snapshot_path(), self.journal_path());
        let frames = frame::parse(&journal, &journal_path)?;
        let Some(kept) = kept else {
            let history = self.serials()?.pop().map(|serial| self.history_path(serial));
            let left = history.or_else(|| (!journal.is_empty()).then_some(journal_path));
            return match left {
                None => Ok(None),
                Some(left) => Err(StateError::Missing { path, left, help: self.how_to_restore() }),
            };
        };
        let mut snapshot = document::decode(&kept, &path, || self.how_to_restore())?;
        let serial = snapshot.serial;
        let open = frame::fold(&mut snapshot, &frames.frames, &journal_path)?;
        Ok(Some(Read { serial, snapshot, open, frames, journal }))
    }

    /// Snapshot and journal that go together, though a checkpoint may run beside this: it puts the
    /// new snapshot before it empties the journal, so a snapshot that is still the same afterwards
    /// goes with the journal that was read in between.
    fn read_together(&self) -> Result<(Option<Vec<u8>>, Vec<u8>), StateError> {
        let mut before = file::read(&self.snapshot_path())?;
        loop {
            let journal = file::read(&self.journal_path())?.unwrap_or_default();
            let after = file::read(&self.snapshot_path())?;
            if before == after {
                return Ok((after, journal));
            }
            before = after;
        }
    }

    /// Starts writing, after showing that the disk takes it. `snapshot` is what [`Store::load`]
    /// gave, or the stack's first one, which is put here. A torn tail is cut off. One session at a
    /// time: drop the journal before the next.
    ///
    /// Errors: [`StateError::Locked`] where the journal of the last one is still open, [`StateError::Stale`] where the state has moved on since it was loaded,
    /// [`StateError::WrongLineage`], those of [`Store::load`], and why nothing can be written.
    pub fn begin_session(&self, lock: &LockGuard, mut snapshot: Snapshot) -> Result<Journal, StateError> {
        if lock.in_session() {
            return Err(lock::locked_by(&self.folder, lock.holder().clone()));
        }
        file::create_folder(&self.history_folder())?;
        file::probe(&self.folder)?;
        let path = self.journal_path();
        match self.read()? {
            Some(there) => {
                self.same_lineage(&there.snapshot, &snapshot)?;
                if (there.serial, there.snapshot.sequence) != (snapshot.serial, snapshot.sequence) {
                    return Err(StateError::Stale { path: self.folder.clone() });
                }
                if !there.journal.is_empty() {
                    // A new file rather than a shorter one: after a failed sync the system may
                    // show bytes that the disk does not have.
                    let sound = there.journal.get(..there.frames.sound).unwrap_or_default();
                    file::replace(&path, sound)?;
                }
            }
            None => {
                snapshot.taken_at = clock::now();
                snapshot.written_by = lock.holder().written_by();
                let bytes = document::encode(&snapshot)?;
                file::replace(&self.snapshot_path(), &bytes)?;
                file::replace(&self.history_path(snapshot.serial), &bytes)?;
            }
        }
        let file = file::open_append(&path)?;
        file::sync_folder(&self.folder)?;
        Journal::start(file, path, snapshot, Arc::clone(lock.held()))
    }

    /// Keeps the snapshot under the next serial, and empties the journal if all of it is folded in
    /// and no operation is open. During a session the snapshot is [`Journal::snapshot`]'s.
    ///
    /// Errors: [`StateError::WrongLineage`], or why it cannot be written; the state then is what
    /// it was, or already the new one with the journal still there. Both read.
    pub fn checkpoint(&self, lock: &LockGuard, snapshot: &mut Snapshot) -> Result<(), StateError> {
        self.checkpoint_in_stages(lock, snapshot, &mut |_| ())
    }

    pub(super) fn checkpoint_in_stages(
        &self,
        lock: &LockGuard,
        snapshot: &mut Snapshot,
        after: &mut dyn FnMut(Stage),
    ) -> Result<(), StateError> {
        let path = self.snapshot_path();
        let mut last = snapshot.serial;
        if let Some(bytes) = file::read(&path)? {
            let there = document::decode(&bytes, &path, || self.how_to_restore())?;
            self.same_lineage(&there, snapshot)?;
            last = last.max(there.serial);
        }
        // Past the kept ones too: where an older serial was restored, the later ones stay.
        let last = self.serials()?.pop().map_or(last, |kept| last.max(kept));
        let next = Snapshot {
            serial: last + 1,
            taken_at: clock::now(),
            written_by: lock.holder().written_by(),
            ..snapshot.clone()
        };
        let bytes = document::encode(&next)?;
        file::create_folder(&self.history_folder())?;

        let staged = file::stage(&path, &bytes)?;
        after(Stage::Staged);
        file::put(&staged, &path)?;
        *snapshot = next;
        after(Stage::Put);
        file::replace(&self.history_path(snapshot.serial), &bytes)?;
        self.forget_old_serials()?;
        after(Stage::Kept);
        self.empty_journal(lock, snapshot)?;
        after(Stage::Emptied);
        Ok(())
    }

    fn empty_journal(&self, lock: &LockGuard, snapshot: &Snapshot) -> Result<(), StateError> {
        let _turn = lock.held().turn();
        let path = self.journal_path();
        let Some(journal) = file::read(&path)? else { return Ok(()) };
        let frames = frame::parse(&journal, &path)?.frames;
        let mut folded = snapshot.clone();
        let open = frame::fold(&mut folded, &frames, &path)?;
        if journal.is_empty() || folded.sequence > snapshot.sequence || !open.is_empty() {
            return Ok(());
        }
        let file = file::open_append(&path)?;
        file.set_len(0).and_then(|()| file.sync_all()).map_err(|error| file::unwritable(&path, &error))
    }

    fn same_lineage(&self, there: &Snapshot, given: &Snapshot) -> Result<(), StateError> {
        match there.lineage == given.lineage {
            true => Ok(()),
            false => Err(StateError::WrongLineage {
                path: self.snapshot_path(),
                expected: given.lineage.clone(),
                found: there.lineage.clone(),
            }),
        }
    }
}

/// What [`Store::read`] found.
struct Read {
    /// Of the snapshot on the disk.
    serial: u64,
    /// With the journal folded in.
    snapshot: Snapshot,
    open: OpenOperations,
    frames: Frames,
    journal: Vec<u8>,
}
