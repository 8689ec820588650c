//! `bgform rollback`: back to the release before. While its colour stands, that is one change of the
//! rule; once it is retired, it is raised again first, after asking. What was replaced in the live
//! colour comes back there.

use super::abort::take_back;
use super::apply::ask_at_terminal;
use super::rollout::{Session, Site, Which, told, who};
use super::{CliError, Exit, Global, lock};
use crate::address::Address;
use crate::deployment::decide::Intent;
use crate::deployment::mailbox::Message;
use crate::deployment::run::run as carry_out;
use crate::deployment::standing::{Back, NoWay, back, intent};
use crate::deployment::story::story;
use crate::kind::autoscaling_group::fleet::observe_one;
use crate::state::deployment::Course;
use crate::state::{LockGuard, Snapshot};
use crate::terminal::outln;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "While the old colour stands, all traffic is back on it after one change of the listener rule, \
                        and nothing is asked. A release that was shipped with strategy \"rolling\" or \"in_place\" has \
                        no old colour: after asking, an instance refresh brings the release before back. The release that is left stands by as long as the old one did. A \
                        release that is still under way is taken back as by `bgform abort`. After a gate that is \
                        irreversible has passed there is no way back, and it says so. With --to it can be given again after it was \
                        cut short: once that release is live there is nothing to do. Where an apply runs, of \
                        another deployment too, that does it.\n\n\
                        Examples:\n  bgform rollback\n  bgform rollback --to 1.0.1\n  \
                        bgform rollback stacks/shop.deploy --deployment web --auto-approve"
)]
pub struct RollbackArgs {
    #[command(flatten)]
    which: Which,
    /// Only if this is the release to go back to.
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
        let old = facts.live.and_then(|live| facts.releases.get(&live)).map(|release| &release.label);
        if let (Some(wanted), Some(old)) = (&args.to, old)
            && wanted != old
        {
            return Err(CliError::usage(
                "bgform::deployment::no_way_back",
                format!("what is under way goes back to {old}, and not to {wanted}"),
                format!("nothing was changed. `bgform abort` goes back to {old}"),
            ));
        }
        return take_back(global, &site, "bgform rollback").await;
    }
    // Asked before the lock is taken, so that nobody waits for an answer.
    let mut raise = args.auto_approve;
    if facts.rollout.is_none() {
        let way = back(&name, &facts, args.to.as_deref(), &who(), crate::clock::now());
        if let Err(there @ NoWay::Live { .. }) = &way {
            // What was cut short at its very end, and is run again.
            outln!("{there}. Nothing to do.");
            return Ok(Exit::Done);
        }
        let Back { intent, raises } = way.map_err(refused)?;
        if raises {
            show(global, &site, &snapshot, &intent).await?;
        }
        if raises && !raise {
            agreed()?;
            raise = true;
        }
    }
    if let Some(about) = facts.addressed() {
        let message = Message::Rollback { to: args.to.clone(), by: who(), raise };
        let Some(lock) = site.lock_or_tell(&name, about, &message, "bgform rollback").await? else {
            return Ok(Exit::Done);
        };
        return locked(global, &site, &lock, &args, raise).await;
    }
    let lock = lock::locked(global, &site.store, "bgform rollback").await?;
    locked(global, &site, &lock, &args, raise).await
}

/// Decides again with the lock, and goes.
async fn locked(
    global: &Global,
    site: &Site,
    lock: &LockGuard,
    args: &RollbackArgs,
    raise: bool,
) -> Result<Exit, CliError> {
    let session = Session::begin(site, global, lock).await?;
    let (name, facts) = site.one(&session.journal.snapshot())?;
    let intent = match &facts.rollout {
        // One that was cut short.
        Some(rollout) if rollout.is_back() => {
            let mut facts = facts.clone();
            if let Some(rollout) = &mut facts.rollout {
                rollout.course = Course::Forward;
            }
            intent(&name, facts)
        }
        Some(rollout) => {
            return Err(CliError::Refused {
                code: "bgform::deployment::under_way",
                message: format!("release {} of `{name}` was begun meanwhile", rollout.release.label),
                help: "nothing was changed. `bgform abort` takes it back".to_owned(),
            });
        }
        None => {
            let now = session.cloud.clock.now();
            let Back { intent, raises } =
                back(&name, &facts, args.to.as_deref(), &who(), now).map_err(refused)?;
            if raises && !raise {
                return Err(CliError::Refused {
                    code: "bgform::deployment::retired",
                    message: format!("the old colour of `{name}` was emptied just now"),
                    help: "nothing was changed. The same command again asks whether to raise it".to_owned(),
                });
            }
            intent
        }
    };
    go(site, session, lock, intent).await
}

async fn go(site: &Site, session: Session, lock: &LockGuard, intent: Intent) -> Result<Exit, CliError> {
    session.keep(&intent.name, intent.facts.clone()).await?;
    let ended = carry_out(&session.run(), std::slice::from_ref(&intent)).await;
    session.end(site, lock)?;
    Ok(ended.iter().map(told).find(|exit| *exit != Exit::Done).unwrap_or(Exit::Done))
}

/// What raising it again will do.
async fn show(global: &Global, site: &Site, snapshot: &Snapshot, intent: &Intent) -> Result<(), CliError> {
    let (_, cloud) = site.connect(global, snapshot).await?;
    let live =
        intent.facts.live.map(|live| Address::new("autoscaling_group", &intent.name).with_key(live.name()));
    let group = live.and_then(|address| snapshot.resources.get(&address).map(|record| record.id.clone()));
    let capacity = match group {
        Some(group) => observe_one(&cloud, &group).await?.map(|fleet| fleet.desired.unsigned_abs()),
        None => None,
    };
    for line in story(intent, capacity) {
        outln!("{line}");
    }
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

fn refused(no_way: NoWay) -> CliError {
    let (message, help) = (no_way.to_string(), no_way.help());
    match no_way {
        NoWay::Irreversible { .. } => {
            CliError::Refused { code: "bgform::deployment::irreversible", message, help }
        }
        _ => CliError::usage("bgform::deployment::no_way_back", message, help),
    }
}
