//! Follows the wanted state: gives every machine, image and command its task, and ends them.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};

use tokio::sync::{mpsc, oneshot, watch};

use super::machine::Desire;
use super::shared::{Making, Shared, on_disk};
use super::{Image, ImageSource, Machine, Wanted, command, folder, image, machine};

/// Requests to the supervisor besides the wanted state.
#[derive(Debug)]
pub enum Ask {
    Crash(String),
    /// End everything, and confirm.
    Stop(oneshot::Sender<()>),
}

/// The owner of all tasks.
#[derive(Debug)]
pub struct Supervisor {
    shared: Arc<Shared>,
    machines: HashMap<String, machine::Handle>,
    images: HashMap<String, Arc<AtomicBool>>,
    commands: HashMap<String, command::Handle>,
    /// Whether unwanted folders were searched for.
    swept: bool,
}

impl Supervisor {
    pub fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            machines: HashMap::new(),
            images: HashMap::new(),
            commands: HashMap::new(),
            swept: false,
        }
    }

    pub async fn run(
        mut self,
        mut wanted: watch::Receiver<Option<Arc<Wanted>>>,
        mut asks: mpsc::UnboundedReceiver<Ask>,
    ) {
        let shared = self.shared.clone();
        loop {
            tokio::select! {
                changed = wanted.changed() => if changed.is_err() { return self.end().await },
                () = shared.settled.notified() => {}
                ask = asks.recv() => match ask {
                    Some(Ask::Crash(id)) => {
                        if let Some(handle) = self.machines.get(&id) {
                            handle.crash.notify_one();
                        }
                        continue;
                    }
                    Some(Ask::Stop(done)) => {
                        self.end().await;
                        // The sender may be gone.
                        let _ = done.send(());
                        return;
                    }
                    None => return self.end().await,
                }
            }
            let picture = wanted.borrow_and_update().clone();
            if let Some(wanted) = picture {
                self.follow(&wanted).await;
            }
        }
    }

    async fn follow(&mut self, wanted: &Wanted) {
        if !self.swept {
            self.swept = true;
            self.sweep(wanted).await;
        }
        // Machines before the images that are made from them: a machine that must stop for it is told first.
        self.machines(wanted);
        self.images(wanted);
        self.commands(wanted);
    }

    /// Removes unwanted leftovers of an earlier run.
    async fn sweep(&self, wanted: &Wanted) {
        let machines: BTreeSet<String> = wanted.machines.iter().map(|machine| machine.id.clone()).collect();
        let mut images: BTreeSet<String> = wanted.images.iter().map(|image| image.id.clone()).collect();
        images.extend(wanted.machines.iter().map(|machine| machine.image.clone()));
        let root = self.shared.setup.root.clone();
        let removed = on_disk(move || {
            for (folder, kept) in [("instances", machines), ("images", images)] {
                for entry in std::fs::read_dir(root.join(folder))? {
                    let entry = entry?;
                    if !entry.file_name().to_str().is_some_and(|name| kept.contains(name)) {
                        folder::remove(&entry.path())?;
                    }
                }
            }
            Ok(())
        });
        // A folder that cannot be removed does no harm.
        let _ = removed.await;
    }

    fn machines(&mut self, wanted: &Wanted) {
        let listed: HashMap<&str, &Machine> =
            wanted.machines.iter().map(|machine| (machine.id.as_str(), machine)).collect();
        self.machines.retain(|id, handle| {
            if !listed.contains_key(id.as_str()) {
                set(&handle.desire, Desire::Gone);
            }
            !handle.task.is_finished()
        });
        for machine in &wanted.machines {
            match self.machines.get(&machine.id) {
                None => {
                    let handle = machine::start(self.shared.clone(), Arc::new(machine.clone()));
                    self.machines.insert(machine.id.clone(), handle);
                }
                Some(handle) => {
                    if ends(&handle.desire.borrow(), machine) {
                        let lock = self.shared.lock(&machine.id).try_write_owned().ok();
                        *handle.ending.lock().unwrap_or_else(PoisonError::into_inner) = lock;
                    }
                    set(&handle.desire, Desire::Be(Arc::new(machine.clone())));
                }
            }
        }
    }

    fn images(&mut self, wanted: &Wanted) {
        let kept = self.kept(wanted);
        let shared = &self.shared;
        self.images.retain(|id, cancelled| {
            let keep = kept.contains(id);
            if !keep {
                cancelled.store(true, Ordering::Relaxed);
                shared.images.send_modify(|images| {
                    images.remove(id);
                });
                let folder = shared.image(id);
                // A folder that cannot be removed now is removed at the next start.
                drop(tokio::spawn(on_disk(move || folder::remove(&folder))));
            }
            keep
        });
        let found: Vec<Image> = wanted
            .images
            .iter()
            .chain(&self.orphans(wanted))
            .filter(|image| !self.images.contains_key(&image.id))
            .cloned()
            .collect();
        for image in found {
            let cancelled = Arc::<AtomicBool>::default();
            self.images.insert(image.id.clone(), cancelled.clone());
            self.shared.images.send_modify(|images| {
                images.insert(image.id.clone(), Making::Pending);
            });
            tokio::spawn(image::make(self.shared.clone(), image, cancelled));
        }
    }

    /// Images that are not listed any more, but have their folder and are still to become a
    /// machine's.
    fn orphans(&self, wanted: &Wanted) -> Vec<Image> {
        let unlisted = self.kept(wanted).into_iter().filter(|id| {
            !wanted.images.iter().any(|image| image.id == *id) && self.shared.image(id).is_dir()
        });
        unlisted.map(|id| Image { from: ImageSource::Image(id.clone()), id }).collect()
    }

    /// The images whose folders stay: the listed ones, and those from which listed machines and images are
    /// still to be made.
    fn kept(&self, wanted: &Wanted) -> BTreeSet<String> {
        let listed = wanted.images.iter().map(|image| image.id.clone());
        let sources = wanted.images.iter().filter(|image| !self.shared.image(&image.id).is_dir());
        let sources = sources.filter_map(|image| match &image.from {
            ImageSource::Image(id) => Some(id.clone()),
            _ => None,
        });
        let unmade = wanted.machines.iter().filter(|machine| !self.shared.machine_root(&machine.id).is_dir());
        listed.chain(sources).chain(unmade.map(|machine| machine.image.clone())).collect()
    }

    fn commands(&mut self, wanted: &Wanted) {
        let listed: BTreeSet<&str> = wanted.commands.iter().map(|command| command.id.as_str()).collect();
        let shared = &self.shared;
        self.commands.retain(|id, handle| {
            if listed.contains(id.as_str()) {
                return true;
            }
            handle.cancel.notify_one();
            let ended = handle.task.is_finished();
            if ended {
                // It is not started again: it is not listed any more.
                let _ = std::fs::remove_file(command::note(shared, &handle.machine, id));
            }
            !ended
        });
        for command in &wanted.commands {
            if !self.commands.contains_key(&command.id) {
                let machine = wanted.machines.iter().find(|machine| machine.id == command.instance);
                let machine = machine.filter(|machine| machine.runs).cloned().map(Arc::new);
                let handle = command::start(self.shared.clone(), command.clone(), machine);
                self.commands.insert(command.id.clone(), handle);
            }
        }
    }

    async fn end(&mut self) {
        for cancelled in self.images.values() {
            cancelled.store(true, Ordering::Relaxed);
        }
        for handle in self.machines.values() {
            // A removal that has begun goes on.
            handle.desire.send_if_modified(|desire| {
                let stays = matches!(desire, Desire::Be(_));
                if stays {
                    *desire = Desire::Ended;
                }
                stays
            });
        }
        for (_, handle) in self.commands.drain() {
            handle.cancel.notify_one();
            let _ = handle.task.await;
        }
        for (_, handle) in self.machines.drain() {
            let _ = handle.task.await;
        }
    }
}

/// Tells whether a machine with the desired state `old` must end its processes to become `new`.
fn ends(old: &Desire, new: &Machine) -> bool {
    match old {
        Desire::Be(old) => old.runs && (!new.runs || old.boots != new.boots),
        _ => false,
    }
}

fn set(desire: &watch::Sender<Desire>, new: Desire) {
    desire.send_if_modified(|old| {
        let differs = *old != new;
        if differs {
            *old = new;
        }
        differs
    });
}
