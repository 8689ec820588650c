//! `bgform promote`: lets a rollout go on now.

use super::rollout::{Reach, Site, Which};
use super::{CliError, Exit, Global};
use crate::facts::{Release, Rollout};
use crate::rollout::mailbox::Message;
use crate::rollout::{note, under_way};
use crate::terminal::outln;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The time that is left of the stage under way is skipped. A rollout that is paused or held goes \
                        on. Gates are not skipped: each has to pass. If no apply runs, the next `bgform apply` goes on \
                        at once.\n\n\
                        Examples:\n  bgform promote\n  bgform promote stacks/shop.deploy --deployment web"
)]
pub struct PromoteArgs {
    #[command(flatten)]
    which: Which,
}

pub async fn run(global: &Global, args: PromoteArgs) -> Result<Exit, CliError> {
    let site = Site::find(global, &args.which)?;
    let (name, facts) = site.leading(&site.snapshot()?)?;
    let release = under_way(&name, &facts)?.release.clone();
    let then = format!("of {} goes on at once", release.label);
    promote(global, &site, &name, &release, "bgform promote", &then).await
}

/// Promotes the rollout through the running apply, or else for the next one; `then` is the message about
/// that.
pub async fn promote(
    global: &Global,
    site: &Site,
    name: &str,
    release: &Release,
    command: &str,
    then: &str,
) -> Result<Exit, CliError> {
    let Some(lock) = site.lock_or_tell(name, release, &Message::Promote, command).await? else {
        return Ok(Exit::Done);
    };
    let reach = Reach::of(site, global).await?;
    note(&reach.engine(site), &lock, name, release, Rollout::promote).await?;
    outln!("{name}: no apply runs; the next `bgform apply` {then}.");
    Ok(Exit::Done)
}
