//! The folder of a sandbox, and its daemon.
//!
//! The daemon holds `sandbox.lock` while it lives: only the lock tells whether one runs. `sandbox.json`
//! describes it; a record without a holder is left by a killed daemon. `sandbox.key` is the access key, which
//! only the folder's owner can read. It outlives the daemon, so that shells that have it reach the next one.

use std::fs::{DirBuilder, File, Permissions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rustix::fs::OFlags;
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};

use crate::cli::context::reason;
use crate::cli::{CliError, Global};
use crate::clock::{self, Clock};
use crate::sandbox::control::Client;
use crate::sandbox::key::Key;

/// A sandbox's folder, which may not exist yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    pub folder: PathBuf,
}

/// A daemon's description of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub pid: u32,
    pub port: u16,
    /// By the machine's clock; the sandbox's clock runs from it.
    pub started: Timestamp,
    /// The speed of the sandbox's clock, as a multiple of the machine's.
    pub speed: f64,
    pub version: String,
}

/// Whether a daemon runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    /// No daemon holds the folder, and the last one ended in order.
    Down,
    /// No daemon holds the folder, and the last one was killed.
    Killed(Record),
    Runs(Record),
    /// A daemon holds the folder and has not recorded its address yet.
    Starts,
}

/// The daemon's hold on its folder.
#[derive(Debug)]
pub struct Held {
    home: Home,
    _lock: File,
}

/// Time for which another command's look at the lock may be in the way.
const LOOKS: [Duration; 4] = [Duration::from_millis(20); 4];

impl Record {
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The sandbox's clock.
    pub fn clock(&self) -> Clock {
        Clock::scaled_since(self.speed, self.started)
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

    /// The folder that commands with `--sandbox` use.
    pub fn of_environment() -> Result<Self, CliError> {
        Self::of(None)
    }

    /// ` --dir DIR` if commands would not find this folder by themselves, otherwise empty.
    pub fn dir_argument(&self) -> String {
        match Self::of(None).is_ok_and(|usual| usual == *self) {
            true => String::new(),
            false => format!(" --dir {}", self.folder.display()),
        }
    }

    /// The folder with the states of stacks applied in the sandbox.
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

    fn key_file(&self) -> PathBuf {
        self.folder.join("sandbox.key")
    }

    /// The error of an unusable folder, with the remedy.
    pub fn cannot(&self, what: &'static str) -> impl FnOnce(std::io::Error) -> CliError {
        let path = self.folder.clone();
        move |error| {
            let message = format!("`{}` cannot be {what}: {}", path.display(), reason(&error));
            let help = "see to the folder, or name another with --dir or BGFORM_SANDBOX_DIR";
            CliError::usage("bgform::sandbox::folder", message, help)
        }
    }

    /// Makes the folder. A folder with other content is refused, since `reset` removes the content.
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

    /// The sandbox's access key.
    ///
    /// # Errors
    /// When there is none, it cannot be read, or other users of this machine could have read it.
    pub fn key(&self) -> Result<Key, CliError> {
        let path = self.key_file();
        let open = || -> std::io::Result<(std::fs::Metadata, Vec<u8>)> {
            let mut file =
                File::options().read(true).custom_flags(OFlags::NOFOLLOW.bits() as i32).open(&path)?;
            let mut text = Vec::new();
            file.read_to_end(&mut text)?;
            Ok((file.metadata()?, text))
        };
        let unusable = |reason: String| {
            let message = format!("the sandbox's key `{}` cannot be used: {reason}", path.display());
            let ends = match self.standing() {
                Standing::Runs(record) => format!("kill {}; ", record.pid),
                _ => String::new(),
            };
            let help =
                format!("`{ends}rm -f {}`, then `bgform sandbox up`, which makes a new one", path.display());
            refused("bgform::sandbox::key", message, help)
        };
        let (meta, text) = open().map_err(|error| unusable(reason(&error)))?;
        if meta.uid() != geteuid().as_raw() {
            return Err(unusable("it belongs to another user".to_owned()));
        }
        if meta.mode() & 0o077 != 0 {
            return Err(unusable(format!("others may read it (mode {:o})", meta.mode() & 0o777)));
        }
        serde_json::from_slice(&text).map_err(|error| unusable(error.to_string()))
    }

    /// Makes the key if there is none. The folder must belong to the user: its owner could replace the
    /// content.
    fn make_key(&self) -> Result<Key, CliError> {
        let meta = std::fs::metadata(&self.folder).map_err(self.cannot("read"))?;
        if meta.uid() != geteuid().as_raw() {
            return Err(CliError::usage(
                "bgform::sandbox::folder",
                format!("`{}` belongs to another user, who could run programs as you", self.folder.display()),
                "name a folder of your own with --dir or BGFORM_SANDBOX_DIR",
            ));
        }
        // It holds user data and the key; a folder that existed before may be open to others.
        let closed = std::fs::set_permissions(&self.folder, Permissions::from_mode(0o700));
        closed.map_err(self.cannot("closed to others"))?;
        if !self.key_file().exists() {
            let write = || -> std::io::Result<()> {
                // Its mode is 0600 from the start.
                let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
                serde_json::to_writer(&mut file, &Key::random())?;
                file.write_all(b"\n")?;
                file.persist(self.key_file()).map_err(|error| error.error)?;
                Ok(())
            };
            write().map_err(self.cannot("written to"))?;
        }
        self.key()
    }

    /// A client for control calls to the daemon of the record.
    pub fn client(&self, record: &Record) -> Result<Client, CliError> {
        Ok(Client::new(record.port, self.key()?))
    }

    /// Tells whether this is, or was, a sandbox's folder.
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

    /// Takes the folder for the lifetime of the value; `None` if a daemon holds it.
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
    /// When none runs, or it was killed, with the remedy.
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
                let text = "`bgform sandbox up` continues from its state; `bgform sandbox down` cleans up";
                Err(refused("bgform::sandbox::killed", self.killed(&record), text))
            }
        }
    }

    /// The message about a killed daemon.
    pub fn killed(&self, record: &Record) -> String {
        let (pid, at) = (record.pid, record.started);
        format!("the sandbox in {} was killed (process {pid}, started {at:.0})", self.folder.display())
    }
}

impl Held {
    /// The key that the daemon accepts.
    pub fn key(&self) -> Result<Key, CliError> {
        self.home.make_key()
    }

    /// Records the daemon's address.
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

    /// Removes the record: no daemon can be reached.
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

/// The region of a command.
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
        let version = "0.1.0".to_owned();
        Record { pid: 7, port: 4577, started: Timestamp::UNIX_EPOCH, speed: 1.0, version }
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

    #[tokio::test]
    async fn the_key_is_made_once_and_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home { folder: folder.path().join("sandbox") };
        assert!(home.key().is_err(), "there is none yet");
        let key = home.hold().await.unwrap().unwrap().key().unwrap();
        assert_eq!(std::fs::metadata(home.key_file()).unwrap().mode() & 0o777, 0o600);
        assert_eq!(std::fs::metadata(&home.folder).unwrap().mode() & 0o777, 0o700);
        assert_eq!(home.hold().await.unwrap().unwrap().key().unwrap(), key, "the next daemon has the same");
        let open = |mode| std::fs::set_permissions(home.key_file(), Permissions::from_mode(mode)).unwrap();
        open(0o644);
        assert!(home.key().unwrap_err().to_string().contains("others may read it (mode 644)"));
        open(0o600);
        std::fs::rename(home.key_file(), home.folder.join("other")).unwrap();
        std::os::unix::fs::symlink(home.folder.join("other"), home.key_file()).unwrap();
        assert!(home.key().is_err(), "a link may lead to another user's file");
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
