//! A state in a folder of this machine: `snapshot.json`, `journal.jsonl`, `history/`, `locks/`, `mailbox/`.
//! The kernel's lock on a lock's file shows at once whether its holder lives.

use std::fs::{File, Metadata, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, futimens};

use super::error::StateError;
use super::file::{self, unwritable};
use super::medium::{Append, Claim, Medium, Object, Only, Version};

const JOURNAL: &str = "journal.jsonl";

#[derive(Debug)]
pub(super) struct Folder(pub PathBuf);

fn version(meta: &Metadata) -> Version {
    format!("{}-{}.{:09}-{}", meta.ino(), meta.mtime(), meta.mtime_nsec(), meta.len())
}

impl Folder {
    fn meta(&self, name: &str) -> Result<Option<Metadata>, StateError> {
        let path = self.path(name);
        match std::fs::metadata(&path) {
            Ok(meta) => Ok(Some(meta)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(file::unreadable(&path, &error)),
        }
    }

    /// Creates `name` if it is free; the file is open and has the kernel's lock.
    fn create(&self, name: &str, bytes: &[u8]) -> Result<Option<File>, StateError> {
        let path = self.path(name);
        let folder = file::parent(&path);
        file::create_folder(folder)?;
        let failed = |error: std::io::Error| unwritable(&path, &error);
        let staged = file::stage(folder, bytes).map_err(failed)?;
        match staged.as_file().try_lock() {
            Ok(()) => {}
            // No other process knows the new file.
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        match staged.persist_noclobber(&path) {
            Ok(file) => {
                file::sync_folder(folder)?;
                Ok(Some(file))
            }
            Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(None),
            Err(error) => Err(failed(error.error)),
        }
    }
}

impl Medium for Folder {
    fn place(&self) -> &Path {
        &self.0
    }

    fn prepare(&self, adopt: bool) -> Result<(), StateError> {
        if !self.0.is_dir() {
            file::create_folder(&self.0)?;
            // The state belongs to one machine, and holds secrets.
            self.create(".gitignore", b"*\n")?;
        }
        match file::other_owner(&self.0)? {
            Some(owner) if !adopt => Err(StateError::AnotherOwner {
                path: self.0.clone(),
                owner,
                user: rustix::process::geteuid().as_raw(),
            }),
            _ => Ok(()),
        }
    }

    fn probe(&self) -> Result<(), StateError> {
        file::probe(&self.0)
    }

    fn get(&self, name: &str) -> Result<Option<Object>, StateError> {
        loop {
            let Some(meta) = self.meta(name)? else { return Ok(None) };
            let Some(bytes) = file::read(&self.path(name))? else { return Ok(None) };
            // If it was replaced in between, the bytes are not of that version.
            if self.meta(name)?.is_some_and(|after| version(&after) == version(&meta)) {
                return Ok(Some(Object { bytes, version: version(&meta) }));
            }
        }
    }

    fn version(&self, name: &str) -> Result<Option<Version>, StateError> {
        Ok(self.meta(name)?.as_ref().map(version))
    }

    fn put(&self, name: &str, bytes: &[u8], only: Only<'_>) -> Result<Option<Version>, StateError> {
        let path = self.path(name);
        match only {
            Only::Absent => {
                if self.create(name, bytes)?.is_none() {
                    return Ok(None);
                }
            }
            Only::If(version) if self.version(name)?.as_ref() != Some(version) => return Ok(None),
            Only::If(_) | Only::Always => {
                file::create_folder(file::parent(&path))?;
                file::replace(&path, bytes)?;
            }
        }
        self.version(name)
    }

    fn names(&self, folder: &str) -> Result<Vec<String>, StateError> {
        file::names(&self.path(folder))
    }

    fn delete(&self, name: &str) -> Result<bool, StateError> {
        let path = self.path(name);
        match std::fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(unwritable(&path, &error)),
        }
    }

    fn journal(&self) -> Result<Vec<u8>, StateError> {
        Ok(file::read(&self.path(JOURNAL))?.unwrap_or_default())
    }

    fn open_journal(&self, _fence: u64) -> Result<Box<dyn Append>, StateError> {
        let path = self.path(JOURNAL);
        let file = file::open_append(&path)?;
        file::sync_folder(&self.0)?;
        Ok(Box::new(Appender { file, path }))
    }

    fn empty_journal(&self, may: &dyn Fn() -> Result<(), StateError>) -> Result<(), StateError> {
        let path = self.path(JOURNAL);
        let file = file::open_append(&path)?;
        may()?;
        file.set_len(0).and_then(|()| file.sync_all()).map_err(|error| unwritable(&path, &error))
    }

    fn claim(&self, name: &str, bytes: &[u8]) -> Result<Option<Box<dyn Claim>>, StateError> {
        let Some(file) = self.create(name, bytes)? else { return Ok(None) };
        Ok(Some(Box::new(Held { file, path: self.path(name) })))
    }

    fn is_held(&self, name: &str) -> Result<Option<bool>, StateError> {
        let path = self.path(name);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Some(false)),
            Err(error) => return Err(file::unreadable(&path, &error)),
        };
        Ok(match file.try_lock_shared() {
            Ok(()) => Some(false),
            Err(TryLockError::WouldBlock) => Some(true),
            // A file system without locks.
            Err(TryLockError::Error(_)) => None,
        })
    }

    fn beat(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn trust(&self) -> Duration {
        // A check is cheap here.
        Duration::ZERO
    }
}

/// The journal's file; every write is synced.
#[derive(Debug)]
pub(super) struct Appender {
    pub file: File,
    pub path: PathBuf,
}

impl Append for Appender {
    fn cut(&mut self, sound: &[u8]) -> Result<(), StateError> {
        // A new file, not a shorter one: after a failed sync the system may show bytes that are not on the
        // disk.
        file::replace(&self.path, sound)?;
        self.file = file::open_append(&self.path)?;
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        self.file
            .write_all(bytes)
            .and_then(|()| self.file.sync_data())
            .map_err(|error| unwritable(&self.path, &error))
    }
}

/// A lock's file, with the kernel's lock on it while the process lives.
#[derive(Debug)]
struct Held {
    file: File,
    path: PathBuf,
}

impl Claim for Held {
    fn renew(&mut self, _bytes: &[u8]) -> Result<bool, StateError> {
        let now = |tv_nsec| Timespec { tv_sec: 0, tv_nsec };
        let times = Timestamps { last_access: now(UTIME_OMIT), last_modification: now(UTIME_NOW) };
        futimens(&self.file, &times).map_err(|error| unwritable(&self.path, &error.into()))?;
        Ok(true)
    }

    fn release(&mut self, _bytes: &[u8]) {
        // The kernel unlocks it when the file is closed.
        let _ = self.file.unlock();
    }
}
