//! `bgform state`: inspects and corrects the state. Reads no resource, and changes nothing in the account.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::lock::locked;
use super::show::{self, What};
use super::{CliError, Exit, Global, locate, report};
use crate::state::{Change, Entry, LockGuard, Snapshot, Store};

mod history;
mod list;
mod migrate;
mod mv;
mod rebuild;
mod restore;
mod rm;
mod unlock;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "`bgform help state` explains the state, and `bgform help recovery` what to do when it is damaged."
)]
pub struct StateArgs {
    #[command(subcommand)]
    command: StateCommand,
}

#[derive(Debug, Subcommand)]
enum StateCommand {
    /// List the addresses in the state
    List(list::ListArgs),
    /// Give a resource another address, without an API call
    Mv(mv::MvArgs),
    /// Forget resources; they stay as they are, and are no longer managed
    Rm(rm::RmArgs),
    /// List the serials that are kept
    History(history::HistoryArgs),
    /// Show the state as it was at a serial
    Show(ShowArgs),
    /// Put a kept serial in the place of the state
    Restore(restore::RestoreArgs),
    /// Move the state to another place: a folder, or S3
    Migrate(migrate::MigrateArgs),
    /// Build a lost state again from what the account has
    Rebuild(rebuild::RebuildArgs),
    /// Take the lock from whoever has it
    Unlock(unlock::UnlockArgs),
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "`bgform state history` lists the serials, and `bgform show --help` describes the JSON.\n\n\
                        Examples:\n  bgform state show --serial 12\n  \
                        bgform state show --serial 12 target_group.shop --json"
)]
struct ShowArgs {
    /// The serial to show; left out, the state as it stands.
    #[arg(long, value_name = "N")]
    serial: Option<u64>,
    #[command(flatten)]
    what: What,
}

/// The stack, last of a command's words.
#[derive(Debug, clap::Args)]
struct StackArg {
    /// A stack file or folder; left out, the only .deploy file here.
    #[arg(value_name = "STACK")]
    stack: Option<PathBuf>,
}

pub async fn run(global: &Global, args: StateArgs) -> Result<Exit, CliError> {
    match args.command {
        StateCommand::List(args) => list::run(global, args),
        StateCommand::Mv(args) => mv::run(global, args).await,
        StateCommand::Rm(args) => rm::run(global, args).await,
        StateCommand::History(args) => history::run(global, args),
        StateCommand::Show(args) => show::show(global, args.what, args.serial),
        StateCommand::Restore(args) => restore::run(global, args).await,
        StateCommand::Migrate(args) => migrate::run(global, args).await,
        StateCommand::Rebuild(args) => rebuild::run(global, args).await,
        StateCommand::Unlock(args) => unlock::run(global, args),
    }
}

/// A locked state for changes by hand.
struct Hand {
    store: Store,
    lock: LockGuard,
    snapshot: Snapshot,
}

impl Hand {
    /// Locks an existing state without open operations.
    async fn on(global: &Global, stack: Option<&Path>, command: &str) -> Result<Self, CliError> {
        let store = locate::store_at(global, stack)?;
        // Without this a mistyped stack would leave an empty folder.
        locate::loaded(&store)?;
        let lock = locked(global, &store, command).await?;
        let loaded = locate::loaded(&store)?;
        nothing_open(&loaded.open)?;
        Ok(Self { store, lock, snapshot: loaded.snapshot })
    }

    /// Keeps the changes under the next serial.
    async fn keep(self, changes: Vec<Change>) -> Result<Snapshot, CliError> {
        keep(&self.store, &self.lock, self.snapshot, changes).await
    }
}

/// Refuses if an operation was cut short: its result must be looked up before anything else.
pub fn nothing_open(open: &[crate::state::OpenOperation]) -> Result<(), CliError> {
    let Some(first) = open.first() else { return Ok(()) };
    Err(CliError::Refused {
        code: "bgform::state::cut_short",
        message: format!("an earlier apply was cut short while it worked on `{}`", first.begin.address),
        help: "nothing was changed. Run `bgform apply` first: it looks there and puts the state right before it \
               shows a plan, which may be declined"
            .to_owned(),
    })
}

/// Records changes that no operation made, and a snapshot with them.
pub async fn keep(
    store: &Store,
    lock: &LockGuard,
    snapshot: Snapshot,
    changes: Vec<Change>,
) -> Result<Snapshot, CliError> {
    let journal = store.begin_session(lock, snapshot)?;
    for change in changes {
        journal.append(Entry::Fact { change }).await?;
    }
    let mut snapshot = journal.snapshot();
    drop(journal);
    store.checkpoint(lock, &mut snapshot)?;
    Ok(snapshot)
}

/// Reports the changes, and their serial.
fn tell(lines: &[String], snapshot: &Snapshot) {
    let mut text = lines.join("\n");
    text.push_str(&format!("\nKept as serial {}.\n", snapshot.serial));
    report::out(&text);
}
