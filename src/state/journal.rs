//! The journal that a session writes: an entry is on the disk when `append` returns.
//!
//! In: entries from any number of tasks. Out: records in one order, and the snapshot that they fold to. One
//! thread writes; tasks that wait while it syncs share the next sync. It never continues after a failed write
//! or sync, because the content of the disk is then unknown.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::entry::Entry;
use super::error::StateError;
use super::file;
use super::frame::{self, Frame};
use super::lock::{Followed, Held};
use super::medium::Append;
use super::record::Snapshot;
use crate::clock;

/// An open journal; share it by reference or in an `Arc`. It holds the lock with its guard, and dropping it
/// waits for the entries handed in.
#[derive(Debug)]
pub struct Journal {
    /// `None` only while dropping.
    queue: Option<Sender<Waiting>>,
    writer: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
    held: Arc<Held>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    snapshot: Mutex<Snapshot>,
    syncs: AtomicU64,
}

#[derive(Debug)]
struct Waiting {
    entry: Entry,
    answer: oneshot::Sender<Result<(), StateError>>,
}

impl Journal {
    /// Starts a journal whose `file` ends after a whole record; `snapshot` has all records folded in.
    pub(super) fn start(
        file: Box<dyn Append>,
        path: PathBuf,
        snapshot: Snapshot,
        held: Arc<Held>,
    ) -> Result<Self, StateError> {
        let (queue, waiting) = mpsc::channel();
        let shared = Arc::new(Shared { path, snapshot: Mutex::new(snapshot), syncs: AtomicU64::new(0) });
        let writer = Writer { file, held: Arc::clone(&held), shared: Arc::clone(&shared) };
        let writer = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.run(&waiting))
            .map_err(|error| file::unwritable(&shared.path, &error))?;
        Ok(Self { queue: Some(queue), writer: Some(writer), shared, held })
    }

    /// Appends the entry. Once this was polled the entry is written, even if the future is dropped.
    ///
    /// Errors: [`StateError::NotStorable`] for an entry that could not be read back, which affects no other;
    /// [`StateError::Full`] and [`StateError::Unwritable`] for entries whose write failed;
    /// [`StateError::TakenOver`] if the lock was taken over; [`StateError::JournalClosed`] for every later
    /// entry.
    pub async fn append(&self, entry: Entry) -> Result<(), StateError> {
        frame::check(&entry)?;
        let (answer, answered) = oneshot::channel();
        let handed_in =
            self.queue.as_ref().is_some_and(|queue| queue.send(Waiting { entry, answer }).is_ok());
        match answered.await {
            Ok(result) if handed_in => result,
            _ => Err(StateError::JournalClosed {
                path: self.shared.path.clone(),
                reason: "its writer has stopped".to_owned(),
            }),
        }
    }

    /// The state with every durable record folded in, for a checkpoint.
    pub fn snapshot(&self) -> Snapshot {
        self.shared.snapshot().clone()
    }

    /// Answers from the same state without a copy; nothing is written meanwhile.
    pub fn look<T>(&self, answer: impl FnOnce(&Snapshot) -> T) -> T {
        answer(&self.shared.snapshot())
    }

    /// Checks that this process still holds the lock.
    ///
    /// Errors: [`StateError::TakenOver`], or why it cannot be checked.
    pub fn verify(&self) -> Result<(), StateError> {
        self.held.verify()
    }

    /// Number of syncs to the disk.
    pub fn syncs(&self) -> u64 {
        self.shared.syncs.load(Ordering::Relaxed)
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(writer) = self.writer.take() {
            // A panic of the writer was answered to the waiting tasks.
            let _ = writer.join();
        }
    }
}

impl Shared {
    fn snapshot(&self) -> MutexGuard<'_, Snapshot> {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Writer {
    file: Box<dyn Append>,
    held: Arc<Held>,
    shared: Arc<Shared>,
}

impl Writer {
    fn run(mut self, queue: &Receiver<Waiting>) {
        let mut closed: Option<StateError> = None;
        while let Ok(first) = queue.recv() {
            let held = Arc::clone(&self.held);
            let _turn = held.turn();
            let batch: Vec<Waiting> = std::iter::once(first).chain(queue.try_iter()).collect();
            let written = match &closed {
                None => self.write(&batch),
                Some(closed) => Err(closed.clone()),
            };
            if let (Err(error), None) = (&written, &closed) {
                closed = Some(match error {
                    StateError::TakenOver { .. } => error.clone(),
                    _ => StateError::JournalClosed {
                        path: self.shared.path.clone(),
                        reason: error.to_string(),
                    },
                });
            }
            for waiting in batch {
                // A cancelled task no longer waits for its entry.
                let _ = waiting.answer.send(written.clone());
            }
        }
    }

    /// Writes all entries with one write and one sync, then folds them in, in order. Entries written after
    /// the lock was taken over must not be acted on, so the lock is checked before and after.
    fn write(&mut self, batch: &[Waiting]) -> Result<(), StateError> {
        self.held.verify()?;
        let path = &self.shared.path;
        let (lineage, last) = {
            let snapshot = self.shared.snapshot();
            (snapshot.lineage.clone(), snapshot.sequence)
        };
        let mut frames = Vec::new();
        for (sequence, waiting) in (last.saturating_add(1)..).zip(batch) {
            let (lineage, entry, fence) = (lineage.clone(), waiting.entry.clone(), self.held.fence);
            frames.push(Frame { sequence, fence, lineage, at: clock::now(), entry });
        }
        let mut bytes = Vec::new();
        for frame in &frames {
            bytes.extend(frame::encode(frame).map_err(|error| file::unwritable(path, &error.into()))?);
        }
        self.shared.syncs.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = self.file.append(&bytes) {
            return Err(match error {
                // Its lock names the process that took over.
                StateError::TakenOver { .. } => self.held.lost().unwrap_or(error),
                error => error,
            });
        }
        self.held.verify()?;
        let mut snapshot = self.shared.snapshot();
        for frame in &frames {
            snapshot.sequence = frame.sequence;
            if let Some(change) = frame.entry.change() {
                snapshot.apply(change);
            }
        }
        if let Some(Followed { sequence, open, empty }) = &mut *self.held.followed() {
            *empty = false;
            for frame in &frames {
                *sequence = frame.sequence;
                open.follow(frame.at, &frame.entry);
            }
        }
        Ok(())
    }
}
