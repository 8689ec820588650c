//! The state of a stack: a snapshot, its history, a journal of operations, and the lock that makes one
//! process its writer.
//!
//! In: changes and operations from apply, recovery and the `state` commands. Out: the state, which is the
//! snapshot with the journal's later records folded in, and the open operations. It never calls the cloud
//! and never decides about an open operation.
//!
//! A session, from the first line to the last:
//!
//! ```no_run
//! # use bgform::state::*;
//! # async fn session(entry: Entry) -> Result<(), StateError> {
//! let store = Store::at("state/shop");
//! let lock = store.lock("bgform apply")?;
//! let snapshot = match store.load()? {
//!     Some(loaded) => loaded.snapshot, // and `loaded.open` goes to recovery
//!     None => Snapshot::new("shop", "123456789012", "eu-central-1", None),
//! };
//! let journal = store.begin_session(&lock, snapshot)?;
//! journal.append(entry).await?; // durable from here on
//! let mut snapshot = journal.snapshot();
//! store.checkpoint(&lock, &mut snapshot)?;
//! # Ok(())
//! # }
//! ```

mod bucket;
mod document;
mod entry;
mod error;
mod file;
mod folder;
mod frame;
mod history;
mod journal;
mod lock;
mod medium;
mod migrate;
mod post;
mod record;
mod restore;
mod store;

pub use bucket::BucketSettings;
pub use entry::{Action, Begin, Call, Entry, Made, OpenOperation};
pub use error::StateError;
pub use history::HistoryEntry;
pub use journal::Journal;
pub use lock::{Contender, Holder, LockGuard, TTL};
pub use record::{Change, Deposed, FORMAT_VERSION, Record, Snapshot, Unseen, WrittenBy};
pub use restore::Restored;
pub use store::{Loaded, Store};

#[cfg(test)]
mod tests;
