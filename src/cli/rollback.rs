//! `bgform rollback`: goes back to the release before. While its colour stands by, that is one change of the
//! rule. After its retirement it is raised again first, after a question. A release that was replaced in the
//! live colour comes back there.

use super::abort::take_back;
use super::apply::ask_at_terminal;
use super::rollout::{Site, Which, carry_out, told};
use super::{CliError, Exit, Global, lock};
use crate::rollout::mailbox::Message;
use crate::rollout::{Answer, Order, Plan, order, who};
use crate::terminal::outln;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "While the old colour stands, one change of the listener rule gives it all traffic, and nothing is \
                        asked. The release that is left stands by as long as the old one did. A release that was \
                        shipped with strategy \"rolling\" or \"in_place\" has no old colour: after a question, an \
                        instance refresh brings the release before back. A release that is still under way is taken \
                        back as by `bgform abort`. After an irreversible gate has passed there is no way back, and \
                        the command says so. With --to the command may be given again after it was cut short: once \
                        that release is live there is nothing to do. If an apply runs, of another deployment too, \
                        that apply goes back.\n\n\
                        Examples:\n  bgform rollback\n  bgform rollback --to 1.0.1\n  \
                        bgform rollback stacks/shop.deploy --deployment web --auto-approve"
)]
pub struct RollbackArgs {
    #[command(flatten)]
    which: Which,
    /// Go back only if this is the release before.
    #[arg(long, value_name = "RELEASE")]
    to: Option<String>,
    /// Do not ask where instances of the old release have to be launched.
    #[arg(long)]
    auto_approve: bool,
}

pub async fn run(global: &Global, args: RollbackArgs) -> Result<Exit, CliError> {
    let site = Site::find(global, &args.which)?;
    let snapshot = site.snapshot()?;
    let (name, facts) = site.one(&snapshot)?;
    if facts.rollout.as_ref().is_some_and(|rollout| !rollout.is_back()) {
        return take_back(global, &site, args.to, "bgform rollback").await;
    }
    // Asked before the lock is taken, so that no other command waits for an answer.
    let mut raise = args.auto_approve;
    if facts.rollout.is_none() {
        let wanted = Order::Rollback { to: args.to.clone(), raise: true };
        let mut plan = match order(snapshot, &name, &wanted, crate::clock::now())? {
            Answer::Ship(plan) => plan,
            Answer::Nothing(nothing) => {
                outln!("{nothing}");
                return Ok(Exit::Done);
            }
        };
        if plan.rollouts.launches() {
            show(global, &site, &mut plan).await?;
            if !raise {
                agreed()?;
                raise = true;
            }
        }
    }
    let lock = match facts.addressed() {
        Some(about) => {
            let message = Message::Rollback { to: args.to.clone(), by: who(), raise };
            match site.lock_or_tell(&name, about, &message, "bgform rollback").await? {
                Some(lock) => lock,
                None => return Ok(Exit::Done),
            }
        }
        None => lock::locked(global, &site.store, "bgform rollback").await?,
    };
    let wanted = Order::Rollback { to: args.to, raise };
    let ended = carry_out(global, &site, &lock, &name, &wanted).await?;
    Ok(ended.iter().map(told).find(|exit| *exit != Exit::Done).unwrap_or(Exit::Done))
}

/// Shows the launch of instances of the release before.
async fn show(global: &Global, site: &Site, plan: &mut Plan) -> Result<(), CliError> {
    let (_, cloud) = site.connect(global, &plan.snapshot).await?;
    plan.launchable(&cloud).await?;
    plan.measure(&cloud).await?;
    super::report::out(&plan.rollouts.story());
    Ok(())
}

fn agreed() -> Result<(), CliError> {
    use std::io::IsTerminal;
    match std::io::stdin().is_terminal() {
        true => ask_at_terminal(),
        false => Err(CliError::usage(
            "bgform::cli::no_terminal",
            "the old release has no instances; launching them is asked for first, and there is no terminal to ask at",
            "nothing was changed. Pass --auto-approve",
        )),
    }
}
