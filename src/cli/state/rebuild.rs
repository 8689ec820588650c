//! `bgform state rebuild`: rebuilds a lost state from the account. Shows the found resources and asks;
//! changes nothing in the account.

use std::fmt::Write;
use std::io::IsTerminal;

use super::{CliError, Exit, Global, keep, nothing_open};
use crate::cli::apply::ask_at_terminal;
use crate::cli::lock::locked;
use crate::cli::{StackArgs, context, report};
use crate::rollout::rebuild::{Rebuilt, rebuild};
use crate::rollout::same_account;
use crate::state::Snapshot;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "What bgform makes bears the stack and the address in its tags, and is found by them. The colour with \
                        all the weight is live. A colour that runs what the file says has the file's release; give the \
                        variables, and check out the commit, of the release that is live. A state that is there \
                        already is kept, and what it does not have is added.\n\n\
                        Examples:\n  bgform state rebuild stacks/shop.deploy --var release=1.4.2\n  \
                        bgform state rebuild --state s3://states/prod --auto-approve"
)]
pub(super) struct RebuildArgs {
    #[command(flatten)]
    stack: StackArgs,
    /// Keep it without asking.
    #[arg(long)]
    auto_approve: bool,
}

pub(super) async fn run(global: &Global, args: RebuildArgs) -> Result<Exit, CliError> {
    const COMMAND: &str = "bgform state rebuild";
    let asks = !args.auto_approve;
    if asks && !std::io::stdin().is_terminal() {
        return Err(CliError::usage(
            "bgform::cli::no_terminal",
            format!("`{COMMAND}` asks before it keeps the rebuilt state, and there is no terminal to ask at"),
            "pass --auto-approve",
        ));
    }
    let program = context::program(&args.stack)?;
    let store = context::store(global, &program)?;
    let cloud = context::connect(global, &program).await?;
    let account = cloud.account().await?;
    let loaded = store.load()?;
    if let Some(loaded) = &loaded {
        nothing_open(&loaded.open)?;
    }
    let known = loaded.map(|loaded| loaded.snapshot);
    same_account(context::realm(global), &cloud, &account, &program, known.as_ref())?;
    let (region, endpoint) = (cloud.region.clone(), cloud.endpoint.clone());
    let snapshot = known.unwrap_or_else(|| Snapshot::new(&program.settings.name, &account, region, endpoint));
    let rebuilt = rebuild(&cloud, &program, &snapshot).await?;
    report::out(&told(&rebuilt, &snapshot));
    if rebuilt.found.is_empty() {
        return Ok(Exit::Done);
    }
    if asks {
        ask_at_terminal()?;
    }
    let lock = locked(global, &store, COMMAND).await?;
    // Another process may have made a state meanwhile.
    let there = store.load()?.map(|loaded| loaded.snapshot);
    if there
        .as_ref()
        .is_some_and(|there| there.serial != snapshot.serial || there.lineage != snapshot.lineage)
    {
        return Err(CliError::Refused {
            code: "bgform::state::changed",
            message: "the state was changed while this one was being built".to_owned(),
            help: "nothing was kept. `bgform state list` shows the state; to add missing resources, run this again"
                .to_owned(),
        });
    }
    let kept = keep(&store, &lock, snapshot, rebuilt.changes).await?;
    report::out(&format!(
        "\nKept as serial {}; nothing in the account was changed. `bgform plan` shows how the stack differs.\n",
        kept.serial
    ));
    Ok(Exit::Done)
}

fn told(rebuilt: &Rebuilt, snapshot: &Snapshot) -> String {
    let Rebuilt { found, lines, missing, left, .. } = rebuilt;
    let (stack, account, region) = (&snapshot.stack, &snapshot.account, &snapshot.region);
    if found.is_empty() {
        return format!(
            "Nothing of stack `{stack}` that the state lacks was found in account {account}, {region}.\n"
        );
    }
    let mut text = format!("Found of stack `{stack}` in account {account}, {region}:\n\n");
    let width = found.iter().map(|(address, _)| address.to_string().len()).max().unwrap_or_default();
    for (address, id) in found {
        let _ = writeln!(text, "  {:width$}  {id}", address.to_string());
    }
    for (heading, lines) in [
        ("Deployments:", lines.clone()),
        ("Not found; the next apply makes them:", missing.iter().map(ToString::to_string).collect()),
        (
            "With the tag of this stack, and in no place of it; they are left alone:",
            left.iter().map(|(kind, one)| format!("{kind} {}, made for {}", one.id, one.address)).collect(),
        ),
    ] {
        if !lines.is_empty() {
            let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
            let _ = write!(text, "\n{heading}\n\n{lines}");
        }
    }
    text
}
