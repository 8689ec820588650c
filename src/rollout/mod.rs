//! The engine: decides which deployments move, ships them and all other resources, and takes them back. A
//! stack, its state and a reporter come in. [`plan`] returns a [`Plan`], and [`ship`] its result. Every
//! command that changes an account goes through these two. Nothing here reads arguments, asks a person or
//! writes to a terminal.

mod account;
pub mod adopt;
mod author;
mod beside;
mod command;
pub mod decide;
mod document;
mod fingerprint;
pub mod gate;
mod health;
mod lost;
pub mod mailbox;
mod moves;
mod order;
pub mod permissions;
pub mod picture;
mod plan;
pub mod preflight;
mod preview;
pub mod rebuild;
mod records;
mod remote;
mod request;
pub mod run;
pub mod seen;
mod ship;
pub mod stage;
pub mod standing;
mod steer;
pub mod story;
mod task;
pub mod tell;
pub mod verify;
mod watch;

use crate::address::Address;
use crate::apply::{Recovered, recover as look_up};
use crate::cloud::{self, Cloud};
use crate::kind::operation::Reporter;
use crate::kind::shutdown::Shutdown;
use crate::plan::PlanError;
use crate::stack::Program;
use crate::state::{LockGuard, StateError, Store};

pub use account::{Realm, same_account};
pub use author::{commit, who};
pub use moves::Rollouts;
pub use order::{Answer, Nothing, Order, busy, order};
pub use plan::{Plan, plan};
pub use ship::{Shipped, ship};
pub use steer::{note, pause, still_under_way, under_way};

/// The context in which plans are made and shipped.
pub struct Engine<'a> {
    pub cloud: &'a Cloud,
    pub program: &'a Program,
    pub store: &'a Store,
    pub realm: Realm,
    pub reporter: &'a dyn Reporter,
    pub shutdown: &'a Shutdown,
    /// Maximum number of steps under way at once.
    pub parallelism: usize,
    /// The acts of a rollout's stages: [`stage::of`].
    pub acts: stage::Acts<'a>,
}

/// Why a plan, or its shipping, stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error("{error}")]
    Cloud { address: Option<Address>, error: cloud::error::Error },
    /// The request cannot be carried out in the current state.
    #[error("{message}")]
    Refused { code: &'static str, message: String, help: String },
    /// The request never makes sense for this deployment.
    #[error("{message}")]
    Senseless { code: &'static str, message: String, help: String },
}

impl Error {
    fn refused(code: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Refused { code, message: message.into(), help: help.into() }
    }
}

impl From<cloud::error::Error> for Error {
    fn from(error: cloud::error::Error) -> Self {
        match error {
            cloud::error::Error::State(error) => Self::State(error),
            error => Self::Cloud { address: None, error },
        }
    }
}

/// Ends operations that an earlier run left open, before anything is planned. `destroys` says that the whole
/// stack is to be destroyed afterwards.
///
/// # Errors
/// When AWS cannot be asked about them, the account is another one, or the state cannot be written.
pub async fn recover(engine: &Engine<'_>, lock: &LockGuard, destroys: bool) -> Result<(), Error> {
    let Some(loaded) = engine.store.load()? else { return Ok(()) };
    if loaded.open.is_empty() && loaded.snapshot.unseen.is_empty() {
        return Ok(());
    }
    let account = engine.cloud.account().await?;
    same_account(engine.realm, engine.cloud, &account, engine.program, Some(&loaded.snapshot))?;
    let journal = engine.store.begin_session(lock, loaded.snapshot)?;
    let cut_short =
        || engine.reporter.say("An earlier run was interrupted. Looking for its unfinished work:");
    let is_open = !loaded.open.is_empty();
    if is_open {
        cut_short();
    }
    let recovered = look_up(engine.cloud, &journal, &loaded.open, destroys, engine.reporter)
        .await
        .map_err(|(address, error)| Error::Cloud { address: Some(address), error })?;
    if !is_open && !recovered.is_empty() {
        cut_short();
    }
    for Recovered { address, found, .. } in &recovered {
        engine.reporter.say(&format!("  {address}: {found}"));
    }
    let mut snapshot = journal.snapshot();
    drop(journal);
    engine.store.checkpoint(lock, &mut snapshot)?;
    Ok(())
}
