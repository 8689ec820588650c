//! The folder of a sandbox, and who runs in it.
//!
//! `sandbox.lock` is held by the daemon for as long as it lives: that alone says whether one runs.
//! `sandbox.json` says which; a record without a holder is what a killed daemon left.

use std::fs::{DirBuilder, File, TryLockError};
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cli::context::reason;
use crate::cli::{CliError, Global};
use crate::clock;
use crate::sandbox::control::Client;

/// A sandbox's folder, which need not exist yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    pub folder: PathBuf,
}

/// A daemon, as it says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub pid: u32,
    pub port: u16,
    pub started: Timestamp,
    pub version: String,
}

/// Whether a daemon runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// None has it, and the last one ended in order.
    Down,
    /// None has it, and the last one was killed.
    Killed(Record),
    Runs(Record),
    /// One has it and has not said yet where it listens.
    Starts,
}

/// The daemon's hold on its folder.
#[derive(Debug)]
pub struct Held {
    home: Home,
    _lock: File,
}

/// How long a lock that is only looked at may be in the way.
const LOOKS: [Duration; 4] = [Duration::from_millis(20); 4];

impl Record {
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn client(&self) -> Client {
        Client::new(self.port)
    }
}

impl Home {
    /// `--dir`, else BGFORM_SANDBOX_DIR, else `bgform/sandbox` in the user's folder of data.
    pub fn of(dir: Option<&Path>) -> Result<Self, CliError> {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let data = || variable("XDG_DATA_HOME").or_else(|| Some(variable("HOME")?.join(".local/share")));
        let folder = dir
            .map(Path::to_path_buf)
            .or_else(|| variable("BGFORM_SANDBOX_DIR"))
            .or_else(|| Some(data()?.join("bgform/sandbox")))
            .ok_or_else(|| {
                CliError::usage(
                    "bgform::sandbox::no_folder",
                    "there is no HOME to keep the sandbox in",
                    "name a folder with --dir or BGFORM_SANDBOX_DIR",
                )
            })?;
        Ok(Self { folder: std::path::absolute(&folder).unwrap_or(folder) })
    }

    /// The one that commands with `--sandbox` use.
    pub fn of_environment() -> Result<Self, CliError> {
        Self::of(None)
    }

    /// Where the state of stacks is that are applied in it.
    pub fn stack_state(&self) -> PathBuf {
        self.folder.join("state")
    }

    pub fn log(&self) -> PathBuf {
        self.folder.join("sandbox.log")
    }

    fn lock(&self) -> PathBuf {
        self.folder.join("sandbox.lock")
    }

    fn record(&self) -> PathBuf {
        self.folder.join("sandbox.json")
    }

    /// Why the folder cannot be used, and what to do.
    pub fn cannot(&self, what: &'static str) -> impl FnOnce(std::io::Error) -> CliError {
        let path = self.folder.clone();
        move |error| {
            let message = format!("`{}` cannot be {what}: {}", path.display(), reason(&error));
            let help = "see to the folder, or name another with --dir or BGFORM_SANDBOX_DIR";
            CliError::usage("bgform::sandbox::folder", message, help)
        }
    }

    /// Makes the folder. One that holds other things is refused: `reset` removes what is in it.
    pub fn make(&self) -> Result<(), CliError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.folder);
        made.map_err(self.cannot("made a sandbox's folder"))?;
        if self.lock().exists() {
            return Ok(());
        }
        let mut entries = std::fs::read_dir(&self.folder).map_err(self.cannot("read"))?;
        if entries.next().is_some() {
            return Err(CliError::usage(
                "bgform::sandbox::not_a_sandbox",
                format!("{} is no sandbox's folder: it has other things in it", self.folder.display()),
                "name a folder that is empty or does not exist",
            ));
        }
        File::create(self.lock()).map_err(self.cannot("written to"))?;
        Ok(())
    }

    /// Whether this is, or was, a sandbox's folder.
    pub fn exists(&self) -> bool {
        self.lock().exists()
    }

    /// Whether a daemon runs in it.
    pub fn standing(&self) -> Standing {
        let held = File::open(self.lock())
            .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)));
        let record = std::fs::read(self.record()).ok().and_then(|text| serde_json::from_slice(&text).ok());
        match (held, record) {
            (true, Some(record)) => Standing::Runs(record),
            (true, None) => Standing::Starts,
            (false, Some(record)) => Standing::Killed(record),
            (false, None) => Standing::Down,
        }
    }

    /// Takes the folder for the life of the value; None where a daemon has it.
    pub async fn hold(&self) -> Result<Option<Held>, CliError> {
        self.make()?;
        let file = File::options().write(true).open(self.lock()).map_err(self.cannot("written to"))?;
        for wait in LOOKS {
            match file.try_lock() {
                Ok(()) => return Ok(Some(Held { home: self.clone(), _lock: file })),
                Err(TryLockError::WouldBlock) => clock::sleep(wait).await,
                Err(TryLockError::Error(error)) => return Err(self.cannot("locked")(error)),
            }
        }
        Ok(None)
    }

    /// The running daemon.
    ///
    /// # Errors
    /// That none runs, or that it was killed, and what to do.
    pub fn running(&self) -> Result<Record, CliError> {
        match self.standing() {
            Standing::Runs(record) => Ok(record),
            Standing::Starts => Err(refused(
                "bgform::sandbox::starts",
                format!("the sandbox in {} is just starting or ending", self.folder.display()),
                "try again in a moment",
            )),
            Standing::Down => Err(refused(
                "bgform::sandbox::down",
                format!("no sandbox runs in {}", self.folder.display()),
                "`bgform sandbox up` starts one",
            )),
            Standing::Killed(record) => {
                let text = "`bgform sandbox up` goes on from its state; `bgform sandbox down` cleans up";
                Err(refused("bgform::sandbox::killed", self.killed(&record), text))
            }
        }
    }

    /// What a killed daemon is told of as.
    pub fn killed(&self, record: &Record) -> String {
        let (pid, at) = (record.pid, record.started);
        format!("the sandbox in {} was killed (process {pid}, started {at:.0})", self.folder.display())
    }
}

impl Held {
    /// Writes down where the daemon is reached.
    pub fn record(&self, record: &Record) -> Result<(), CliError> {
        let write = || -> std::io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(&self.home.folder)?;
            serde_json::to_writer(&mut file, record)?;
            file.write_all(b"\n")?;
            file.persist(self.home.record()).map_err(|error| error.error)?;
            Ok(())
        };
        write().map_err(self.home.cannot("written to"))
    }

    /// Removes the record: nobody can be reached.
    pub fn forget(&self) -> Result<(), CliError> {
        match std::fs::remove_file(self.home.record()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(self.home.cannot("written to")(error))
            }
            _ => Ok(()),
        }
    }
}

pub fn refused(code: &'static str, message: impl Into<String>, help: impl Into<String>) -> CliError {
    CliError::Refused { code, message: message.into(), help: help.into() }
}

/// The region that a command is for.
pub fn region(global: &Global) -> String {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let given = global.region.clone();
    given
        .or_else(|| variable("AWS_REGION"))
        .or_else(|| variable("AWS_DEFAULT_REGION"))
        .unwrap_or_else(|| "us-east-1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record { pid: 7, port: 4577, started: Timestamp::UNIX_EPOCH, version: "0.1.0".to_owned() }
    }

    #[tokio::test]
    async fn the_lock_says_who_runs_and_the_record_who_was_killed() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home { folder: folder.path().join("new/sandbox") };
        assert_eq!(home.standing(), Standing::Down);
        let held = home.hold().await.unwrap().unwrap();
        assert_eq!(home.standing(), Standing::Starts);
        held.record(&record()).unwrap();
        assert_eq!(home.standing(), Standing::Runs(record()));
        assert!(home.hold().await.unwrap().is_none(), "one daemon in a folder");
        drop(held);
        assert_eq!(home.standing(), Standing::Killed(record()));
        home.hold().await.unwrap().unwrap().forget().unwrap();
        assert_eq!(home.standing(), Standing::Down);
    }

    #[test]
    fn a_folder_of_other_things_is_nobodys_sandbox() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home { folder: folder.path().to_owned() };
        File::create(folder.path().join("thesis.txt")).unwrap();
        assert!(home.make().unwrap_err().to_string().contains("other things"));
        assert!(!home.exists());
    }
}
