//! `bgform rollback`: back to the release before. While its colour stands, that is one change of the
//! rule; once it is retired, it is raised again first, after asking. What was replaced in the live
//! colour comes back there.

use super::abort::take_back;
use super::apply::ask_at_terminal;
use super::rollout::{Session, Site, Which, told, who};
use super::{CliError, Exit, Global};
use crate::address::Address;
use crate::deployment::decide::Intent;
use crate::deployment::run::run as carry_out;
use crate::deployment::standing::{Back, NoWay, back, intent};
use crate::deployment::story::story;
use crate::kind::autoscaling_group::fleet::observe_one;
use crate::state::LockGuard;
use crate::state::deployment::Course;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "While the old colour stands, all traffic is back on it after one change of the listener rule, \
                        and nothing is asked. A release that was shipped with strategy \"rolling\" or \"in_place\" has \
                        no old colour: after asking, an instance refresh brings the release before back. The release that is left stands by as long as the old one did. A \
                        release that is still under way is taken back as by `bgform abort`. After a gate that is \
                        irreversible has passed there is no way back, and it says so.\n\n\
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
    let (_, facts) = site.one(&site.snapshot()?)?;
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
    let lock = site.store.lock("bgform rollback")?;
    let session = Session::begin(&site, global, &lock).await?;
    let (name, facts) = site.one(&session.journal.snapshot())?;
    let intent = match &facts.rollout {
        // One that was cut short.
        Some(_) => {
            let mut facts = facts.clone();
            if let Some(rollout) = &mut facts.rollout {
                rollout.course = Course::Forward;
            }
            intent(&name, facts)
        }
        None => {
            let now = session.cloud.clock.now();
            let Back { intent, raises } =
                back(&name, &facts, args.to.as_deref(), &who(), now).map_err(refused)?;
            if raises {
                show(&session, &intent).await?;
                agreed(args.auto_approve)?;
            }
            intent
        }
    };
    go(&site, session, &lock, intent).await
}

async fn go(site: &Site, session: Session, lock: &LockGuard, intent: Intent) -> Result<Exit, CliError> {
    session.keep(&intent.name, intent.facts.clone()).await?;
    let ended = carry_out(&session.run(), std::slice::from_ref(&intent)).await;
    session.end(site, lock)?;
    Ok(ended.iter().map(told).find(|exit| *exit != Exit::Done).unwrap_or(Exit::Done))
}

/// What raising it again will do.
async fn show(session: &Session, intent: &Intent) -> Result<(), CliError> {
    let snapshot = session.journal.snapshot();
    let live =
        intent.facts.live.map(|live| Address::new("autoscaling_group", &intent.name).with_key(live.name()));
    let group = live.and_then(|address| snapshot.resources.get(&address).map(|record| record.id.clone()));
    let capacity = match group {
        Some(group) => observe_one(&session.cloud, &group).await?.map(|fleet| fleet.desired.unsigned_abs()),
        None => None,
    };
    for line in story(intent, capacity) {
        println!("{line}");
    }
    Ok(())
}

fn agreed(auto_approve: bool) -> Result<(), CliError> {
    use std::io::IsTerminal;
    match auto_approve {
        true => Ok(()),
        false if !std::io::stdin().is_terminal() => Err(CliError::usage(
            "bgform::cli::no_terminal",
            "the old release has no instances; launching them is asked for first, and there is no terminal to ask at",
            "nothing was changed. Pass --auto-approve",
        )),
        false => ask_at_terminal(),
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
