//! `bgform state rm`: removes resources from the state. They stay in the account, and bgform neither changes
//! nor deletes them from then on.

use std::path::PathBuf;

use super::{Hand, tell};
use crate::address::Address;
use crate::cli::{CliError, Exit, Global, locate, show};
use crate::state::Change;

#[derive(Debug, clap::Args)]
#[command(
    override_usage = "bgform state rm [OPTIONS] <ADDRESS>... [STACK]",
    after_help = "The resources themselves stay as they are; take each out of the stack file too, or the next apply \
                  makes another one. `bgform import` takes one over again. The last word is the stack if it is a file \
                  or folder or ends in .deploy.\n\n\
                  Examples:\n  bgform state rm security_group.old\n  \
                  bgform state rm image.shop 'target_group.shop[\"blue\"]' stacks/explicit.deploy"
)]
pub struct RmArgs {
    /// The resources to forget; without a key, all of a block. A stack file or folder may come last.
    #[arg(value_name = "ADDRESS", required = true, num_args = 1..)]
    words: Vec<String>,
}

pub async fn run(global: &Global, args: RmArgs) -> Result<Exit, CliError> {
    let (addresses, stack) = addresses_and_stack(args.words)?;
    let hand = Hand::on(global, stack.as_deref(), "bgform state rm").await?;
    let (mut changes, mut lines) = (Vec::new(), Vec::new());
    for given in &addresses {
        let mut stands = false;
        for (address, record) in hand.snapshot.resources.iter().filter(|(one, _)| given.selects(one)) {
            stands = true;
            let change = Change::Remove { address: address.clone() };
            if !changes.contains(&change) {
                lines.push(format!("Forgot `{address}`: {} stays, and is no longer managed.", record.id));
                changes.push(change);
            }
        }
        for old in hand.snapshot.deposed.iter().filter(|old| given.selects(&old.address)) {
            stands = true;
            let change = Change::RemoveDeposed { address: old.address.clone(), id: old.record.id.clone() };
            if !changes.contains(&change) {
                let (address, id) = (&old.address, &old.record.id);
                lines.push(format!(
                    "Forgot the former resource of `{address}`: {id} stays and will not be deleted."
                ));
                changes.push(change);
            }
        }
        if !stands {
            return Err(show::unknown(&hand.snapshot, given));
        }
    }
    let snapshot = hand.keep(changes).await?;
    tell(&lines, &snapshot);
    Ok(Exit::Done)
}

/// The last word is the stack if it has no address's form; all others are addresses.
fn addresses_and_stack(mut words: Vec<String>) -> Result<(Vec<Address>, Option<PathBuf>), CliError> {
    let stack = words.pop_if(|last| locate::as_address(last).is_none()).map(PathBuf::from);
    if words.is_empty() {
        return Err(CliError::usage(
            "bgform::cli::no_address",
            "no address is given",
            "write one or more as `bgform state list` prints them: bgform state rm kind.name",
        ));
    }
    let address = |word: &String| {
        word.parse().map_err(|error: crate::address::InvalidAddress| {
            let help = "write kind.name or kind.name[\"key\"], as `bgform state list` prints them; quote it for the \
                        shell. The stack comes last";
            CliError::usage("bgform::address::invalid", error.to_string(), help)
        })
    };
    Ok((words.iter().map(address).collect::<Result<_, _>>()?, stack))
}
