//! `bgform state unlock`: takes the lock from a holder that lives, or seems to.

use super::StackArg;
use crate::cli::apply::ask_at_terminal;
use crate::cli::lock::contend;
use crate::cli::{CliError, Exit, Global, locate, report};
use crate::terminal::outln;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "A dead holder loses the lock by itself, within 20 s, so this is for one that lives and should not. It \
                        is refused its next write, and begins no call after it; what it had begun is looked at by the \
                        next apply.\n\n\
                        Examples:\n  bgform state unlock\n  bgform state unlock --auto-approve stacks/shop.deploy"
)]
pub struct UnlockArgs {
    /// Do not ask.
    #[arg(long)]
    auto_approve: bool,
    #[command(flatten)]
    stack: StackArg,
}

pub fn run(global: &Global, args: UnlockArgs) -> Result<Exit, CliError> {
    let store = locate::store_at(global, args.stack.stack.as_deref())?;
    let mut contender = contend(&store, "bgform state unlock");
    let Some(holder) = contender.holder()? else {
        report::out(&format!("The state in `{}` is not locked.\n", store.place().display()));
        return Ok(Exit::Done);
    };
    outln!("The state in `{}` is in use by {holder}.", store.place().display());
    if !args.auto_approve {
        ask_at_terminal()?;
    }
    let lock = contender.seize()?;
    let from = lock.taken_from().unwrap_or(&holder);
    report::out(&format!("Took the lock of {from}, and gave it back. Its next write is refused.\n"));
    Ok(Exit::Done)
}
