//! `bgform destroy`: takes away everything that the stack made.

use super::apply::{Ask, carry_out};
use super::{CliError, Exit, Global, StackArgs, context};
use crate::address::Address;
use crate::plan::Options;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  bgform destroy stacks/explicit.deploy\n  bgform destroy --auto-approve")]
pub struct DestroyArgs {
    #[command(flatten)]
    stack: StackArgs,
    /// Only this resource and what depends on it; may be given again.
    #[arg(long, value_name = "ADDRESS")]
    target: Vec<Address>,
    #[command(flatten)]
    ask: Ask,
}

pub async fn run(global: &Global, args: DestroyArgs) -> Result<Exit, CliError> {
    let program = context::program(&args.stack)?;
    let options = Options { targets: args.target, destroy: true, ..Options::default() };
    carry_out(global, &program, &options, &args.ask, None, "bgform destroy").await
}
