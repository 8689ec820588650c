//! `bgform approve`: the approval that a gate waits for.

use std::path::PathBuf;

use super::rollout::{Reach, Site, Which};
use super::{CliError, Exit, Global};
use crate::diagnostic::did_you_mean;
use crate::facts::{Rollout, Stage};
use crate::rollout::mailbox::Message;
use crate::rollout::{note, under_way};
use crate::terminal::outln;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The approval may be given before the rollout has come to the gate. It counts for this rollout only. \
                        `bgform help gates` explains gates.\n\n\
                        Examples:\n  bgform approve \"go live\"\n  \
                        bgform approve \"go live\" stacks/shop.deploy --deployment web"
)]
pub struct ApproveArgs {
    /// The gate, by its name in the stack.
    #[arg(value_name = "GATE")]
    gate: String,
    /// A stack file or folder; left out, the only .deploy file here.
    #[arg(value_name = "STACK")]
    stack: Option<PathBuf>,
    /// The deployment; left out, the stack's only one.
    #[arg(long, value_name = "NAME", value_parser = super::rollout::named)]
    deployment: Option<String>,
}

pub async fn run(global: &Global, args: ApproveArgs) -> Result<Exit, CliError> {
    let ApproveArgs { gate, stack, deployment } = args;
    let site = Site::find(global, &Which { stack, deployment })?;
    let (name, facts) = site.leading(&site.snapshot()?)?;
    let rollout = under_way(&name, &facts)?;
    known(&name, rollout, &gate)?;
    if rollout.passed.contains(&gate) {
        outln!("{name}: gate \"{gate}\" has passed already.");
        return Ok(Exit::Done);
    }
    let message = Message::Approve { gate: gate.clone() };
    let Some(lock) = site.lock_or_tell(&name, &rollout.release, &message, "bgform approve").await? else {
        return Ok(Exit::Done);
    };
    let noted = gate.clone();
    let reach = Reach::of(&site, global).await?;
    note(&reach.engine(&site), &lock, &name, &rollout.release, |rollout| {
        rollout.approved.insert(noted);
    })
    .await?;
    outln!("{name}: gate \"{gate}\" is approved; the next `bgform apply` passes it.");
    Ok(Exit::Done)
}

/// Checks that the gate is one of the rollout's.
fn known(name: &str, rollout: &Rollout, gate: &str) -> Result<(), CliError> {
    let gates: Vec<&str> = rollout
        .stages
        .iter()
        .filter_map(|stage| match stage {
            Stage::Gate { name } => Some(name.as_str()),
            _ => None,
        })
        .collect();
    if gates.contains(&gate) {
        return Ok(());
    }
    let help = match (did_you_mean(gate, gates.iter().copied()), gates.as_slice()) {
        (Some(guess), _) => format!("did you mean \"{guess}\"?"),
        (None, []) => "this rollout has no gates".to_owned(),
        (None, gates) => format!("it has {}", gates.join(", ")),
    };
    Err(CliError::usage(
        "bgform::deployment::no_such_gate",
        format!("the rollout of {} by `{name}` has no gate \"{gate}\"", rollout.release.label),
        help,
    ))
}
