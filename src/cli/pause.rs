//! `bgform pause`: a rollout stays where it is.

use super::rollout::{Session, Site, Which, still_under_way, under_way};
use super::{CliError, Exit, Global};
use crate::deployment::mailbox::Message;
use crate::deployment::standing::{intent, pause};
use crate::terminal::outln;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The weights stay as they are, and gates with at = \"shift\" are still watched, until \
                        `bgform promote` goes on or `bgform abort` goes back. In place, the batch under way is \
                        ended first. AWS cannot pause an instance refresh: it is cancelled, which leaves its \
                        instances as they are by then, and going on starts another one for the rest.\n\n\
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
    let session = Session::begin(&site, global, &lock).await?;
    let (name, facts) = site.one(&session.journal.snapshot())?;
    still_under_way(&name, &facts, &release)?;
    let label = release.label;
    let paused = pause(&session.run(), &intent(&name, facts)).await;
    session.end(&site, &lock)?;
    match paused {
        Ok(cancelled) => {
            let refresh = match cancelled {
                true => " Its instance refresh is cancelled, and another one will replace the rest.",
                false => "",
            };
            outln!("{name}: {label} is paused; `bgform promote` lets the next `bgform apply` go on.{refresh}");
            Ok(Exit::Done)
        }
        Err(failure) => Err(CliError::Refused {
            code: "bgform::deployment::not_paused",
            message: format!("{label} of `{name}` may go on at AWS: {failure}"),
            help: "its instance refresh could not be cancelled; the state has it as paused. Run `bgform pause` again"
                .to_owned(),
        }),
    }
}
