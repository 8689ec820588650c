//! The engine: which deployments move and where to, how they and all other resources get there, and
//! the way back. A stack, its state and a reporter come in; a [`Plan`] goes out of [`plan`], and what
//! became of it out of [`ship`]. Every command that changes an account goes through these two. Nothing
//! here reads arguments, asks a person or writes to a terminal.

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

/// What plans are made and shipped with.
pub struct Engine<'a> {
    pub cloud: &'a Cloud,
    pub program: &'a Program,
    pub store: &'a Store,
    pub realm: Realm,
    pub reporter: &'a dyn Reporter,
    pub shutdown: &'a Shutdown,
    /// How many steps may be under way at once.
    pub parallelism: usize,
    /// What the stages of rollouts do: [`stage::of`].
    pub acts: stage::Acts<'a>,
}

/// Why nothing is planned, or nothing more is done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error("{error}")]
    Cloud { address: Option<Address>, error: cloud::error::Error },
    /// What is asked for cannot be done as things stand.
    #[error("{message}")]
    Refused { code: &'static str, message: String, help: String },
    /// What is asked for makes no sense for this deployment, whenever it is asked.
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

/// Ends what an earlier run has left open, before anything is planned; `destroys` says that all is to
/// be taken away afterwards.
///
/// # Errors
/// When AWS cannot be asked what became of it, the account is another one, or the state cannot be
/// written.
pub async fn recover(engine: &Engine<'_>, lock: &LockGuard, destroys: bool) -> Result<(), Error> {
    let Some(loaded) = engine.store.load()? else { return Ok(()) };
    if loaded.open.is_empty() && loaded.snapshot.unseen.is_empty() {
        return Ok(());
    }
    let account = engine.cloud.account().await?;
    same_account(engine.realm, engine.cloud, &account, engine.program, Some(&loaded.snapshot))?;
    let journal = engine.store.begin_session(lock, loaded.snapshot)?;
    let cut_short = || engine.reporter.say("An earlier run was cut short; looking at what it left:");
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
