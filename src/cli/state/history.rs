//! `bgform state history`: the kept serials, newest first.

use super::StackArg;
use crate::cli::show::table;
use crate::cli::{CliError, Exit, Global, locate, report};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The newest serial may be followed by what a running apply has written since. A serial whose \
                        file is damaged is not listed.\n\n\
                        Examples:\n  bgform state history\n  bgform state show --serial 12"
)]
pub struct HistoryArgs {
    #[command(flatten)]
    stack: StackArg,
}

pub fn run(global: &Global, args: HistoryArgs) -> Result<Exit, CliError> {
    // The history is wanted most when the state cannot be read, so only the history is read.
    let store = locate::store_at(global, args.stack.stack.as_deref())?;
    let history = store.history()?;
    if history.is_empty() {
        locate::loaded(&store)?;
    }
    let mut rows = vec![["serial", "taken at", "resources", "by", "command"].map(str::to_owned)];
    rows.extend(history.iter().rev().map(|kept| {
        let by = &kept.written_by;
        [
            kept.serial.to_string(),
            format!("{:.0}", kept.taken_at),
            kept.resources.to_string(),
            format!("{}@{}", by.user, by.host),
            format!("{} ({})", by.command, by.bgform),
        ]
    }));
    report::out(&table(&rows, ""));
    Ok(Exit::Done)
}
