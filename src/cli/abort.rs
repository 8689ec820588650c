//! `bgform abort`: takes the release under way back, now.

use super::rollout::{Site, Which, carry_out, told};
use super::{CliError, Exit, Global};
use crate::rollout::mailbox::Message;
use crate::rollout::run::End;
use crate::rollout::{Order, order, under_way, who};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The old colour gets all traffic at once, then the new one is emptied. If an apply runs, it does \
                        this and ends; if none runs, this command does it. With strategy \"rolling\" the instance \
                        refresh is rolled back. With \"in_place\" instances of the old release replace those that \
                        were given the new one.\n\n\
                        Examples:\n  bgform abort\n  bgform abort stacks/shop.deploy --deployment web"
)]
pub struct AbortArgs {
    #[command(flatten)]
    which: Which,
}

pub async fn run(global: &Global, args: AbortArgs) -> Result<Exit, CliError> {
    take_back(global, &Site::find(global, &args.which)?, None, "bgform abort").await
}

/// Takes the rollout under way back, through a running apply or without one; to the release `to`, if it is
/// named.
pub async fn take_back(
    global: &Global,
    site: &Site,
    to: Option<String>,
    command: &str,
) -> Result<Exit, CliError> {
    let snapshot = site.snapshot()?;
    let (name, facts) = site.leading(&snapshot)?;
    let about = under_way(&name, &facts)?.release.clone();
    let wanted = Order::Abort { about: Some(about.clone()), to };
    order(snapshot, &name, &wanted, crate::clock::now())?;
    let message = Message::Abort { by: who() };
    let Some(lock) = site.lock_or_tell(&name, &about, &message, command).await? else {
        return Ok(Exit::Done);
    };
    let ended = carry_out(global, site, &lock, &name, &wanted).await?;
    Ok(ended.iter().fold(Exit::Done, |_, ended| match (told(ended), &ended.end) {
        // The command asked for that.
        (_, End::WentBack { .. }) => Exit::Done,
        (exit, _) => exit,
    }))
}
