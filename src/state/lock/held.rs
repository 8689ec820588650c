//! A lock that this process holds: renewed in the background, checked before and after each write, given back
//! at the end.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Holder, Lease, fences, name, text};
use crate::clock;
use crate::state::entry::OpenOperations;
use crate::state::error::StateError;
use crate::state::file::unwritable;
use crate::state::medium::{Claim, Medium};

/// The part shared by the guard and the session's journal.
#[derive(Debug)]
pub(in crate::state) struct Held {
    medium: Arc<dyn Medium>,
    pub fence: u64,
    pub holder: Holder,
    /// Held during each write to the journal, so that a checkpoint does not empty it meanwhile.
    turn: Mutex<()>,
    /// The content of the journal, known since a session began.
    pub followed: Mutex<Option<Followed>>,
    life: Arc<Life>,
    renewer: Option<JoinHandle<()>>,
}

/// The end of a journal, and the operations that it leaves open.
#[derive(Debug, Clone)]
pub(in crate::state) struct Followed {
    pub sequence: u64,
    pub open: OpenOperations,
    pub empty: bool,
}

#[derive(Debug)]
struct Life {
    alive: Mutex<Alive>,
    over: Condvar,
}

#[derive(Debug)]
struct Alive {
    /// The start of the last renewal, by [`clock::boottime`].
    renewed: Duration,
    lost: bool,
    over: bool,
}

impl Life {
    fn alive(&self) -> MutexGuard<'_, Alive> {
        self.alive.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Starts to renew a lock that was claimed at `began`, by [`clock::boottime`].
    pub(super) fn begin(
        medium: Arc<dyn Medium>,
        fence: u64,
        lease: Lease,
        claim: Box<dyn Claim>,
        began: Duration,
    ) -> Result<Self, StateError> {
        let life = Arc::new(Life {
            alive: Mutex::new(Alive { renewed: began, lost: false, over: false }),
            over: Condvar::new(),
        });
        let holder = lease.holder.clone();
        let renewing = Renewing { claim, lease, life: Arc::clone(&life), beat: medium.beat() };
        let renewer = std::thread::Builder::new()
            .name("lock".to_owned())
            .spawn(move || renewing.run())
            .map_err(|error| unwritable(&medium.path(&name(fence)), &error))?;
        Ok(Self {
            medium,
            fence,
            holder,
            turn: Mutex::default(),
            followed: Mutex::default(),
            life,
            renewer: Some(renewer),
        })
    }

    pub(in crate::state) fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::state) fn followed(&self) -> MutexGuard<'_, Option<Followed>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks that this process still holds the lock, unless it was renewed a moment ago.
    ///
    /// Errors: [`StateError::TakenOver`], permanently; or why it cannot be checked.
    pub(in crate::state) fn verify(&self) -> Result<(), StateError> {
        let silent = {
            let alive = self.life.alive();
            let silent = clock::boottime().saturating_sub(alive.renewed);
            if !alive.lost && silent < self.medium.trust() {
                return Ok(());
            }
            silent
        };
        let last = fences(&*self.medium)?.pop();
        if last == Some(self.fence) {
            return Ok(());
        }
        Err(self.taken_over(last, silent))
    }

    /// Why another process's write was found where this process's should be.
    pub(in crate::state) fn lost(&self) -> Option<StateError> {
        let last = fences(&*self.medium).ok()?.pop();
        let silent = clock::boottime().saturating_sub(self.life.alive().renewed);
        (last != Some(self.fence)).then(|| self.taken_over(last, silent))
    }

    fn taken_over(&self, last: Option<u64>, silent: Duration) -> StateError {
        self.life.alive().lost = true;
        let object = last.and_then(|last| self.medium.get(&name(last)).ok().flatten());
        let by = object.and_then(|object| serde_json::from_slice::<Lease>(&object.bytes).ok());
        StateError::TakenOver {
            path: self.medium.place().to_owned(),
            by: by.map(|lease| Box::new(lease.holder)),
            silent: silent.as_secs(),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.life.alive().over = true;
        self.life.over.notify_all();
        if let Some(renewer) = self.renewer.take() {
            // The renewer gives the lock back as its last act.
            let _ = renewer.join();
        }
    }
}

/// The background renewal of a lock.
struct Renewing {
    claim: Box<dyn Claim>,
    lease: Lease,
    life: Arc<Life>,
    beat: Duration,
}

impl Renewing {
    fn run(mut self) {
        loop {
            let alive = self.life.alive();
            let waited = self.life.over.wait_timeout_while(alive, self.beat, |alive| !alive.over);
            let (alive, _) = waited.unwrap_or_else(PoisonError::into_inner);
            let (over, lost) = (alive.over, alive.lost);
            drop(alive);
            if lost {
                return;
            }
            if over {
                self.lease.released = true;
                return self.claim.release(&text(&self.lease));
            }
            self.lease.renewed += 1;
            let began = clock::boottime();
            match self.claim.renew(&text(&self.lease)) {
                Ok(true) => self.life.alive().renewed = began,
                Ok(false) => {
                    self.life.alive().lost = true;
                    return;
                }
                // A holder that cannot renew checks before it writes, and that fails too.
                Err(_) => {}
            }
        }
    }
}
