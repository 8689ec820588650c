//! The journal that a session writes: an entry is on the disk when `append` returns.
//!
//! In: entries from any number of tasks. Out: records in one order, and the snapshot that they
//! fold to. One thread writes; whoever waits while it syncs shares the next sync. It never goes on
//! after a failed write or sync, because nobody knows then what the disk has.

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

/// An open journal; share it by reference or in an `Arc`. It holds the lock with its guard, and
/// dropping it waits for what was handed in.
#[derive(Debug)]
pub struct Journal {
    /// None only while dropping.
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
    /// `file` ends after a whole record, and `snapshot` has all of them folded in.
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

    /// Writes the entry down. Once this was polled the entry is written even if nobody waits on.
    ///
    /// Errors: [`StateError::NotStorable`] for an entry that could not be read again, which harms
    /// no other; [`StateError::Full`] and [`StateError::Unwritable`] for those whose write failed,
    /// [`StateError::TakenOver`] where the lock is somebody else's by now, [`StateError::JournalClosed`]
    /// for every later one.
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

    /// The state with every durable record folded in: what a checkpoint takes.
    pub fn snapshot(&self) -> Snapshot {
        self.shared.snapshot().clone()
    }

    /// Answers from the same without a copy of it; nothing is written meanwhile.
    pub fn look<T>(&self, answer: impl FnOnce(&Snapshot) -> T) -> T {
        answer(&self.shared.snapshot())
    }

    /// Looks whether the lock is still this process's.
    ///
    /// Errors: [`StateError::TakenOver`], or why it cannot be looked at.
    pub fn verify(&self) -> Result<(), StateError> {
        self.held.verify()
    }

    /// How often the disk was asked to sync.
    pub fn syncs(&self) -> u64 {
        self.shared.syncs.load(Ordering::Relaxed)
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(writer) = self.writer.take() {
            // A panic there has been answered to whoever waited.
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
                // Nobody waits for an entry whose task was cancelled.
                let _ = waiting.answer.send(written.clone());
            }
        }
    }

    /// One write and one sync for all of them; then they are folded in, in their order. What was written
    /// after somebody else took over is nothing that may be acted on, so the lock is looked at on
    /// both sides.
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
                // Who that was is in its lock.
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
