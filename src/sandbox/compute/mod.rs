//! Machines: folders made of images, with processes of their own.
//!
//! In: [`Wanted`], whole, whenever it changed. Out: [`Report`]s, console output in files.
//!
//! ```text
//! ROOT/images/ID             an image
//! ROOT/instances/ID/root     a machine's own folder
//!                  /console.log, console.log.1, pid, first-boot, user-data, commands/   what is kept about it
//! ```

mod base;
mod command;
mod console;
mod folder;
mod image;
mod keeper;
mod machine;
mod process;
mod shared;
mod supervisor;
#[cfg(test)]
mod tests;

pub use image::why;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot, watch};

use super::faults::Faults;
use crate::clock::Clock;
use keeper::Keeper;
use shared::Shared;
use supervisor::{Ask, Supervisor};

/// The wanted machines, images and commands. Unlisted ones are ended and removed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wanted {
    pub machines: Vec<Machine>,
    pub images: Vec<Image>,
    pub commands: Vec<CommandToRun>,
}

/// A machine: its folder exists while it is listed.
#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    /// The instance's id.
    pub id: String,
    /// The image that its folder is first copied from.
    pub image: String,
    /// `HOST`
    pub host: IpAddr,
    /// `PORT`
    pub port: u16,
    /// Whether it should have processes.
    pub runs: bool,
    /// A new number: boot again, ending the running processes.
    pub boots: u64,
    /// Run on the first boot, before the boot script, as cloud-init does: a script with `#!`.
    pub user_data: Option<Vec<u8>>,
    /// A program with its arguments that runs in place of the boot script; empty: the script runs.
    pub command: Vec<String>,
    /// Between SIGTERM and SIGKILL when it is stopped, in real time.
    pub grace: Duration,
    /// Identity: `INSTANCE_ID`, `INSTANCE_TYPE`, `IMAGE_ID`, `AVAILABILITY_ZONE`, `AWS_REGION`,
    /// `AUTO_SCALING_GROUP`.
    pub environment: BTreeMap<String, String>,
    /// Names that a fault can select it by: instance id, group name, image id, image name.
    pub labels: Arc<[String]>,
}

/// An image: its folder exists while it is listed. Made once; never changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub id: String,
    pub from: ImageSource,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImageSource {
    /// A copy of an instance's folder at the time it is made.
    Instance(String),
    Image(String),
    /// A folder of the user's (`bgform sandbox image`).
    Folder(PathBuf),
    /// Built in: one of [`base_images`].
    Base(String),
}

/// A shell command on an instance (AWS-RunShellScript), run in its folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandToRun {
    /// Of the command and the instance: unlike any other run.
    pub id: String,
    pub instance: String,
    /// Lines of a `sh` script.
    pub script: String,
    pub timeout: Duration,
}

/// Reports of compute.
#[derive(Debug, Clone)]
pub enum Report {
    /// The folder exists and the boot has begun.
    Booted {
        machine: String,
        boots: u64,
    },
    /// The machine could not be brought up: why, for people.
    Failed {
        machine: String,
        why: String,
    },
    /// The boot script ended; the machine stays. Exit code: 128 and its number after a signal.
    Exited {
        machine: String,
        why: String,
        code: Option<i32>,
    },
    /// The processes of a machine that should have none are gone; the exit code of the first of them, where it ran
    /// until now.
    Stopped {
        machine: String,
        code: Option<i32>,
    },
    ImageMade {
        image: String,
    },
    ImageFailed {
        image: String,
        why: String,
    },
    /// A command ended: exit code (`None`: killed by the timeout), output.
    CommandEnded {
        command: String,
        exit: Option<i32>,
        stdout: String,
        stderr: String,
    },
}

/// The parameters of compute.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Folders `instances/` and `images/` are made there.
    pub root: PathBuf,
    pub clock: Clock,
    pub faults: Arc<Faults>,
    pub reports: mpsc::UnboundedSender<super::region::Report>,
    /// The bgform binary, which the base images' service is: `BGFORM` in the environment.
    pub program: PathBuf,
}

/// The running machines. `stop` ends all their processes; dropped without it, the keeper does.
#[derive(Debug)]
pub struct Compute {
    wanted: watch::Sender<Option<Arc<Wanted>>>,
    asks: mpsc::UnboundedSender<Ask>,
    keeper: Mutex<Option<Keeper>>,
}

/// Names of the built-in images and their purposes; compute can make a folder for each.
pub fn base_images() -> &'static [&'static str] {
    base::NAMES
}

/// Between SIGTERM and SIGKILL when an instance is stopped, in real time.
pub const GRACE: Duration = Duration::from_secs(2);

/// The digest of a folder's content: names, modes and bytes of all that an image has of it.
pub async fn digest(folder: &Path) -> std::io::Result<String> {
    let folder = folder.to_owned();
    shared::on_disk(move || folder::digest(&folder)).await
}

/// The console output of an instance, by the region's folder.
pub fn console(root: &Path, instance: &str) -> PathBuf {
    root.join("instances").join(instance).join("console.log")
}

impl Compute {
    /// Starts without machines, after ending leftovers of an earlier run of the same root. Needs a tokio
    /// runtime.
    pub async fn start(mut setup: Setup) -> std::io::Result<Self> {
        std::fs::create_dir_all(&setup.root)?;
        setup.root = std::fs::canonicalize(&setup.root)?;
        process::end_leftovers(&setup.root).await;
        for folder in ["instances", "images"] {
            std::fs::create_dir_all(setup.root.join(folder))?;
            folder::sweep(&setup.root.join(folder))?;
        }
        let shared = Arc::new(Shared::new(setup));
        let keeper = Keeper::start(&shared.setup.root, &shared.run)?;
        let wanted = watch::Sender::new(None);
        let (asks, inbox) = mpsc::unbounded_channel();
        tokio::spawn(Supervisor::new(shared).run(wanted.subscribe(), inbox));
        Ok(Self { wanted, asks, keeper: Mutex::new(Some(keeper)) })
    }

    /// Makes it so, from now on.
    pub fn want(&self, wanted: Wanted) {
        self.wanted.send_if_modified(|old| {
            let new = old.as_deref() != Some(&wanted);
            if new {
                *old = Some(Arc::new(wanted));
            }
            new
        });
    }

    /// Kills a machine's processes as a crash does; the machine stays as wanted.
    pub fn crash(&self, machine: &str) {
        // The receiver may be gone after `stop`, when there is nothing to kill.
        let _ = self.asks.send(Ask::Crash(machine.to_owned()));
    }

    /// Ends all processes and waits until they are gone.
    pub async fn stop(&self) {
        let (done, ended) = oneshot::channel();
        if self.asks.send(Ask::Stop(done)).is_ok() {
            let _ = ended.await;
        }
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(keeper) = keeper {
            let _ = tokio::task::spawn_blocking(|| keeper.dismiss()).await;
        }
    }
}
