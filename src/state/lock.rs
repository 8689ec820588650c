//! One writer at a time. A lock is an object `locks/NNNNNNNN.json` that its holder puts and renews. The
//! highest number counts, and it is the fence: a process that takes over from a holder that is dead, or was
//! silent for [`TTL`], puts the next number, and the late holder's next write to the journal is refused. The
//! observer measures the holder's silence by its own clock, so that no two machines have to agree about the
//! time.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::StateError;
use super::frame;
use super::medium::{Medium, Version};
use crate::clock;

mod held;
mod holder;

pub(super) use held::{Followed, Held};
pub use holder::Holder;

/// Time after which a lock that was not renewed is taken over, unless its place has another.
pub const TTL: Duration = Duration::from_secs(20);

/// The content of a lock's object.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Lease {
    holder: Holder,
    /// Random, so that two leases never have the same text.
    session: String,
    /// Number of renewals.
    renewed: u64,
    released: bool,
}

fn name(fence: u64) -> String {
    format!("locks/{fence:08}.json")
}

/// The numbers of the existing locks, lowest first.
fn fences(medium: &dyn Medium) -> Result<Vec<u64>, StateError> {
    let names = medium.names("locks")?;
    let mut fences: Vec<u64> =
        names.iter().filter_map(|name| name.strip_suffix(".json")?.parse().ok()).collect();
    fences.sort_unstable();
    Ok(fences)
}

/// A process that wants the lock, and watches whether its holder lives.
#[derive(Debug)]
pub struct Contender {
    medium: Arc<dyn Medium>,
    holder: Holder,
    /// Whether the place may belong to another user.
    adopt: bool,
    seen: Option<Seen>,
}

/// A lock as first observed.
#[derive(Debug)]
struct Seen {
    fence: u64,
    version: Version,
    since: Duration,
    /// Whether it has been renewed since.
    renewed: bool,
}

impl Contender {
    pub(super) fn new(medium: Arc<dyn Medium>, holder: Holder, adopt: bool) -> Self {
        Self { medium, holder, adopt, seen: None }
    }

    /// The highest lock number in the journal, which remembers it even if the locks' objects were deleted.
    fn last(&self) -> Result<u64, StateError> {
        Ok(frame::parse_sound(&self.medium.journal()?).0.fence())
    }

    /// Tells whether the holder was seen to renew its lock.
    pub fn holder_lives(&self) -> bool {
        self.seen.as_ref().is_some_and(|seen| seen.renewed)
    }

    /// Takes the lock if it is free, or if its holder was observed to be silent for [`TTL`].
    ///
    /// Errors: [`StateError::Locked`], or why the place cannot be read or written.
    pub fn try_take(&mut self) -> Result<LockGuard, StateError> {
        self.medium.prepare(self.adopt)?;
        loop {
            let fences = fences(&*self.medium)?;
            let (next, from) = match fences.last() {
                None => (self.last()? + 1, None),
                Some(last) => (last + 1, self.free(*last)?),
            };
            if let Some(guard) = self.claim(next, from)? {
                self.forget(fences);
                return Ok(guard);
            }
        }
    }

    /// Takes the lock from any holder.
    pub fn seize(&mut self) -> Result<LockGuard, StateError> {
        self.seen = None;
        loop {
            let fences = fences(&*self.medium)?;
            let last = fences.last().copied();
            let from = last.and_then(|last| self.lease(last).ok().flatten()).map(|(lease, _)| lease.holder);
            let next = last.map_or_else(|| self.last(), Ok)? + 1;
            if let Some(guard) = self.claim(next, from)? {
                self.forget(fences);
                // The previous holder's next write is refused, even if its lock was renewed just now.
                self.medium.open_journal(next)?;
                return Ok(guard);
            }
        }
    }

    /// Deletes locks that no longer count: a holder that renews one learns that it is lost.
    fn forget(&self, fences: Vec<u64>) {
        for old in fences {
            // A lock that stays has a lower number and does not count.
            let _ = self.medium.delete(&name(old));
        }
    }

    /// The current holder, if the lock names one.
    pub fn holder(&self) -> Result<Option<Holder>, StateError> {
        let Some(last) = fences(&*self.medium)?.pop() else { return Ok(None) };
        let free = self.medium.is_held(&name(last))? == Some(false);
        Ok(self.lease(last)?.filter(|(lease, _)| !lease.released && !free).map(|(lease, _)| lease.holder))
    }

    fn lease(&self, fence: u64) -> Result<Option<(Lease, Version)>, StateError> {
        let Some(object) = self.medium.get(&name(fence))? else { return Ok(None) };
        match serde_json::from_slice(&object.bytes) {
            Ok(lease) => Ok(Some((lease, object.version))),
            Err(error) => Err(StateError::Unreadable {
                path: self.medium.path(&name(fence)),
                reason: format!("it is no lock: {error}"),
            }),
        }
    }

    /// Returns the previous holder of a lock that is free now; `None` if it was given back.
    ///
    /// Errors: [`StateError::Locked`].
    fn free(&mut self, fence: u64) -> Result<Option<Holder>, StateError> {
        let Some((lease, version)) = self.lease(fence)? else { return Ok(None) };
        if lease.released {
            return Ok(None);
        }
        let now = clock::boottime();
        match &mut self.seen {
            Some(seen) if seen.fence == fence && seen.version == version => {}
            Some(seen) if seen.fence == fence => {
                (seen.version, seen.since, seen.renewed) = (version, now, true);
            }
            _ => self.seen = Some(Seen { fence, version, since: now, renewed: false }),
        }
        let silent = self.seen.as_ref().map_or(Duration::ZERO, |seen| now.saturating_sub(seen.since));
        match self.medium.is_held(&name(fence))? {
            Some(false) => Ok(None),
            _ if silent >= self.medium.lease() => Ok(Some(lease.holder)),
            _ => Err(locked_by(self.medium.place().to_owned(), lease.holder)),
        }
    }

    fn claim(&self, fence: u64, from: Option<Holder>) -> Result<Option<LockGuard>, StateError> {
        let session = hex::encode(rand::random::<[u8; 8]>());
        let lease = Lease { holder: self.holder.clone(), session, renewed: 0, released: false };
        let began = clock::boottime();
        let Some(claim) = self.medium.claim(&name(fence), &text(&lease))? else { return Ok(None) };
        // A process that was stopped before it put this number finds that a higher one has come and gone.
        if fences(&*self.medium)?.last() != Some(&fence) {
            drop(claim);
            self.forget(vec![fence]);
            return Ok(None);
        }
        let held = Held::begin(Arc::clone(&self.medium), fence, lease, claim, began)?;
        Ok(Some(LockGuard { held: Arc::new(held), from }))
    }
}

fn text(lease: &Lease) -> Vec<u8> {
    serde_json::to_vec(lease).unwrap_or_default()
}

/// The right to write one state, until it and the session's journal are dropped.
#[derive(Debug)]
pub struct LockGuard {
    held: Arc<Held>,
    from: Option<Holder>,
}

impl LockGuard {
    /// The holder in the lock: this process.
    pub fn holder(&self) -> &Holder {
        &self.held.holder
    }

    /// Increases with every lock of this state.
    pub fn fence(&self) -> u64 {
        self.held.fence
    }

    /// The holder that it was taken from, if that one had not given it back.
    pub fn taken_from(&self) -> Option<&Holder> {
        self.from.as_ref()
    }

    pub(super) fn held(&self) -> &Arc<Held> {
        &self.held
    }

    /// Tells whether a session's journal is still open.
    pub(super) fn in_session(&self) -> bool {
        Arc::strong_count(&self.held) > 1
    }
}

pub(super) fn locked_by(path: PathBuf, holder: Holder) -> StateError {
    let Holder { host, pid, .. } = &holder;
    let help = format!(
        "nothing was changed. Wait until it ends (`--lock-timeout 10m` does so), or `kill -INT {pid}` on {host}: it finishes what is under way and frees the lock. A dead holder's lock is taken over by itself; `bgform state unlock` takes it from a living one"
    );
    StateError::Locked { path, holder: Box::new(holder), help }
}
