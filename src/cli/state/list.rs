//! `bgform state list`: the addresses in the state, one on each line, for people and for scripts.

use super::StackArg;
use crate::cli::show::{rows, table};
use crate::cli::{CliError, Exit, Global, locate, report};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  bgform state list\n  bgform state list --ids stacks/explicit.deploy")]
pub struct ListArgs {
    /// Show the ids too, and what is unfinished or still to be deleted.
    #[arg(long)]
    ids: bool,
    #[command(flatten)]
    stack: StackArg,
}

pub fn run(global: &Global, args: ListArgs) -> Result<Exit, CliError> {
    let loaded = locate::loaded(&locate::store_at(global, args.stack.stack.as_deref())?)?;
    match args.ids {
        true => report::out(&table(&rows(&loaded.snapshot, &loaded.open), "")),
        false => {
            let addresses = loaded.snapshot.resources.keys().map(|address| format!("{address}\n"));
            report::out(&addresses.collect::<String>());
        }
    }
    Ok(Exit::Done)
}
