//! One stack's state: `snapshot.json`, a journal, `history/NNNNNNNN.json`, `locks/`, in a folder or in a
//! bucket.
//!
//! In: a place, a snapshot to keep. Out: the current state, sessions that write to it, its earlier serials.
//! Every stage of a write leaves a readable state, the old or the new one. It never repairs what it does not
//! understand: it reports the fault and the command to run.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::bucket::{Bucket, BucketSettings};
use super::document;
use super::entry::{OpenOperation, OpenOperations};
use super::error::StateError;
use super::folder::Folder;
use super::frame::{self, Frames};
use super::journal::Journal;
use super::lock::{self, Contender, Followed, Holder, LockGuard};
use super::medium::{Medium, Object, Only, Version};
use super::record::Snapshot;
use crate::clock;

pub(super) const SNAPSHOT: &str = "snapshot.json";
pub(super) const JOURNAL: &str = "journal.jsonl";

/// One stack's state, which may not exist yet.
#[derive(Debug, Clone)]
pub struct Store {
    pub(super) medium: Arc<dyn Medium>,
    /// The stack file of the caller.
    file: Option<String>,
    /// Whether to take over a state of another file, or a folder of another user.
    pub(super) adopt: bool,
}

/// The current state.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// With the journal folded in.
    pub snapshot: Snapshot,
    /// The open operations for recovery, in the order in which they began.
    pub open: Vec<OpenOperation>,
    /// Whether the journal ends in a write that a crash cut short. This needs no action.
    pub torn: bool,
}

/// The stages of a checkpoint; each leaves a readable state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Put,
    Kept,
    Emptied,
}

impl Store {
    /// A state in a folder of this machine.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self::on(Folder(folder.into()))
    }

    /// A state in a bucket. Makes no call yet.
    pub fn in_bucket(settings: BucketSettings) -> Self {
        Self::on(Bucket::new(settings))
    }

    fn on(medium: impl Medium + 'static) -> Self {
        Self { medium: Arc::new(medium), file: None, adopt: false }
    }

    /// Binds the store to a stack file, by a name that is the same on other machines. A state of another file
    /// is refused, unless it is to be adopted.
    pub fn of_file(self, file: String, adopt: bool) -> Self {
        Self { file: Some(file), adopt, ..self }
    }

    /// The place as a user writes it.
    pub fn place(&self) -> &Path {
        self.medium.place()
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.medium.path(name)
    }

    /// Tells whether there is a state here, sound or not.
    ///
    /// Errors: [`StateError::Unreadable`] and [`StateError::Bucket`].
    pub fn exists(&self) -> Result<bool, StateError> {
        Ok(self.medium.version(SNAPSHOT)?.is_some())
    }

    /// Takes the lock, and makes the place if it is missing. Others see `command` as its holder. It does not
    /// wait: use [`Store::contend`] for that.
    ///
    /// Errors: [`StateError::Locked`], or why the place cannot be written.
    pub fn lock(&self, command: &str) -> Result<LockGuard, StateError> {
        self.contend(Holder::this_process(command)).try_take()
    }

    /// A contender for the lock, which may wait for it.
    pub fn contend(&self, holder: Holder) -> Contender {
        Contender::new(Arc::clone(&self.medium), holder, self.adopt)
    }

    /// Reads the state; needs no lock. `None` if there never was one.
    ///
    /// Errors: every fault of the kept files, [`StateError::AnotherFile`] and [`StateError::Unreadable`].
    pub fn load(&self) -> Result<Option<Loaded>, StateError> {
        let Some(mut read) = self.read()? else { return Ok(None) };
        if let Some(file) = &self.file {
            match &read.snapshot.made_by {
                Some(other) if other != file && !self.adopt => {
                    return Err(StateError::AnotherFile {
                        path: self.place().to_owned(),
                        stack: read.snapshot.stack,
                        made_by: other.clone(),
                        file: file.clone(),
                    });
                }
                // Kept with the next snapshot.
                _ => read.snapshot.made_by = Some(file.clone()),
            }
        }
        Ok(Some(Loaded { snapshot: read.snapshot, open: read.open.into_vec(), torn: read.frames.torn }))
    }

    /// Records that the state belongs to this stack file from now on, if another one made it.
    ///
    /// Errors: those of [`Store::load`] and [`Store::checkpoint`].
    pub fn take_over(&self, lock: &LockGuard) -> Result<(), StateError> {
        let made_by = |read: &Read| read.snapshot.made_by.clone();
        let Some(made_by) = self.read()?.as_ref().map(made_by) else { return Ok(()) };
        match self.load()? {
            Some(mut loaded) if self.adopt && loaded.snapshot.made_by != made_by => {
                self.checkpoint(lock, &mut loaded.snapshot)
            }
            _ => Ok(()),
        }
    }

    fn read(&self) -> Result<Option<Read>, StateError> {
        let (kept, journal) = self.read_together()?;
        let (path, journal_path) = (self.path(SNAPSHOT), self.path(JOURNAL));
        let frames = frame::parse(&journal, &journal_path)?;
        let Some(kept) = kept else {
            let history = self.serials()?.pop().map(|serial| self.path(&history_name(serial)));
            let left = history.or_else(|| (!journal.is_empty()).then_some(journal_path));
            return match left {
                None => Ok(None),
                Some(left) => Err(StateError::Missing { path, left, help: self.how_to_restore() }),
            };
        };
        let mut snapshot = document::decode(&kept.bytes, &path, || self.how_to_restore())?;
        let serial = snapshot.serial;
        let open = frame::fold(&mut snapshot, &frames.frames, &journal_path)?;
        Ok(Some(Read { serial, snapshot, open, frames, journal }))
    }

    /// Reads a snapshot and a journal that belong together, even during a checkpoint. A checkpoint puts the
    /// new snapshot before it empties the journal, so a snapshot that is unchanged afterwards belongs to the
    /// journal read in between.
    fn read_together(&self) -> Result<(Option<Object>, Vec<u8>), StateError> {
        loop {
            let kept = self.medium.get(SNAPSHOT)?;
            let journal = self.medium.journal()?;
            if self.medium.version(SNAPSHOT)? == kept.as_ref().map(|kept| kept.version.clone()) {
                return Ok((kept, journal));
            }
        }
    }

    /// Starts a session, after checking that there is room. `snapshot` is that of [`Store::load`], or the
    /// stack's first one, which is put here. A torn tail is cut off. One session at a time: drop the journal
    /// before the next.
    ///
    /// Errors: [`StateError::Locked`] if the last session's journal is still open, [`StateError::Stale`] if
    /// the state has changed since it was loaded, [`StateError::TakenOver`], [`StateError::WrongLineage`],
    /// those of [`Store::load`], and why nothing can be written.
    pub fn begin_session(&self, lock: &LockGuard, mut snapshot: Snapshot) -> Result<Journal, StateError> {
        if lock.in_session() {
            return Err(lock::locked_by(self.place().to_owned(), lock.holder().clone()));
        }
        self.medium.probe()?;
        lock.held().verify()?;
        // Opened before it is read: a late holder's writes from here on are refused or do not count.
        let mut journal = self.medium.open_journal(lock.fence())?;
        let mut followed =
            Followed { sequence: snapshot.sequence, open: OpenOperations::default(), empty: true };
        match self.read()? {
            Some(there) => {
                self.same_lineage(&there.snapshot, &snapshot)?;
                if (there.serial, there.snapshot.sequence) != (snapshot.serial, snapshot.sequence) {
                    return Err(StateError::Stale { path: self.place().to_owned() });
                }
                if !there.journal.is_empty() {
                    journal.go_on(there.journal.get(..there.frames.sound).unwrap_or_default())?;
                }
                followed.open = there.open;
                followed.empty = there.journal.is_empty();
            }
            None => {
                snapshot.taken_at = clock::now();
                snapshot.made_by.clone_from(&self.file);
                snapshot.written_by = lock.holder().written_by();
                let bytes = document::encode(&snapshot)?;
                if self.medium.put(SNAPSHOT, &bytes, Only::Absent)?.is_none() {
                    return Err(StateError::Stale { path: self.place().to_owned() });
                }
                self.medium.put(&history_name(snapshot.serial), &bytes, Only::Always)?;
            }
        }
        *lock.held().followed() = Some(followed);
        Journal::start(journal, self.path(JOURNAL), snapshot, Arc::clone(lock.held()))
    }

    /// Keeps the snapshot under the next serial, and empties the journal if all of it is folded in and no
    /// operation is open. During a session the snapshot is [`Journal::snapshot`]'s.
    ///
    /// Errors: [`StateError::WrongLineage`], [`StateError::TakenOver`], or why it cannot be written. The
    /// state is then the old one, or the new one with the journal still there; both are readable.
    pub fn checkpoint(&self, lock: &LockGuard, snapshot: &mut Snapshot) -> Result<(), StateError> {
        self.checkpoint_in_stages(lock, snapshot, &mut |_| ())
    }

    pub(super) fn checkpoint_in_stages(
        &self,
        lock: &LockGuard,
        snapshot: &mut Snapshot,
        after: &mut dyn FnMut(Stage),
    ) -> Result<(), StateError> {
        let followed = self.followed(lock, snapshot)?;
        if followed.open.is_empty() && followed.sequence <= snapshot.sequence {
            snapshot.closed = snapshot.sequence;
        }
        let serials = self.serials()?;
        let bytes = loop {
            let (there, version) = self.there(snapshot)?;
            // Checked after the read: another process's later snapshot has another version.
            lock.held().verify()?;
            // Above the kept serials too: after an older one was restored, the later ones stay.
            let last = snapshot.serial.max(there).max(serials.last().copied().unwrap_or_default());
            let next = Snapshot {
                serial: last.saturating_add(1),
                taken_at: clock::now(),
                written_by: lock.holder().written_by(),
                ..snapshot.clone()
            };
            let bytes = document::encode(&next)?;
            let only = version.as_ref().map_or(Only::Absent, Only::If);
            if self.medium.put(SNAPSHOT, &bytes, only)?.is_some() {
                *snapshot = next;
                break bytes;
            }
            // Another writer was first: one that took over, which is seen above, or a late one with the
            // records that the journal had by then.
        };
        after(Stage::Put);
        self.medium.put(&history_name(snapshot.serial), &bytes, Only::Always)?;
        self.forget_old_serials(serials)?;
        after(Stage::Kept);
        if !followed.empty && snapshot.closed == snapshot.sequence {
            self.empty_journal(lock, snapshot)?;
        }
        after(Stage::Emptied);
        Ok(())
    }

    /// The content of the journal.
    fn followed(&self, lock: &LockGuard, snapshot: &Snapshot) -> Result<Followed, StateError> {
        if let Some(followed) = lock.held().followed().clone() {
            return Ok(followed);
        }
        let journal = self.medium.journal()?;
        let path = self.path(JOURNAL);
        let mut folded = snapshot.clone();
        let open = frame::fold(&mut folded, &frame::parse(&journal, &path)?.frames, &path)?;
        Ok(Followed { sequence: folded.sequence, open, empty: journal.is_empty() })
    }

    /// The serial and the version of the stored snapshot.
    fn there(&self, given: &Snapshot) -> Result<(u64, Option<Version>), StateError> {
        let Some(object) = self.medium.get(SNAPSHOT)? else { return Ok((0, None)) };
        let there = document::decode(&object.bytes, &self.path(SNAPSHOT), || self.how_to_restore())?;
        self.same_lineage(&there, given)?;
        Ok((there.serial, Some(object.version)))
    }

    fn empty_journal(&self, lock: &LockGuard, snapshot: &Snapshot) -> Result<(), StateError> {
        let held = lock.held();
        let _turn = held.turn();
        let mut followed = held.followed();
        // More records may have been written since.
        if followed.as_ref().is_some_and(|one| one.sequence > snapshot.sequence || !one.open.is_empty()) {
            return Ok(());
        }
        self.medium.empty_journal(&|| held.verify())?;
        if let Some(followed) = &mut *followed {
            followed.empty = true;
        }
        Ok(())
    }

    pub(super) fn same_lineage(&self, there: &Snapshot, given: &Snapshot) -> Result<(), StateError> {
        match there.lineage == given.lineage {
            true => Ok(()),
            false => Err(StateError::WrongLineage {
                path: self.path(SNAPSHOT),
                expected: given.lineage.clone(),
                found: there.lineage.clone(),
            }),
        }
    }
}

pub(super) fn history_name(serial: u64) -> String {
    format!("history/{serial:08}.json")
}

/// The result of [`Store::read`].
struct Read {
    /// The serial of the stored snapshot.
    serial: u64,
    /// With the journal folded in.
    snapshot: Snapshot,
    open: OpenOperations,
    frames: Frames,
    journal: Vec<u8>,
}
