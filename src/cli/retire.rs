//! `bgform retire --now`: empties the standby colour before its time.

use super::lock::locked;
use super::promote::promote;
use super::rollout::{Site, Which, carry_out, told};
use super::{CliError, Exit, Global};
use crate::rollout::{Order, busy};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The scheduled retirement is called off and the group's sizes become 0. From then on \
                        `bgform rollback` has to raise the old release again before it gets traffic. If gates \
                        `before_retire` or `after_retire` still have to pass, the apply retires the colour: the time \
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
            return Err(busy(&name, rollout).into());
        }
        let then = "passes the gates that are left, and retires";
        return promote(global, &site, &name, &rollout.release, "bgform retire", then).await;
    }
    let lock = locked(global, &site.store, "bgform retire").await?;
    let ended = carry_out(global, &site, &lock, &name, &Order::Retire).await?;
    Ok(ended.iter().map(told).find(|exit| *exit != Exit::Done).unwrap_or(Exit::Done))
}
