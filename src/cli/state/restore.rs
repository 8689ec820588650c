//! `bgform state restore`: replaces a state that cannot be read, or is wrong, by a kept serial.

use super::{StackArg, nothing_open};
use crate::cli::apply::ask_at_terminal;
use crate::cli::lock::locked;
use crate::cli::{CliError, Exit, Global, locate, report};
use crate::terminal::outln;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Nothing in the account changes, and nothing is thrown away: the state that is replaced stays in the \
                        history, and what does not read is copied to `aside/` beside it. Where the state does not \
                        read, the records that the journal has after that serial still count. `bgform plan` then \
                        shows what differs from the cloud.\n\n\
                        Examples:\n  bgform state restore\n  bgform state restore --serial 12 stacks/shop.deploy"
)]
pub struct RestoreArgs {
    /// The serial, as `bgform state history` lists it; left out, the newest that reads.
    #[arg(long, value_name = "N")]
    serial: Option<u64>,
    /// Do not ask.
    #[arg(long)]
    auto_approve: bool,
    #[command(flatten)]
    stack: StackArg,
}

pub async fn run(global: &Global, args: RestoreArgs) -> Result<Exit, CliError> {
    let store = locate::store_at(global, args.stack.stack.as_deref())?;
    let history = store.history()?;
    let asked = |kept: &&crate::state::HistoryEntry| args.serial.is_none_or(|serial| kept.serial == serial);
    let Some(kept) = history.iter().rev().find(asked) else {
        // Reports the fault of that serial, or that it does not exist.
        store.load_serial(args.serial.unwrap_or_default())?;
        locate::loaded(&store)?;
        return Ok(Exit::Done);
    };
    let lock = locked(global, &store, "bgform state restore").await?;
    match store.load() {
        Ok(Some(loaded)) => {
            nothing_open(&loaded.open)?;
            let now = &loaded.snapshot;
            outln!("The state reads: serial {}, {} resources.", now.serial, now.resources.len());
        }
        Ok(None) => {}
        Err(error) => outln!("The state does not read: {error}."),
    }
    outln!(
        "Serial {} of {:.0}, by {}, has {} resources, and takes its place.",
        kept.serial,
        kept.taken_at,
        kept.written_by.command,
        kept.resources
    );
    if !args.auto_approve {
        ask_at_terminal()?;
    }
    let restored = store.restore(&lock, Some(kept.serial))?;
    let mut text = format!("Serial {} is the state again, as serial {}", restored.from, restored.serial);
    match restored.records {
        0 => text.push_str(".\n"),
        records => text.push_str(&format!(", with {records} later records of the journal.\n")),
    }
    for copy in &restored.aside {
        text.push_str(&format!("The former content is in `{copy}`.\n"));
    }
    text.push_str("`bgform plan` shows what differs from the cloud.\n");
    report::out(&text);
    Ok(Exit::Done)
}
