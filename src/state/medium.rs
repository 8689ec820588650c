//! The storage of a state: objects by name with conditional puts, a journal that grows, and locks that are
//! renewed.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::StateError;

/// Changes whenever an object changes.
pub(super) type Version = String;

/// An object that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    pub bytes: Vec<u8>,
    pub version: Version,
}

/// The condition of a put.
#[derive(Debug, Clone, Copy)]
pub(super) enum Only<'a> {
    Always,
    /// No object has this name.
    Absent,
    /// The object still has this version.
    If(&'a Version),
}

/// A folder, or a prefix in a bucket. Names are relative, such as `history/00000007.json`. An object is whole
/// or missing, and durable when `put` returns.
pub(super) trait Medium: fmt::Debug + Send + Sync {
    /// The place as a user writes it.
    fn place(&self) -> &Path;

    fn path(&self, name: &str) -> PathBuf {
        self.place().join(name)
    }

    /// Makes the place if it is missing. Another user's place is accepted only to `adopt` it.
    fn prepare(&self, adopt: bool) -> Result<(), StateError>;

    /// Checks that there is room to write, before anything depends on it.
    fn probe(&self) -> Result<(), StateError>;

    fn get(&self, name: &str) -> Result<Option<Object>, StateError>;

    fn version(&self, name: &str) -> Result<Option<Version>, StateError>;

    /// Returns the new version, or `None` if the condition does not hold.
    fn put(&self, name: &str, bytes: &[u8], only: Only<'_>) -> Result<Option<Version>, StateError>;

    /// The names in a folder, without the folder; empty if it does not exist.
    fn names(&self, folder: &str) -> Result<Vec<String>, StateError>;

    /// Returns whether the object existed.
    fn delete(&self, name: &str) -> Result<bool, StateError>;

    /// The whole journal.
    fn journal(&self) -> Result<Vec<u8>, StateError>;

    /// Opens the journal for the holder of the lock with this number. Later writes of an earlier holder are
    /// refused, if the medium can do that.
    fn open_journal(&self, fence: u64) -> Result<Box<dyn Append>, StateError>;

    /// Deletes all records if `may` still succeeds once they are known. Records that another process appends
    /// after that stay, if the medium can do that.
    fn empty_journal(&self, may: &dyn Fn() -> Result<(), StateError>) -> Result<(), StateError>;

    /// Puts a lock and holds it; `None` if the name exists.
    fn claim(&self, name: &str, bytes: &[u8]) -> Result<Option<Box<dyn Claim>>, StateError>;

    /// Tells whether the process that claimed a lock still has it, if that can be known.
    fn is_held(&self, name: &str) -> Result<Option<bool>, StateError>;

    /// Time that a lock belongs to its holder without a renewal.
    fn lease(&self) -> Duration {
        super::lock::TTL
    }

    /// The time between two renewals of a lock.
    fn beat(&self) -> Duration;

    /// Time after a renewal within which a holder need not check its lock.
    fn trust(&self) -> Duration;
}

/// The journal, opened for appending.
pub(super) trait Append: fmt::Debug + Send {
    /// Continues after an earlier session, of whose records these bytes are sound.
    fn go_on(&mut self, sound: &[u8]) -> Result<(), StateError> {
        self.cut(sound)
    }

    /// Replaces the content by these bytes, a sound part of it.
    fn cut(&mut self, sound: &[u8]) -> Result<(), StateError>;

    /// Appends the bytes; they are durable when it returns.
    fn append(&mut self, bytes: &[u8]) -> Result<(), StateError>;
}

/// A lock that this process has put.
pub(super) trait Claim: fmt::Debug + Send {
    /// Gives the lock a new version, with these bytes if the medium needs others. Returns false if another
    /// process has taken it.
    fn renew(&mut self, bytes: &[u8]) -> Result<bool, StateError>;

    /// Gives the lock back. A failure does not matter: a lock that is not renewed expires.
    fn release(&mut self, bytes: &[u8]);
}
