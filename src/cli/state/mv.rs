//! `bgform state mv`: keeps the record of a resource that was renamed in the stack, so that it is not created
//! again.

use super::{Hand, StackArg, tell};
use crate::address::Address;
use crate::cli::show::known;
use crate::cli::{CliError, Exit, Global};
use crate::state::Change;

#[derive(Debug, clap::Args)]
#[command(after_help = "Rename it in the stack file first; both addresses are of one kind.\n\n\
                        Examples:\n  bgform state mv target_group.web target_group.shop\n  \
                        bgform state mv target_group.web 'target_group.shop[\"blue\"]' stacks/explicit.deploy")]
pub struct MvArgs {
    /// The address that the state has.
    #[arg(value_name = "FROM")]
    from: Address,
    /// The address that it is to have.
    #[arg(value_name = "TO")]
    to: Address,
    #[command(flatten)]
    stack: StackArg,
}

pub async fn run(global: &Global, args: MvArgs) -> Result<Exit, CliError> {
    let MvArgs { from, to, stack } = args;
    if from == to {
        let message = format!("`{from}` cannot be moved to itself");
        return Err(CliError::usage("bgform::state::same_address", message, "name another address after it"));
    }
    if from.kind != to.kind {
        return Err(CliError::usage(
            "bgform::state::other_kind",
            format!("a `{}` cannot become a `{}`", from.kind, to.kind),
            "nothing was changed. A move keeps the kind; for something else, change the stack and apply",
        ));
    }
    let hand = Hand::on(global, stack.stack.as_deref(), "bgform state mv").await?;
    let (_, record) = known(&hand.snapshot, &from)?;
    let id = record.id.clone();
    if let Some(there) = hand.snapshot.resources.get(&to) {
        return Err(CliError::usage(
            "bgform::state::address_taken",
            format!("`{to}` stands for {} already", there.id),
            format!(
                "nothing was changed. Move that resource first, or take it out of the state: bgform state rm '{to}'"
            ),
        ));
    }
    let change = Change::Move { from: from.clone(), to: to.clone() };
    let snapshot = hand.keep(vec![change]).await?;
    tell(&[format!("`{from}` is now `{to}` ({id}); nothing in the account was changed.")], &snapshot);
    Ok(Exit::Done)
}
