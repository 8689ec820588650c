//! Threads that serve connections, each with a runtime of its own. A connection and those to its targets stay
//! on one thread, which saves a third of the time of a request that moves between threads.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// More are of no use next to the targets on the same machine.
pub const MOST: usize = 8;

thread_local! {
    static NUMBER: Cell<usize> = const { Cell::new(0) };
}

/// The number of the thread that asks, below [`MOST`].
pub fn number() -> usize {
    NUMBER.get()
}

/// The threads.
#[derive(Debug)]
pub struct Workers {
    handles: Vec<Handle>,
    threads: Mutex<Vec<Thread>>,
    turn: AtomicUsize,
}

#[derive(Debug)]
struct Thread {
    /// Dropped to end it.
    goes_on: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Workers {
    /// Starts one for each processor. If the system gives no thread, the caller's runtime serves the
    /// connections.
    pub fn start() -> Self {
        let count = std::thread::available_parallelism().map_or(1, usize::from).min(MOST);
        let (mut handles, threads): (Vec<_>, Vec<_>) = (0..count).filter_map(start).unzip();
        if handles.is_empty() {
            handles.push(Handle::current());
        }
        Self { handles, threads: Mutex::new(threads), turn: AtomicUsize::new(0) }
    }

    /// Runs a task on the next thread, until it ends or the threads do.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let turn = self.turn.fetch_add(1, Relaxed);
        if let Some(handle) = self.handles.get(turn % self.handles.len()) {
            handle.spawn(task);
        }
    }

    /// Ends the threads and all their tasks, and waits for it.
    pub fn end(&self) {
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for Thread { goes_on, thread } in threads {
            drop(goes_on);
            // An error would be a panic of a task, which the runtime keeps to itself.
            let _ = thread.join();
        }
    }
}

fn start(number: usize) -> Option<(Handle, Thread)> {
    let runtime = Builder::new_current_thread().enable_all().build().ok()?;
    let handle = runtime.handle().clone();
    let (goes_on, ended) = oneshot::channel();
    let thread = std::thread::Builder::new().name(format!("balancer-{number}")).spawn(move || {
        NUMBER.set(number);
        // The sender is dropped without a word.
        let _ = runtime.block_on(ended);
    });
    Some((handle, Thread { goes_on, thread: thread.ok()? }))
}
