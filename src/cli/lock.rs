//! Waits for the lock of a state: until its holder was seen to live, or for the time on the command line. A
//! silent holder loses it.

use std::time::Duration;

use super::{CliError, Global};
use crate::clock;
use crate::rollout::commit;
use crate::state::{Contender, Holder, LockGuard, StateError, Store};
use crate::terminal::errln;

/// The pause between two looks at another process's lock.
const LOOK: Duration = Duration::from_millis(200);
/// Time after which the wait is reported.
const PATIENCE: Duration = Duration::from_secs(2);

/// Parses `--lock-timeout`.
pub fn timeout(text: &str) -> Result<Duration, String> {
    let read: jiff::SignedDuration = text.parse().map_err(|_| "write it as 30s, 10m or 1h".to_owned())?;
    Duration::try_from(read).map_err(|_| "it cannot be less than nothing".to_owned())
}

/// This process, as others see it.
fn holder(command: &str) -> Holder {
    let folder = std::env::current_dir().ok();
    Holder { commit: folder.as_deref().and_then(commit), ..Holder::this_process(command) }
}

pub fn contend(store: &Store, command: &str) -> Contender {
    store.contend(holder(command))
}

/// Takes the lock of a state.
///
/// # Errors
/// [`StateError::Locked`] if a living holder keeps it for longer than `--lock-timeout`, and why the state's
/// place cannot be read or written.
pub async fn locked(global: &Global, store: &Store, command: &str) -> Result<LockGuard, CliError> {
    let mut contender = contend(store, command);
    let (began, mut told) = (clock::monotonic(), false);
    loop {
        let refused = match contender.try_take() {
            Ok(lock) => {
                tell(&lock);
                return Ok(lock);
            }
            Err(refused) => refused,
        };
        let StateError::Locked { holder, .. } = &refused else { return Err(refused.into()) };
        let waited = clock::monotonic().saturating_sub(began);
        if contender.holder_lives() && waited >= global.lock_timeout.unwrap_or_default() {
            return Err(refused.into());
        }
        if waited >= PATIENCE && !std::mem::replace(&mut told, true) {
            let then =
                if contender.holder_lives() { "waiting until it ends" } else { "looking whether it lives" };
            errln!("The state in `{}` is in use by {holder}; {then}.", store.place().display());
        }
        clock::sleep(LOOK).await;
    }
}

/// Reports the holder that a lock was taken from.
pub fn tell(lock: &LockGuard) {
    if let Some(from) = lock.taken_from() {
        errln!("Took over the lock of {from}, which has shown no life.");
    }
}
