//! One machine: a task that brings it to its desired state, and alone may touch it.

mod boot;

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::process::Child;
use tokio::sync::{Notify, OwnedRwLockWriteGuard, watch};

use super::console::Console;
use super::image::describe;
use super::process::{self, Group, Mark};
use super::shared::{Shared, on_disk};
use super::{GRACE, Machine, Report, folder};
use crate::clock;
pub use boot::{environment, path};

/// How often faults that were set later are looked at, in real time.
const LOOK: Duration = Duration::from_millis(500);

/// The desired state of a machine.
#[derive(Debug, Clone, PartialEq)]
pub enum Desire {
    Be(Arc<Machine>),
    /// Without processes; its folder stays.
    Ended,
    /// Without processes and folder.
    Gone,
}

/// The supervisor's handle of a machine's task.
#[derive(Debug)]
pub struct Handle {
    pub desire: watch::Sender<Desire>,
    pub crash: Arc<Notify>,
    /// Keeps images from being made of the folder until the processes have ended that should.
    pub ending: Arc<Mutex<Option<OwnedRwLockWriteGuard<()>>>>,
    pub task: tokio::task::JoinHandle<()>,
}

/// Starts the task of a machine.
pub fn start(shared: Arc<Shared>, machine: Arc<Machine>) -> Handle {
    let (crash, ending) = (Arc::<Notify>::default(), Arc::default());
    let (id, console) = (machine.id.clone(), super::console(&shared.setup.root, &machine.id));
    let (desire, desired) = watch::channel(Desire::Be(machine));
    let runner = Runner {
        shared,
        id,
        desired,
        crash: crash.clone(),
        ending: Arc::clone(&ending),
        console: Console::at(console),
        stage: Stage::Down,
        booted: None,
    };
    Handle { desire, crash, ending, task: tokio::spawn(runner.run()) }
}

struct Runner {
    shared: Arc<Shared>,
    id: String,
    desired: watch::Receiver<Desire>,
    crash: Arc<Notify>,
    ending: Arc<Mutex<Option<OwnedRwLockWriteGuard<()>>>>,
    console: Console,
    stage: Stage,
    /// The number of the last boot, whatever came of it.
    booted: Option<u64>,
}

enum Stage {
    /// Never booted, stopped, or not brought up.
    Down,
    /// Booted; a fault delays its script until this time.
    Waiting {
        until: Duration,
    },
    Up(Box<Up>),
}

struct Up {
    /// `None`: ended and waited for. Other processes of its group, and those that left it, may still run.
    child: Option<Child>,
    group: Option<Group>,
    /// By the clock.
    since: Duration,
    /// Killed by a fault.
    dead: bool,
}

impl Runner {
    async fn run(mut self) {
        loop {
            let desire = self.desired.borrow_and_update().clone();
            match &desire {
                Desire::Gone => {
                    self.end(Duration::ZERO).await;
                    self.remove().await;
                    return;
                }
                Desire::Ended => {
                    self.end(GRACE).await;
                    return;
                }
                Desire::Be(machine) if !machine.runs => {
                    let code = self.end(machine.grace).await;
                    self.booted = None;
                    self.shared.report(Report::Stopped { machine: self.id.clone(), code });
                }
                Desire::Be(machine) if self.booted != Some(machine.boots) => {
                    self.end(machine.grace).await;
                    self.boot(machine).await;
                }
                Desire::Be(_) => {}
            }
            // Images may be made of the folder again.
            self.ending.lock().unwrap_or_else(PoisonError::into_inner).take();
            let Desire::Be(machine) = desire else { return };
            if !self.live(&machine).await {
                self.end(Duration::ZERO).await;
                return;
            }
        }
    }

    fn mark(&self) -> Mark {
        Mark::Is(process::MACHINE, self.shared.machine(&self.id).display().to_string())
    }

    /// Ends its processes; the exit code of the first of them, if that ran until now.
    async fn end(&mut self, grace: Duration) -> Option<i32> {
        match std::mem::replace(&mut self.stage, Stage::Down) {
            Stage::Down => None,
            // Commands may run already.
            Stage::Waiting { .. } => {
                process::end(&self.mark(), None, None, grace).await;
                None
            }
            Stage::Up(mut up) => {
                process::end(&self.mark(), up.group.as_ref(), up.child.as_mut(), grace).await;
                // Without it nothing would be killed that is not there: no matter if it stays.
                let _ = std::fs::remove_file(self.shared.machine(&self.id).join("pid"));
                self.console.drain().await;
                up.child.and_then(|mut child| process::code(child.try_wait().ok()??))
            }
        }
    }

    async fn remove(&self) {
        self.ending.lock().unwrap_or_else(PoisonError::into_inner).take();
        let _lock = self.shared.lock(&self.id).write_owned().await;
        let folder = self.shared.machine(&self.id);
        // A folder that cannot be removed now is removed at the next start.
        let _ = on_disk(move || folder::remove(&folder)).await;
        self.shared.forget(&self.id);
    }

    /// Boots it and reports that, or why not.
    async fn boot(&mut self, machine: &Machine) {
        self.booted = Some(machine.boots);
        self.ending.lock().unwrap_or_else(PoisonError::into_inner).take();
        // An image that is being made of it is finished first.
        let lock = self.shared.lock(&self.id).write_owned().await;
        let brought_up = match self.furnish(machine).await {
            Ok(true) => self.begin(machine).await,
            // It is not wanted any more.
            Ok(false) => return,
            Err(why) => Err(why),
        };
        drop(lock);
        self.shared.settled.notify_one();
        self.shared.report(match brought_up {
            Ok(()) => Report::Booted { machine: self.id.clone(), boots: machine.boots },
            Err(why) => Report::Failed { machine: self.id.clone(), why },
        });
    }

    /// Makes its folder, if it has none yet; false if it became unwanted meanwhile.
    async fn furnish(&mut self, machine: &Machine) -> Result<bool, String> {
        let root = self.shared.machine_root(&self.id);
        if root.is_dir() {
            return Ok(true);
        }
        let cancelled = Arc::new(AtomicBool::new(false));
        let copying = {
            let (shared, cancelled, image) = (self.shared.clone(), cancelled.clone(), machine.image.clone());
            async move {
                let from = shared.image_made(&image).await?;
                let copied = on_disk(move || folder::copy(&from, &root, &cancelled)).await;
                copied.map_err(|error| describe(&error, "its folder cannot be made"))
            }
        };
        let mut copying = std::pin::pin!(copying);
        let unwanted = self.desired.wait_for(|desire| !matches!(desire, Desire::Be(_)));
        let copied = tokio::select! {
            copied = &mut copying => Some(copied),
            _ = unwanted => None,
        };
        // A change that was seen while waiting is checked again.
        self.desired.mark_changed();
        match copied {
            Some(copied) => copied.map(|()| true),
            None => {
                cancelled.store(true, Ordering::Relaxed);
                // A copy under way ends soon; a wait for an image has nothing to end.
                let _ = tokio::time::timeout(GRACE, copying).await;
                Ok(false)
            }
        }
    }

    /// Starts its processes, or the wait before them.
    async fn begin(&mut self, machine: &Machine) -> Result<(), String> {
        if let Some(by) = self.shared.setup.faults.slow_boot(&machine.labels) {
            self.stage = Stage::Waiting { until: self.shared.setup.clock.monotonic().saturating_add(by) };
            return Ok(());
        }
        self.start(machine).await
    }

    async fn start(&mut self, machine: &Machine) -> Result<(), String> {
        let started = boot::start(&self.shared, machine, &mut self.console)
            .map_err(|error| describe(&error, "it cannot boot"));
        let (mut child, group) = started?;
        let noted = match &group {
            Some(group) => group.note(&self.shared.machine(&self.id).join("pid")),
            // It ended already.
            None => Ok(()),
        };
        if let Err(error) = noted {
            process::end(&self.mark(), group.as_ref(), Some(&mut child), Duration::ZERO).await;
            return Err(describe(&error, "it cannot boot"));
        }
        let since = self.shared.setup.clock.monotonic();
        self.stage = Stage::Up(Box::new(Up { child: Some(child), group, since, dead: false }));
        Ok(())
    }

    /// Follows it until its desired state changes; false if the supervisor is gone.
    async fn live(&mut self, machine: &Machine) -> bool {
        loop {
            let clock = self.shared.setup.clock.clone();
            let due = match &self.stage {
                Stage::Waiting { until } => Some(*until),
                Stage::Up(up) if !up.dead => {
                    let after = self.shared.setup.faults.dies(&machine.labels);
                    after.map(|after| up.since.saturating_add(after))
                }
                _ => None,
            };
            let due = async {
                match due {
                    Some(due) => clock.sleep(due.saturating_sub(clock.monotonic())).await,
                    None => std::future::pending().await,
                }
            };
            let exited = async {
                match &mut self.stage {
                    Stage::Up(up) => match &mut up.child {
                        Some(child) => child.wait().await,
                        None => std::future::pending().await,
                    },
                    _ => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = self.desired.changed() => return changed.is_ok(),
                status = exited => self.exited(status).await,
                () = self.crash.notified() => self.crash().await,
                () = due => self.due(machine).await,
                () = clock::sleep(LOOK) => {}
            }
        }
    }

    /// The first process has ended.
    async fn exited(&mut self, status: io::Result<std::process::ExitStatus>) {
        self.console.drain().await;
        if let Stage::Up(up) = &mut self.stage {
            up.child = None;
        }
        let (why, code) = match status {
            Ok(status) => (format!("its boot script ended: {status}"), process::code(status)),
            Err(error) => (format!("its boot script was lost: {error}"), None),
        };
        self.shared.report(Report::Exited { machine: self.id.clone(), why, code });
    }

    /// Kills its processes; that its first one ended is seen as always.
    async fn crash(&mut self) {
        match &mut self.stage {
            Stage::Down => {}
            Stage::Waiting { .. } => {
                self.end(Duration::ZERO).await;
                let why = "it crashed before its boot script began".to_owned();
                self.shared.report(Report::Exited { machine: self.id.clone(), why, code: None });
            }
            Stage::Up(up) => {
                let group = up.group.clone();
                process::end(&self.mark(), group.as_ref(), None, Duration::ZERO).await;
            }
        }
    }

    /// A fault is due: the wait before the boot script is over, or the machine dies.
    async fn due(&mut self, machine: &Machine) {
        match &mut self.stage {
            Stage::Waiting { .. } => {
                self.stage = Stage::Down;
                if let Err(why) = self.start(machine).await {
                    self.shared.report(Report::Failed { machine: self.id.clone(), why });
                }
            }
            Stage::Up(up) => {
                up.dead = true;
                self.crash().await;
            }
            Stage::Down => {}
        }
    }
}
