//! `bgform retire --now`: the colour that stands by is emptied before its time.

use super::lock::locked;
use super::promote::promote;
use super::rollout::{Session, Site, Which};
use super::{CliError, Exit, Global};
use crate::deployment::standing::{intent, retire};
use crate::state::deployment::Rollout;
use crate::terminal::outln;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The scheduled retirement is called off and the group's sizes become 0. From then on \
                        `bgform rollback` has to raise the old release again before it gets traffic. Where gates \
                        `before_retire` or `after_retire` are still to pass, it is the apply that retires: the time \
                        that is left is skipped, as by `bgform promote`.\n\n\
                        Examples:\n  bgform retire --now\n  bgform retire --now stacks/shop.deploy --deployment web"
)]
pub struct RetireArgs {
    #[command(flatten)]
    which: Which,
    /// At once; without it, the time that the strategy's `retire_after` gives is left as it is.
    #[arg(long)]
    now: bool,
}

pub async fn run(global: &Global, args: RetireArgs) -> Result<Exit, CliError> {
    let site = Site::find(global, &args.which)?;
    if !args.now {
        return Err(CliError::usage(
            "bgform::cli::retire",
            "a colour is retired by itself when its time has come",
            "pass --now to empty it at once; `bgform status` shows when it is due",
        ));
    }
    let (name, facts) = site.one(&site.snapshot()?)?;
    if let Some(rollout) = &facts.rollout {
        if !rollout.waits_to_retire(&facts) {
            return Err(under_way(&name, rollout));
        }
        let then = "passes the gates that are left, and retires";
        return promote(global, &site, &name, &rollout.release, "bgform retire", then).await;
    }
    let lock = locked(global, &site.store, "bgform retire").await?;
    let session = Session::begin(&site, global, &lock).await?;
    let (name, facts) = site.one(&session.journal.snapshot())?;
    if let Some(rollout) = &facts.rollout {
        return Err(under_way(&name, rollout));
    }
    let Some(idle) = facts.live.map(|live| live.other()) else {
        outln!("{name}: nothing is live yet, and nothing stands by.");
        return Ok(Exit::Done);
    };
    if facts.has_retired(idle, crate::clock::now()) {
        outln!("{name}: {idle} is empty already.");
        return Ok(Exit::Done);
    }
    let label = facts.releases.get(&idle).map_or("its release", |release| &release.label).to_owned();
    let done = retire(&session.run(), &intent(&name, facts)).await;
    session.end(&site, &lock)?;
    done.map_err(|failure| CliError::Refused {
        code: "bgform::deployment::retire",
        message: format!("{idle} of `{name}` could not be emptied: {failure}"),
        help: "what was done is in the state; run the same command again".to_owned(),
    })?;
    outln!("{name}: {idle} with {label} is emptied; `bgform rollback` would raise it again.");
    Ok(Exit::Done)
}

fn under_way(name: &str, rollout: &Rollout) -> CliError {
    CliError::Refused {
        code: "bgform::deployment::under_way",
        message: format!("release {} of `{name}` is under way", rollout.release.label),
        help: "nothing was changed. `bgform promote` and `bgform apply` end it, with its gates; `bgform abort` goes \
               back; `bgform status` shows at which step it is"
            .to_owned(),
    }
}
