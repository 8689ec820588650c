//! `bgform pause`: a rollout stays where it is.

use super::rollout::{Site, Which, under_way};
use super::{CliError, Exit, Global};
use crate::deployment::mailbox::Message;
use crate::state::deployment::Course;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The weights stay as they are, and gates with at = \"shift\" are still watched, until \
                        `bgform promote` goes on or `bgform abort` goes back.\n\n\
                        Examples:\n  bgform pause\n  bgform pause stacks/shop.deploy --deployment web"
)]
pub struct PauseArgs {
    #[command(flatten)]
    which: Which,
}

pub async fn run(global: &Global, args: PauseArgs) -> Result<Exit, CliError> {
    let site = Site::find(global, &args.which)?;
    let (name, facts) = site.one(&site.snapshot()?)?;
    let release = under_way(&name, &facts)?.release.clone();
    let Some(lock) = site.lock_or_tell(&name, &release, &Message::Pause, "bgform pause").await? else {
        return Ok(Exit::Done);
    };
    site.note(global, &lock, &release, |_, rollout| rollout.course = Course::Paused).await?;
    println!("{name}: {} is paused; `bgform promote` lets the next `bgform apply` go on.", release.label);
    Ok(Exit::Done)
}
