//! One writer at a time: a file that the kernel locks for as long as the process lives.
//!
//! In: a command's name. Out: a guard, or who has it. It never waits and never breaks a lock: the
//! kernel frees it when its holder ends, however it ends.

use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::StateError;
use super::file;
use super::record::WrittenBy;
use crate::clock;

/// Who holds a lock, as it says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub host: String,
    pub user: String,
    pub pid: u32,
    pub command: String,
    pub since: Timestamp,
}

impl Holder {
    /// This process, as it says of itself.
    pub fn this_process(command: &str) -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
        let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
        let host = kernel.map(|name| name.trim().to_owned()).or_else(|| variable("HOSTNAME"));
        Self {
            host: host.unwrap_or_else(|| "unknown".to_owned()),
            user: variable("USER").or_else(|| variable("LOGNAME")).unwrap_or_else(|| "unknown".to_owned()),
            pid: std::process::id(),
            command: command.to_owned(),
            since: clock::now(),
        }
    }

    pub(super) fn written_by(&self) -> WrittenBy {
        WrittenBy {
            bgform: env!("CARGO_PKG_VERSION").to_owned(),
            host: self.host.clone(),
            user: self.user.clone(),
            command: self.command.clone(),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, user, pid, command, since } = self;
        write!(f, "`{command}` of {user} on {host} (process {pid}), since {since:.0}")
    }
}

/// The right to write one state folder, until it and the session's journal are dropped.
#[derive(Debug)]
pub struct LockGuard(Arc<Held>);

/// What the guard and the session's journal hold together.
#[derive(Debug)]
pub(super) struct Held {
    file: File,
    holder: Holder,
    /// Over each write to the journal, so that a checkpoint does not empty it under one.
    turn: Mutex<()>,
}

impl Held {
    pub(super) fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LockGuard {
    /// Who is written in the lock: this process.
    pub fn holder(&self) -> &Holder {
        &self.0.holder
    }

    pub(super) fn held(&self) -> &Arc<Held> {
        &self.0
    }

    /// Whether a session's journal is still open.
    pub(super) fn in_session(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    pub(super) fn take(folder: &Path, command: &str) -> Result<Self, StateError> {
        let path = folder.join("lock");
        let mut file = file::open_append(&path)?;
        let failed = |error: &std::io::Error| file::unwritable(&path, error);
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(locked(folder, &mut file)),
            Err(TryLockError::Error(error)) => return Err(failed(&error)),
        }
        let holder = Holder::this_process(command);
        let text = serde_json::to_string(&holder).unwrap_or_default() + "\n";
        file.set_len(0)
            .and_then(|()| file.write_all(text.as_bytes()))
            .and_then(|()| file.sync_all())
            .map_err(|error| failed(&error))?;
        Ok(Self(Arc::new(Held { file, holder, turn: Mutex::default() })))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // The next holder writes its own name; until then nobody should read ours.
        let _ = self.file.set_len(0);
    }
}

/// The refusal of the one who came second.
fn locked(folder: &Path, file: &mut File) -> StateError {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.read_to_string(&mut text));
    match read.ok().and_then(|_| serde_json::from_str(&text).ok()) {
        Some(holder) => locked_by(folder, holder),
        None => StateError::Locked {
            path: folder.to_owned(),
            holder: None,
            help: "nothing was changed. It began or ended just now: run the command again".to_owned(),
        },
    }
}

pub(super) fn locked_by(folder: &Path, holder: Holder) -> StateError {
    let Holder { host, pid, .. } = &holder;
    let help = format!(
        "nothing was changed. Wait until it ends; if it hangs, `kill -INT {pid}` on {host} lets it finish what is under way and free the lock. A dead process holds no lock"
    );
    StateError::Locked { path: folder.to_owned(), holder: Some(Box::new(holder)), help }
}
