//! `bgform abort`: the release that is under way is taken back, now.

use super::rollout::{Session, Site, Which, still_under_way, told, under_way, who};
use super::{CliError, Exit, Global};
use crate::deployment::mailbox::Message;
use crate::deployment::run::End;
use crate::deployment::standing::{NoWay, abort, intent};
use crate::state::deployment::{Deployment, Rollout};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The old colour gets all traffic at once, then the new one is emptied. An apply that runs does \
                        it, and ends; where none runs, this command does. With strategy \"rolling\" the instance \
                        refresh is turned round, and with \"in_place\" the instances that were given the new \
                        release are replaced by ones of the old.\n\n\
                        Examples:\n  bgform abort\n  bgform abort stacks/shop.deploy --deployment web"
)]
pub struct AbortArgs {
    #[command(flatten)]
    which: Which,
}

pub async fn run(global: &Global, args: AbortArgs) -> Result<Exit, CliError> {
    take_back(global, &Site::find(global, &args.which)?, "bgform abort").await
}

/// Takes the rollout under way back, through the apply that runs or without one.
pub async fn take_back(global: &Global, site: &Site, command: &str) -> Result<Exit, CliError> {
    let (name, facts) = site.one(&site.snapshot()?)?;
    let rollout = under_way(&name, &facts)?;
    can_go_back(&name, &facts, rollout)?;
    let by = who();
    let message = Message::Abort { by: by.clone() };
    let Some(lock) = site.lock_or_tell(&name, &rollout.release, &message, command).await? else {
        return Ok(Exit::Done);
    };
    let session = Session::begin(site, global, &lock).await?;
    let (name, facts) = {
        let (name, now) = site.one(&session.journal.snapshot())?;
        can_go_back(&name, &now, still_under_way(&name, &now, &rollout.release)?)?;
        (name, now)
    };
    let ended = abort(&session.run(), &intent(&name, facts), &by).await;
    session.end(site, &lock)?;
    let Some(ended) = ended else { return Ok(Exit::Done) };
    Ok(match (told(&ended), &ended.end) {
        // That is what was asked for.
        (_, End::WentBack { .. }) => Exit::Done,
        (exit, _) => exit,
    })
}

/// What was done must be undone by going back.
fn can_go_back(name: &str, facts: &Deployment, rollout: &Rollout) -> Result<(), CliError> {
    let old = rollout.to.other();
    if let Some(gate) = facts.closed_by() {
        let release = facts.releases.get(&old).map_or("the old release", |release| &release.label).to_owned();
        let refused = NoWay::Irreversible { deployment: name.to_owned(), release, gate: gate.clone() };
        return Err(CliError::Refused {
            code: "bgform::deployment::irreversible",
            message: refused.to_string(),
            help: refused.help(),
        });
    }
    Ok(())
}
