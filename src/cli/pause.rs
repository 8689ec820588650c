//! `bgform pause`: keeps a rollout where it is.

use super::rollout::{Reach, Site, Which};
use super::{CliError, Exit, Global};
use crate::rollout::mailbox::Message;
use crate::rollout::{pause, under_way};
use crate::terminal::outln;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The weights stay as they are, and gates with at = \"shift\" are still watched, until \
                        `bgform promote` goes on or `bgform abort` goes back. With strategy \"in_place\" the batch \
                        under way ends first. AWS cannot pause an instance refresh (\"rolling\"): it is cancelled, its \
                        instances stay as they are, and `bgform promote` starts another one for the rest.\n\n\
                        Examples:\n  bgform pause\n  bgform pause stacks/shop.deploy --deployment web"
)]
pub struct PauseArgs {
    #[command(flatten)]
    which: Which,
}

pub async fn run(global: &Global, args: PauseArgs) -> Result<Exit, CliError> {
    let site = Site::find(global, &args.which)?;
    let (name, facts) = site.leading(&site.snapshot()?)?;
    let release = under_way(&name, &facts)?.release.clone();
    let Some(lock) = site.lock_or_tell(&name, &release, &Message::Pause, "bgform pause").await? else {
        return Ok(Exit::Done);
    };
    let reach = Reach::of(&site, global).await?;
    reach.listen();
    let cancelled = pause(&reach.engine(&site), &lock, &name, &release).await?;
    let refresh = match cancelled {
        true => " Its instance refresh is cancelled, and another one will replace the rest.",
        false => "",
    };
    outln!(
        "{name}: {} is paused; `bgform promote` lets the next `bgform apply` go on.{refresh}",
        release.label
    );
    Ok(Exit::Done)
}
