//! `bgform state migrate`: moves the state into a bucket, out of it, or to another folder.

use std::path::PathBuf;

use super::{StackArg, nothing_open};
use crate::cli::lock::locked;
use crate::cli::{CliError, Exit, Global, locate, report};
use crate::state::StateError;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The history goes with it, and a note stays behind: who still uses the old place is told of the new one. \
                        Cut short, the same command does it again. Write the new place into the `stack` block \
                        afterwards; until then --state names it.\n\n\
                        Examples:\n  bgform state migrate --to 's3://acme-state/prod?region=eu-west-1'\n  \
                        bgform state migrate --to state stacks/shop.deploy"
)]
pub struct MigrateArgs {
    /// Where <stack> is to be in: a folder or s3://bucket/prefix.
    #[arg(long, value_name = "PLACE")]
    to: PathBuf,
    #[command(flatten)]
    stack: StackArg,
}

pub async fn run(global: &Global, args: MigrateArgs) -> Result<Exit, CliError> {
    let from = locate::store_at(global, args.stack.stack.as_deref())?;
    let name = from.place().file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let to = locate::in_place(global, &args.to, &name, false)?;
    if locate::absolute(from.place()) == locate::absolute(to.place()) {
        return Err(CliError::usage(
            "bgform::state::same_place",
            format!("the state is in `{}` already", to.place().display()),
            "name another place with --to",
        ));
    }
    let setting = locate::absolute(&args.to).display().to_string();
    if let Err(StateError::Moved { to, .. }) = from.load()
        && to == setting
    {
        report::out(&format!("The state is in `{}` already. {}", args.to.display(), now_write(&setting)));
        return Ok(Exit::Done);
    }
    locate::loaded(&from)?;
    let lock = locked(global, &from, "bgform state migrate").await?;
    let there = locked(global, &to, "bgform state migrate").await?;
    let loaded = locate::loaded(&from)?;
    nothing_open(&loaded.open)?;
    let mut snapshot = loaded.snapshot;
    from.migrate(&lock, &to, &there, &setting, &mut snapshot)?;
    report::out(&format!(
        "Moved serial {} with {} resources from `{}` to `{}`.\n{}",
        snapshot.serial,
        snapshot.resources.len(),
        from.place().display(),
        to.place().display(),
        now_write(&setting),
    ));
    Ok(Exit::Done)
}

fn now_write(setting: &str) -> String {
    format!("Write `state = \"{setting}\"` into the `stack` block.\n")
}
