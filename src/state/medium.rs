//! What a state needs of the place that it is kept in: objects by name, put only where nobody else
//! was faster, a journal that grows, and locks that are renewed.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::StateError;

/// Differs whenever an object differs.
pub(super) type Version = String;

/// One object as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    pub bytes: Vec<u8>,
    pub version: Version,
}

/// What must hold for an object to be put.
#[derive(Debug, Clone, Copy)]
pub(super) enum Only<'a> {
    Always,
    /// There is none of this name.
    Absent,
    /// It is still this version.
    If(&'a Version),
}

/// A folder, or a prefix in a bucket. Names are relative, such as `history/00000007.json`; an object is
/// there as a whole or not at all, and durable when `put` returns.
pub(super) trait Medium: fmt::Debug + Send + Sync {
    /// Where it is, as people write it.
    fn place(&self) -> &Path;

    fn path(&self, name: &str) -> PathBuf {
        self.place().join(name)
    }

    /// Makes the place where it is missing. One that is another user's is taken only to `adopt` it.
    fn prepare(&self, adopt: bool) -> Result<(), StateError>;

    /// Shows that there is room to write, before anything depends on it.
    fn probe(&self) -> Result<(), StateError>;

    fn get(&self, name: &str) -> Result<Option<Object>, StateError>;

    fn version(&self, name: &str) -> Result<Option<Version>, StateError>;

    /// The new version, or none where the condition does not hold.
    fn put(&self, name: &str, bytes: &[u8], only: Only<'_>) -> Result<Option<Version>, StateError>;

    /// The names in a folder, without it; none where there is no such folder.
    fn names(&self, folder: &str) -> Result<Vec<String>, StateError>;

    /// Whether it was there.
    fn delete(&self, name: &str) -> Result<bool, StateError>;

    /// All of the journal.
    fn journal(&self) -> Result<Vec<u8>, StateError>;

    /// Opens the journal for the holder of the lock with this number. What an earlier holder writes
    /// from now on is refused, where the medium can.
    fn open_journal(&self, fence: u64) -> Result<Box<dyn Append>, StateError>;

    /// Takes all records away if, once they are known, it still `may`: what somebody else appends after that
    /// stays, where the medium can.
    fn empty_journal(&self, may: &dyn Fn() -> Result<(), StateError>) -> Result<(), StateError>;

    /// Puts a lock where there is none of that name, and holds it; none where there is one.
    fn claim(&self, name: &str, bytes: &[u8]) -> Result<Option<Box<dyn Claim>>, StateError>;

    /// Whether the process that claimed a lock still has it, where that can be known.
    fn is_held(&self, name: &str) -> Result<Option<bool>, StateError>;

    /// How long a lock that is not renewed is its holder's.
    fn lease(&self) -> Duration {
        super::lock::TTL
    }

    /// The time between two renewals of a lock.
    fn beat(&self) -> Duration;

    /// For how long after a renewal a holder need not look whether the lock is still its own.
    fn trust(&self) -> Duration;
}

/// The journal, opened for appending.
pub(super) trait Append: fmt::Debug + Send {
    /// Goes on after what an earlier session has left, of which these bytes are sound.
    fn go_on(&mut self, sound: &[u8]) -> Result<(), StateError> {
        self.cut(sound)
    }

    /// What is there is these bytes from now on: a sound part of what was.
    fn cut(&mut self, sound: &[u8]) -> Result<(), StateError>;

    /// Durable when it returns.
    fn append(&mut self, bytes: &[u8]) -> Result<(), StateError>;
}

/// A lock that this process has put.
pub(super) trait Claim: fmt::Debug + Send {
    /// Gives it a new version, with these bytes where the medium needs others. False where it is
    /// somebody else's by now.
    fn renew(&mut self, bytes: &[u8]) -> Result<bool, StateError>;

    /// Whether it ended well is no matter: a lock that is not renewed ends by itself.
    fn release(&mut self, bytes: &[u8]);
}
