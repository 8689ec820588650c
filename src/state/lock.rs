//! One writer at a time: a file that the kernel locks for as long as the process lives.
//!
//! In: a command's name. Out: a guard, or who has it. It never waits and never breaks a lock: the
//! kernel frees it when its holder ends, however it ends.

use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

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
    fn this_process(command: &str) -> Self {
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

/// The right to write one state folder, until it is dropped.
#[derive(Debug)]
pub struct LockGuard {
    file: File,
    holder: Holder,
    /// Held over each write to the journal, so that a checkpoint does not empty it under one.
    pub(super) journal: Arc<Mutex<()>>,
}

impl LockGuard {
    /// Who is written in the lock: this process.
    pub fn holder(&self) -> &Holder {
        &self.holder
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
        Ok(Self { file, holder, journal: Arc::default() })
    }
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        // The next holder writes its own name; until then nobody should read ours.
        let _ = self.file.set_len(0);
    }
}

fn locked(folder: &Path, file: &mut File) -> StateError {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.read_to_string(&mut text));
    let holder = read.ok().and_then(|_| serde_json::from_str::<Holder>(&text).ok());
    let help = match &holder {
        Some(Holder { host, pid, .. }) => format!(
            "nothing was changed. Wait until it ends; if it hangs, `kill -INT {pid}` on {host} lets it finish what is under way and free the lock. A dead process holds no lock"
        ),
        None => "nothing was changed. It began or ended just now: run the command again".to_owned(),
    };
    StateError::Locked { path: folder.to_owned(), holder: holder.map(Box::new), help }
}
